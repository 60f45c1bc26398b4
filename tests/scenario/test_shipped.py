"""Every shipped scenario, in memory: its verdict, its exit code, and the digest of each track, as they were recorded;
and the sentence on each of its records reads well.

A digest that differs means that something a device or the cloud did is not what it was. When that was meant, record
anew and look at the difference before it is committed: `QPYOTA_GOLDEN=write pytest tests/scenario/test_shipped.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from sentence_rig import Reader

from sim.cli.exits import exit_of
from sim.cloud.account import TRACK_SUFFIX
from sim.fleet.run import Run, run_judged
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import ENDING, run_scenario
from sim.scenario.world import World
from sim.shipped import scenarios_dir
from sim.trace import Record

GOLDEN = Path(__file__).parent / "golden"
SCENARIOS = sorted(scenarios_dir().glob("*.yaml"))
SHORT = 8
"""Hex digits kept of a track's digest."""


class Digests:
    """Keeps the digest of each track at the end of a run, and kinds after which the run should have looked whether it
    is over and did not."""

    def __init__(self) -> None:
        self.tracks: dict[str, str] = {}
        self.not_ending: set[str] = set()

    def begin(self, world: World) -> None:
        world.trace.observe(self._look)

    def _look(self, record: Record) -> None:
        if record.track.endswith(TRACK_SUFFIX) and record.kind not in ENDING:
            self.not_ending.add(record.kind)

    def end(self, world: World, result: RunResult) -> RunResult:
        self.tracks = {track: digest[:SHORT] for track, digest in world.trace.hashes().items()}
        return result


def played(file: Path, run: Run = run_scenario) -> dict[str, Any]:
    """What is kept of a run: the verdict in its own words, how the process would end, and digests by track."""
    digests, reader = Digests(), Reader()
    options = RunOptions(transport="memory")
    observers = [reader] if run is run_scenario else []
    result = run_judged(load_scenario(file), options, observers, lambda _: [digests], run)
    assert not reader.stumbled
    assert not digests.not_ending
    lines = [f"{'yes' if it.passed else 'no'}: {it.expr}" for it in result.expects]
    return {"exit": int(exit_of(result)), "expects": lines, "tracks": digests.tracks}


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_a_shipped_scenario_ends_as_it_always_did(file: Path) -> None:
    golden = GOLDEN / f"{file.stem}.json"
    now = played(file)
    if os.environ.get("QPYOTA_GOLDEN") == "write":
        golden.write_text(json.dumps(now, indent=0, sort_keys=True) + "\n")
    known = json.loads(golden.read_text())
    assert (now["exit"], now["expects"]) == (known["exit"], known["expects"])
    assert now["tracks"] == known["tracks"]


def test_there_are_at_least_twenty_and_each_says_what_it_teaches() -> None:
    assert len(SCENARIOS) >= 20
    for file in SCENARIOS:
        assert file.read_text().startswith("# "), f"{file.name} does not begin with a comment"


def test_nothing_is_recorded_of_a_scenario_that_is_gone() -> None:
    assert {golden.stem for golden in GOLDEN.glob("*.json")} == {file.stem for file in SCENARIOS}
