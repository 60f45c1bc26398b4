"""Whole scenarios from a program, power cuts that are counted, and what is kept of a failure."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sim.errors import MachineError, SpecError
from sim.rig import Rig
from sim.rig.artifacts import keep_rig
from sim.rig.cuts import Count, Cut, arm, check_op, count, happened
from sim.rig.run import choices, run_file
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario


def test_a_run_is_that_of_the_command_line() -> None:
    run = run_file("first_upgrade")
    plain = run_scenario(load_scenario(find_scenario("first_upgrade")), RunOptions(transport="memory"))
    assert (run.verdict, run.result.trace_hash, run.expects) == ("PASSED", plain.trace_hash, plain.expects)
    assert run.devices["QuecPython_OTA"].firmware == "EG915UEUABR03A21M08_OCPU_QPY"
    assert "2.0" in (run.devices["QuecPython_OTA"].file("/usr/a.py") or "")
    assert run.jobs["jobfota"].succeeded == 1
    assert run.replay == "qpyota run first_upgrade --seed 1 --transport memory"


def test_seed_and_settings_are_used_and_told() -> None:
    run = run_file("first_upgrade", seed=9, settings={"fleet.0.network": "ideal", "expect": ["device.bricked == 1"]})
    assert (run.verdict, run.passed, run.result.seed) == ("FAILED", False, 9)
    assert "device.bricked == 1: device.bricked is 0" in repr(run)
    assert "--set fleet.0.network=ideal" in run.replay
    with pytest.raises(SpecError, match=r"(no|unknown key) 'cout'"):
        run_file("first_upgrade", settings={"fleet.0.cout": 2})


def test_sockets_work_where_a_loop_runs_already() -> None:
    async def cell() -> str:
        return run_file("first_upgrade", transport="virtual").verdict

    assert asyncio.run(cell()) == "PASSED"


def test_choices_of_a_matrix(tmp_path: Path) -> None:
    text = "version: 1\nname: m\nmatrix: {model: [EC200A, EG915U], n: [1, 2]}\nfleet:\n"
    firmware = "EG915UEUABR03A20M08_OCPU_QPY"
    (tmp_path / "m.yaml").write_text(
        f"{text}  - {{group: g, count: 1, model: EG915U, firmware: {firmware}, agent: modelled}}\n"
    )
    assert [name for name, _ in choices(tmp_path / "m.yaml")] == [
        "model=EC200A, n=1", "model=EC200A, n=2", "model=EG915U, n=1", "model=EG915U, n=2",
    ]  # fmt: skip
    (tmp_path / "m.yaml").write_text("fleet: [")
    with pytest.raises(SpecError):
        list(choices(tmp_path / "m.yaml"))


@pytest.mark.parametrize("op", ["flash.program", "flash.erase", "http.chunk", "mqtt.pub"])
def test_each_counted_operation_can_be_cut_and_the_next_cannot(op: str) -> None:
    def once(cut: Cut | None) -> tuple[int, list[str], bool]:
        with Rig() as rig:
            device = rig.device()
            counted = Count(op)
            if cut is None:
                count(rig, device, counted)
            else:
                arm(device, cut)
            rig.cloud.create_job("j", device, package=rig.packages(device).app({"/usr/a.py": b"x = 1\n"}))
            device.run_until_idle("30m")
            kinds = [record.kind for record in device.events]
            return counted.points, kinds, happened(rig)

    points, kinds, _ = once(None)
    assert points > 0
    assert "power.cut" not in kinds
    for nth in {1, points // 2 + 1, points}:
        _, kinds, done = once(Cut(op, nth))
        assert kinds.count("power.cut") == 1
        assert done
    if op != "mqtt.pub":  # a device that was not cut says no more than this
        assert once(Cut(op, points + 1))[2] is False


def test_operations_have_names() -> None:
    with pytest.raises(SpecError, match=r"'flash.progam' is no operation; did you mean 'flash.program'"):
        check_op("flash.progam")


def test_artifacts(rig: Rig, tmp_path: Path) -> None:
    for _ in range(12):
        rig.device().boot()
    keep_rig(rig, tmp_path / "kept")
    kept = {path.name for path in (tmp_path / "kept").iterdir()}
    assert {"replay.txt", "trace.jsonl", "device-1.flash.bin", "device-1.flash.png"} <= kept
    assert len(kept) == 2 + 2 * 10
    assert (tmp_path / "kept" / "replay.txt").read_text() == "the command\n"
    lines = [json.loads(line) for line in (tmp_path / "kept" / "trace.jsonl").read_text().splitlines()]
    assert {"t_us", "track", "seq", "kind"} <= set(lines[0])
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot be written"):
        keep_rig(rig, tmp_path / "file")
