"""A run is the same in one process and in several."""

import json
from pathlib import Path

import pytest

from sim.errors import SpecError
from sim.fleet.hub import ShardPlan
from sim.fleet.run import run_judged
from sim.net.lines import LineLost
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from tests.fleet.conftest import FAULTS, MEMORY, disturbed, in_threads, staged, watched
from tests.fleet.threads import Threads
from tests.scenario.test_shipped import GOLDEN, SCENARIOS, played


def test_the_faulty_fleet_is_one(whole):
    kinds = {kind for records in whole.tracks.values() for _, kind, _ in records}
    assert whole.result["devices"] == 120
    assert {"power.cut", "link.lost"} <= kinds
    assert {"SUCCEEDED", "FAILED"} <= set(whole.result["executions"])
    assert whole.result["thresholds"]
    assert whole.result["costs"]
    assert whole.result["failures"]


@pytest.mark.parametrize("shards", [1, 5])
def test_any_number_of_shards_gives_the_run_of_one_process(faulty, whole, shards):
    assert watched(faulty, in_threads(shards)) == whole


LONG = {
    "rough_night",
    "trap_wrong_file",
    "trap_wrong_package",
    "trap_reconnect_storm",
    "mixed_families",
    "compare_methods",
}
"""Shipped scenarios with many windows; each kind of them is among the others, too."""


@pytest.mark.parametrize("file", [file for file in SCENARIOS if file.stem not in LONG], ids=lambda file: file.stem)
def test_a_shipped_scenario_is_in_shards_what_it_always_was(file):
    known = json.loads((GOLDEN / f"{file.stem}.json").read_text())
    now = played(file, in_threads(2))
    assert {**now, "tracks": set(now["tracks"].items())} == {**known, "tracks": set(known["tracks"].items())}


@pytest.mark.parametrize("name", ["first_upgrade", "sensor_node", "trap_broken_file", "flaky_server", "wrong_base"])
def test_scripts_peers_hosts_and_explanations_are_the_same(name):
    scenario = load_scenario(find_scenario(name))
    assert watched(scenario, in_threads(2)) == watched(scenario)


EVERYTHING = """
version: 1
name: everything
duration: 20m
networks:
  town: { extends: lte-cat1, cells: { count: 3, rate: 60kB/s } }
fleet:
  - { group: near, count: 9, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled, network: town }
  - { group: far, count: 4, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled }
  - { group: talk, count: 3, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: app }
packages:
  a21: { from: EG915UEUABR03A20M08_OCPU_QPY, to: EG915UEUABR03A21M08_OCPU_QPY }
cloud:
  buckets: { qpyota: { a21.pack: { package: a21 } } }
hosts:
  echo: { tcp: { host: echo.example, port: 7000 }, moves: [ { expect: hello }, { send: "welcome\\n" } ] }
jobs:
  - jobId: fota
    at: 20s
    targets: [near, far]
    document:
      - operation: FOTA
        files:
          - fileName: a21.pack
            fileVersion: EG915UEUABR03A21M08_OCPU_QPY
            fileSource: { url: "${aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/a21.pack}" }
    presignedUrlConfig: { expiresInSec: 3600 }
    timeoutConfig: { inProgressTimeoutInMinutes: 4 }
faults:
  - power_cut: { device: near, share: 50%, when: { event: job.IN_PROGRESS }, off_for: 15s }
  - broker_down: { at: 70s, for: 10s }
  - cell_outage: { network: town, cell: 1, at: 90s, for: 20s }
  - power_cut: { device: far-00002, when: { op: mqtt.pub, nth: 900 }, off_for: 1s }
steps:
  - { device: talk-00002, at: 400s, every: 30s, times: 3, signal: { csq: 9 } }
thresholds:
  ota_duration{network:town}: ['p(95) < 20m', 'count > 0']
  job_succeeded{job:fota}: ['rate > 1%']
expect:
  - host['echo'].connections == 3 and host['echo'].finished == 3
  - device.bricked == 0
"""

APP = """
import usocket
import utime
utime.sleep(10)
s = usocket.socket()
s.connect(usocket.getaddrinfo('echo.example', 7000)[0][-1])
s.send(b'hello')
print(s.recv(20))
s.close()
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    folder = tmp_path_factory.mktemp("everything")
    (folder / "app").mkdir()
    (folder / "app" / "main.py").write_text(APP)
    (folder / "everything.yaml").write_text(EVERYTHING)
    return load_scenario(folder / "everything.yaml")


def test_cells_hosts_steps_faults_of_all_kinds_and_what_never_happened_are_the_same(everything):
    one = watched(everything)
    kinds = {(kind, data.get("what")) for records in one.tracks.values() for _, kind, data in records}
    assert {("fault", "broker_down"), ("fault", "cell_outage"), ("power.cut", None), ("step", "signal")} <= kinds
    assert [expect["detail"] for expect in one.result["expects"] if not expect["passed"]] == []
    assert one.result["problems"] == [
        "a fault never happened: power_cut of far-00002 when {op: mqtt.pub, nth: 900}",
    ]
    assert watched(everything, in_threads(3)) == one


def test_a_run_that_a_threshold_ends_ends_in_the_same_instant(tmp_path):
    limit = "thresholds:\n  job_succeeded: [{ expr: 'rate > 95%', abortOnFail: true }]\n"
    scenario = staged(tmp_path, 10, limit)
    one = watched(scenario)
    assert [threshold["aborted"] for threshold in one.result["thresholds"]] == [True]
    assert watched(scenario, in_threads(2)) == one


def test_a_shard_is_asked_only_when_it_has_something_to_do(everything):
    windows = []
    run = disturbed(ShardPlan(2, Threads), lambda hub, at_us: windows.append(at_us))
    watched(everything, run)
    assert windows == sorted(windows)
    assert len(windows) < 3000


CALLER = """
import usocket
import utime
utime.sleep(20)
s = usocket.socket()
s.connect(('ADDRESS', 7000))
"""


def test_a_program_that_calls_a_device_of_another_shard_makes_the_run_worth_nothing(tmp_path):
    from sim.device.sim_card import make_sim

    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(CALLER.replace("ADDRESS", make_sim(1, "b-00001").address))
    (tmp_path / "idle").mkdir()
    (tmp_path / "idle" / "main.py").write_text("pass\n")
    path = tmp_path / "call.yaml"
    path.write_text("""
version: 1
name: call
duration: 1m
fleet:
  - { group: a, count: 1, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: app }
  - { group: b, count: 1, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: idle }
""")
    seen = watched(load_scenario(path), in_threads(2))
    assert seen.result["problems"] == ["a program called b-00001, which is in another shard"]


def test_what_cannot_be_shared_out_is_refused(tmp_path, everything):
    outside = everything.model_copy(
        update={"cloud": everything.cloud.model_copy(update={"broker": object()})},
    )
    with pytest.raises(SpecError, match="cannot have a broker outside: run it without --shards"):
        watched(outside, in_threads(2))
    with pytest.raises(SpecError, match="--transport memory"):
        in_threads(2)(everything, RunOptions(transport="paced"), [], [])
    path = Path(tmp_path / "server.yaml")
    path.write_text(
        (everything.source.read_text()).replace(
            "faults:\n", "faults:\n  - http_status: { bucket: qpyota, key: a21.pack, status: 503, times: 2 }\n"
        )
    )
    (tmp_path / "app").symlink_to(everything.source.parent / "app")
    with pytest.raises(SpecError, match="misbehaves a number of `times`"):
        watched(load_scenario(path), in_threads(2))
    assert MEMORY.transport == "memory"


def test_observers_see_the_run_while_it_goes_on(everything):
    told, so_far = [], []
    run = disturbed(ShardPlan(2, Threads), lambda hub, at_us: so_far.append((len(told), at_us)))
    run_judged(everything, MEMORY, [told.append], run=run)
    half, at_us = so_far[len(so_far) // 2]
    assert 0 < half < len(told)
    assert told[half - 1].at_us <= at_us


def test_a_lost_shard_is_said_to_be_lost_at_the_window_that_it_was_asked_for(tmp_path):
    scenario, seen, lost = staged(tmp_path, 5, FAULTS), [0], []

    def cut(hub, at_us):
        if at_us > max(seen[-1], 150_000_000) and not lost:

            def gone(_silence_s):
                lost.append(seen[-1])
                raise LineLost("its connection ended")

            hub.members[1]._line.receive = gone
        seen.append(at_us)

    result = watched(scenario, disturbed(ShardPlan(2, Threads), cut)).result
    at_s = f"{lost[0] / 1_000_000:g}"
    assert result["notes"] == [f"shard 1 of 2 was lost at {at_s} s (its connection ended), and is run again"]
