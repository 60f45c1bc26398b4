"""A fleet on which much goes wrong, and ways to run it that can be compared."""

import re
from typing import NamedTuple

import pytest

from sim.cli.shards import on_shards
from sim.fleet.hub import Hub, ShardPlan
from sim.fleet.run import run_judged
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from tests.fleet.threads import Threads

MEMORY = RunOptions(transport="memory")

FAULTS = """
faults:
  - power_cut: { device: current, share: 30%, when: { op: flash.erase, nth: 3 }, off_for: 20s }
  - power_cut: { device: current-00002, when: { at: 700s }, off_for: 5s }
  - power_cut: { device: outdated-00003, when: { at: 95s }, off_for: 30s }
  - link_loss: { device: current, share: 30%, when: { at: 660s }, for: 40s }
"""


class Seen(NamedTuple):
    """A run: its whole result without wall time, and every record of each track."""

    result: dict
    tracks: dict


def watched(scenario, run=run_scenario):
    """Run a scenario and watch."""
    tracks = {}

    def see(record):
        tracks.setdefault(record.track, []).append((record.at_us, record.kind, record.data))

    result = run_judged(scenario, MEMORY, [see], run=run)
    return Seen({**result.to_json(), "wall_s": 0}, tracks)


def in_threads(shards):
    """How to run it in so many shards, in threads of this process."""
    return on_shards(ShardPlan(shards, Threads))


def disturbed(plan, disturb):
    """How to run it by a plan, with `disturb(hub, at_us)` called in every window."""

    def run(scenario, options, observers, attendants):
        hub = Hub(scenario, options, plan)
        hub.on_window = lambda at_us: disturb(hub, at_us)
        try:
            return hub.run(observers, attendants)
        finally:
            hub.close()

    return run


def staged(folder, count, more):
    """The staged rollout with other numbers, and with `more` in place of its faults and expects."""
    text = find_scenario("staged_rollout").read_text()
    text = text[: text.index("expect:")] + more
    text = re.sub(r"count: ([24])0", lambda match: f"count: {int(match[1]) // 2 * count}", text)
    path = folder / "staged.yaml"
    path.write_text(text)
    return load_scenario(path)


@pytest.fixture(scope="session")
def faulty(tmp_path_factory):
    """120 devices."""
    more = FAULTS + "expect:\n  - device['current-00040'].boots > 1 and device.bricked == 0\n"
    more += "thresholds:\n  ota_duration{group:current}: ['p(95) < 5m', 'max < 1h']\n"
    return staged(tmp_path_factory.mktemp("shards"), 40, more)


@pytest.fixture(scope="session")
def whole(faulty):
    """Their run in one process."""
    return watched(faulty)
