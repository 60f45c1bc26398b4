"""A run is the same in one process and in several, and when a process is lost on the way."""

import os
import signal
from pathlib import Path

import pytest

from sim.cli.exits import Exit, exit_of
from sim.errors import SpecError
from sim.fleet import hub as hub_module
from sim.fleet.hub import Hub, LostShard, run_sharded
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

MEMORY = RunOptions(transport="memory")

FAULTS = """
faults:
  - power_cut: { device: current, share: 30%, when: { op: flash.erase, nth: 3 }, off_for: 20s }
  - power_cut: { device: current-00002, when: { at: 700s }, off_for: 5s }
  - power_cut: { device: outdated-00003, when: { at: 95s }, off_for: 30s }
  - link_loss: { device: current, share: 30%, when: { at: 660s }, for: 40s }
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    text = find_scenario("staged_rollout").read_text()
    text = text[: text.index("expect:")] + FAULTS
    text = text.replace("count: 40", "count: 80").replace("count: 20", "count: 40")
    path = tmp_path_factory.mktemp("shards") / "faulty.yaml"
    path.write_text(text + "expect:\n  - device['current-00040'].boots > 1 and device.bricked == 0\n")
    return load_scenario(path)


@pytest.fixture(scope="module")
def whole(scenario):
    return watched(lambda observers: run_scenario(scenario, MEMORY, observers))


def watched(run):
    """A result, and each track's records."""
    tracks = {}

    def see(record):
        tracks.setdefault(record.track, []).append((record.at_us, record.kind, record.data))

    return run([see]), tracks


def same(one, other):
    assert one[1] == other[1]
    for name in ("trace_hash", "executions", "virtual_s", "expects", "problems", "devices"):
        assert getattr(one[0], name) == getattr(other[0], name), name


def test_the_faulty_fleet_is_one(whole):
    result, tracks = whole
    kinds = {kind for records in tracks.values() for _, kind, _ in records}
    assert result.devices == 120
    assert {"power.cut", "link.lost"} <= kinds
    assert {"SUCCEEDED", "FAILED"} <= set(result.executions)


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_any_number_of_shards_gives_the_run_of_one_process(scenario, whole, shards):
    same(watched(lambda observers: run_sharded(scenario, MEMORY, shards, observers)), whole)


@pytest.mark.parametrize("seconds", [100])
def test_a_shard_that_is_killed_is_run_again_with_the_same_result(scenario, whole, seconds):
    hub = Hub(scenario, MEMORY, 2)
    killed = []

    def kill(at_us):
        if at_us >= seconds * 1_000_000 and not killed:
            killed.append(hub.shards[1].process.pid)
            os.kill(killed[0], signal.SIGKILL)

    hub.on_window = kill
    try:
        same(watched(hub.run), whole)
    finally:
        hub.close()
    assert killed
    assert hub.shards[1].process.pid != killed[0]


def test_a_shard_that_does_not_come_back_leaves_the_run_degraded(scenario, monkeypatch):
    monkeypatch.setattr(hub_module, "RETRIES", 0)
    hub = Hub(scenario, MEMORY, 2)
    hub.on_window = lambda _: hub.shards[0].process.kill()
    try:
        with pytest.raises(LostShard, match="shard 0 of 2") as lost:
            hub.run()
        result = hub.degraded(str(lost.value))
    finally:
        hub.close()
    assert exit_of(result) is Exit.INCOMPLETE
    assert "FAILED" not in result.executions


def test_what_devices_share_besides_the_cloud_is_refused():
    with pytest.raises(SpecError, match="scripts: run it without --shards"):
        run_sharded(load_scenario(Path(find_scenario("first_upgrade"))), MEMORY, 2)
