"""Shards that are killed, that hang, that somebody takes the place of, and that never come back."""

import os
import signal
import socket
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread

import pytest

from sim.cli.exits import Exit, exit_of
from sim.cli.main import main
from sim.errors import MachineError, SpecError
from sim.fleet import members
from sim.fleet.hub import ShardPlan, run_sharded
from sim.fleet.launchers.local import Local
from sim.fleet.orders import ShardSpec
from sim.fleet.shards import GONE, OVER, run_shard
from sim.net import lines
from sim.scenario.loader import load_scenario
from tests.fleet.conftest import FAULTS, MEMORY, disturbed, staged, watched
from tests.fleet.threads import Threads


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Thirty devices."""
    faults = FAULTS.replace("current-00002", "current-00004")
    return staged(tmp_path_factory.mktemp("small"), 10, faults + "expect:\n  - device.bricked == 0\n")


@pytest.fixture(scope="module")
def small_whole(small):
    return watched(small)


def same_but_for_losses(seen, whole, *losses):
    notes = seen.result.pop("notes")
    assert len(notes) == len(losses), notes
    for note, loss in zip(notes, losses, strict=True):
        assert loss in note
    assert seen.result == {key: value for key, value in whole.result.items() if key != "notes"}
    assert seen.tracks == whole.tracks


def test_processes_that_are_killed_or_hang_are_run_again_with_the_same_result(small, small_whole, monkeypatch):
    monkeypatch.setattr(members, "SILENCE_S", 3.0)
    left, struck, said = [(100, 1, signal.SIGKILL), (250, 0, signal.SIGSTOP)], [], []

    def strike(hub, at_us):
        while left and at_us >= left[0][0] * 1_000_000:
            _, index, how = left.pop(0)
            struck.append(hub.launcher.processes[index])
            os.kill(struck[-1].pid, how)

    seen = watched(small, disturbed(ShardPlan(2, Local, say=said.append), strike))
    assert said == seen.result["notes"]
    same_but_for_losses(seen, small_whole, "its connection ended", "it was silent for 3 s")
    assert [process.poll() for process in struck] == [-signal.SIGKILL, -signal.SIGKILL]


def test_whoever_comes_for_a_shard_takes_it_over_and_the_one_before_is_fenced(small, small_whole):
    ends = {}

    def watch_end(spec, name):
        ends[name] = run_shard(spec)

    class Named(Threads):
        def launch(self, spec):
            name = f"{spec.index}-{len(self.threads)}"
            self.threads.append(Thread(target=watch_end, args=(spec, name), daemon=True))
            self.threads[-1].start()

    def double(hub, at_us):
        if at_us >= 200_000_000 and len(hub.launcher.threads) == 2:
            hub.launcher.launch(hub.members[1].spec)
            while hub.members[1].muster.at_work.get(1) is not None:
                pass

    seen = watched(small, disturbed(ShardPlan(2, Named), double))
    same_but_for_losses(seen, small_whole, "its connection ended")
    assert ends == {"0-0": OVER, "1-1": GONE, "1-2": OVER}


def test_a_worker_more_than_there_are_shards_waits_to_take_the_place_of_a_lost_one(small, small_whole):
    ends, left = [], [150, 250]

    def cut(hub, at_us):
        if len(hub.launcher.threads) == 2:
            spare = replace(hub.members[0].spec, index=None)
            spares = [Thread(target=lambda: ends.append(run_shard(spare)), daemon=True) for _ in range(2)]
            hub.launcher.threads += spares
            for thread in spares:
                thread.start()
        if left and at_us >= left[0] * 1_000_000:
            left.pop(0)
            while not hub.members[0].muster.waits_for(0):
                pass
            hub.members[0].muster.at_work[0].close()

    plan = ShardPlan(2, Threads)
    seen = watched(small, disturbed(plan, cut))
    same_but_for_losses(seen, small_whole, "its connection ended", "its connection ended")
    assert sorted(ends) == sorted([GONE, OVER])


def test_a_shard_that_does_not_come_back_leaves_the_run_degraded(small, monkeypatch):
    monkeypatch.setattr(members, "RETRIES", 0)

    class Broken(Threads):
        def launch(self, spec):
            super().launch(spec)
            self.specs = [*getattr(self, "specs", []), spec]

    def cut(hub, at_us):
        if at_us >= 50_000_000:
            hub.members[0].muster.at_work[0].close()

    plan = ShardPlan(2, Broken)
    run = disturbed(plan, cut)
    with pytest.raises(members.LostShard, match="shard 0 was lost 1 times; the last time its connection ended"):
        watched(small, run)


ONE_JOB = """
version: 1
name: one_job
duration: 2h
shards: { on_loss: continue }
fleet:
  - { group: near, count: 6, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled }
packages:
  a21: { from: EG915UEUABR03A20M08_OCPU_QPY, to: EG915UEUABR03A21M08_OCPU_QPY }
cloud:
  buckets: { firmware: { a21.pack: { package: a21 } } }
jobs:
  - jobId: fota
    at: 20s
    targets: [near]
    timeoutConfig: { inProgressTimeoutInMinutes: 60 }
    document:
      - operation: FOTA
        files:
          - fileName: a21.pack
            fileVersion: EG915UEUABR03A21M08_OCPU_QPY
            fileSource: { url: "${aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/a21.pack}" }
    presignedUrlConfig: { expiresInSec: 3600 }
thresholds:
  job_succeeded{job:fota}: ['rate == 100%']
  job_terminal{job:fota}: ['rate == 100%']
expect:
  - job['fota'].succeeded == 3
  - device.bricked == 0
"""


def test_a_run_may_go_on_without_a_shard_whose_devices_count_for_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "RETRIES", 0)
    path = tmp_path / "one_job.yaml"
    path.write_text(ONE_JOB)
    scenario = load_scenario(path)

    def cut(hub, at_us):
        if at_us >= 50_000_000 and 1 in hub.members[1].muster.at_work:
            hub.members[1].muster.at_work.pop(1).close()

    seen, whole = watched(scenario, disturbed(ShardPlan(2, Threads), cut)), watched(scenario)
    gone, there = ["near-00002", "near-00004", "near-00006"], ["near-00001", "near-00003", "near-00005"]
    assert seen.result["shard_lost"] == gone
    assert seen.result["passed"], seen.result
    assert seen.result["executions"] == {"IN_PROGRESS": 3, "SUCCEEDED": 3}
    assert seen.result["failures"] == []
    assert {cost["device"] for cost in seen.result["costs"]} == set(there)
    assert seen.result["virtual_s"] < 600
    assert "the run goes on without its 3 devices" in seen.result["notes"][0]
    for name in there:
        assert seen.tracks[name] == whole.tracks[name]
    for name in gone:
        at_us, kind, data = seen.tracks[name][-1]
        assert (at_us < 51_000_000, kind, data) == (True, "shard.lost", {"executions": {"fota": "IN_PROGRESS"}})


def test_a_process_that_does_not_start_leaves_the_run_incomplete(small, monkeypatch):
    from sim.fleet.launchers import local

    monkeypatch.setattr(local, "PROGRAM", "import sys; sys.exit(9)")
    result = run_sharded(small, MEMORY, ShardPlan(1, Local))
    assert result.problems == ["degraded: shard 0 does not start: its process ended with 9"]
    assert exit_of(result) is Exit.INCOMPLETE
    assert (result.devices, result.expects, result.executions) == (30, [], {})


def test_a_scenario_that_cannot_be_built_is_told_by_the_first_shard_and_not_tried_again(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_bytes(b"#" * 4_000_000)
    path = tmp_path / "big.yaml"
    path.write_text("""
version: 1
name: big
fleet:
  - { group: a, count: 1, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: app }
""")
    with pytest.raises(SpecError, match="less than its files need"):
        run_sharded(load_scenario(path), MEMORY, ShardPlan(1, Threads))


@pytest.fixture
def hub():
    came = SimpleQueue()
    made = lines.Lines("127.0.0.1", 0, "secret", came.put)
    yield f"http://127.0.0.1:{made.port}", came
    made.close()


def test_a_worker_without_the_token_is_refused(hub):
    url, came = hub
    with pytest.raises(MachineError, match="refuses this worker: the token is not that of this run"):
        run_shard(ShardSpec("", url, "guess", 0))
    assert came.empty()


def test_a_worker_of_another_version_is_refused(hub, monkeypatch):
    url, came = hub
    monkeypatch.setattr(lines, "SHOWN", {"Qpyota-Version": "0.0.1"})
    with pytest.raises(MachineError, match=f"another version of qpyota, and this is {lines.__version__}"):
        lines.dial(url, "secret")
    assert came.empty()


def test_a_hub_that_is_not_there_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(MachineError, match=f"no hub answers at http://127.0.0.1:{port}"):
            lines.dial(f"http://127.0.0.1:{port}", "secret")
        taken.listen()
        with pytest.raises(MachineError, match=f"cannot listen at 127.0.0.1:{port}"):
            lines.Lines("127.0.0.1", port, "secret", print)
    with pytest.raises(MachineError, match=r"'127\.0\.0\.1:1' is no address of a hub"):
        lines.dial("127.0.0.1:1", "secret")


def test_a_line_carries_what_was_sent_before_it_was_closed(hub):
    url, came = hub
    line = lines.dial(url, "secret", 3)
    line.send(b"one")
    line.send(b"x" * 5_000_000)
    line.close()
    other = came.get(timeout=30)  # the hub takes a line after it has answered whoever dials
    assert other.index == 3
    assert (other.receive(5.0), len(other.receive(5.0))) == (b"one", 5_000_000)
    with pytest.raises(lines.LineLost, match="its connection ended"):
        other.receive(5.0)


def test_a_worker_whose_hub_goes_says_so_and_fails(monkeypatch, capsys):
    made = lines.Lines("127.0.0.1", 0, "secret", lambda line: line.close())
    monkeypatch.setenv("QPYOTA_TOKEN", "secret")
    with pytest.raises(SystemExit) as end:
        main(["worker", "--join", f"http://127.0.0.1:{made.port}", "--index", "0"])
    made.close()
    assert end.value.code == Exit.ENVIRONMENT
    assert "the hub is gone, or has put another in this one's place" in capsys.readouterr().err
