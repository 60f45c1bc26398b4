"""Time passes only while a program waits, and a wait that is in vain says why."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest
import yaml
from rig_rig import AWS_OTA

from sim.errors import SpecError
from sim.rig import Rig, Unmet
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World
from sim.shipped import scenarios_dir


def test_time_stands_still_between_waits(rig: Rig) -> None:
    rig.device()
    assert rig.clock.now_us == 0
    time.sleep(0.02)
    assert (rig.clock.now_us, rig.device("other").state) == (0, "off")


def test_run_for_and_until_and_sleep_add_up(rig: Rig) -> None:
    rig.clock.run_for("90s")
    assert (rig.clock.now_s, str(rig.clock)) == (90.0, "1m30s")
    rig.clock.run_until("2m")
    assert rig.clock.now_s == 120
    rig.clock.run_until("1m")  # is over: no time passes
    assert rig.clock.now_s == 120
    rig.clock.sleep(0.5)
    assert rig.clock.now_us == 120_500_000


def test_run_until_a_condition_stops_at_its_instant(rig: Rig) -> None:
    device = rig.device()
    rig.clock.run_until(lambda: device.boots == 1)
    booted_us = next(record.at_us for record in device.events if record.kind == "boot")
    assert rig.clock.now_us == booted_us


def test_a_condition_that_never_holds_is_unmet_at_its_timeout(rig: Rig) -> None:
    def blue_moon() -> bool:
        return False

    with pytest.raises(Unmet, match=r"blue_moon\(\) did not become true within 5m; the clock shows 5m0s") as caught:
        rig.clock.run_until(blue_moon, timeout="5m")
    assert caught.value.replay == "the command"
    assert str(caught.value).endswith("\nreplay: the command")
    assert rig.clock.now_s == 300


def test_step_goes_from_instant_to_instant(rig: Rig) -> None:
    assert rig.clock.step() == 0  # nothing is going to happen
    device = rig.device()
    assert rig.clock.step() == 0
    assert device.state == "bootloader"
    first = rig.clock.step()
    assert 0 < first < rig.clock.step()


def test_unmet_is_a_failed_assertion(rig: Rig) -> None:
    with pytest.raises(AssertionError):
        rig.clock.run_until(lambda: False, timeout="1s")


@pytest.mark.parametrize("text", ["5", "soon", "5 parsecs"])
def test_timeouts_need_units(rig: Rig, text: str) -> None:
    with pytest.raises(SpecError, match="time-outs are virtual time"):
        rig.clock.run_for(text)


def test_a_condition_may_not_wait(rig: Rig) -> None:
    rig.device()
    with pytest.raises(SpecError, match="while time passes already"):
        rig.clock.run_until(lambda: bool(rig.clock.run_for("1s")))
    rig.clock.run_for("1s")  # and goes on


def test_only_one_thread_may_wait(rig: Rig) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> bool:
        inside.set()
        go_on.wait(0.001)
        return go_on.is_set()

    rig.device()
    waiting = threading.Thread(target=lambda: rig.clock.run_until(hold, timeout="9d"))
    waiting.start()
    inside.wait()
    try:
        with pytest.raises(SpecError, match="another thread waits already"):
            rig.clock.run_for("1s")
    finally:
        go_on.set()
        waiting.join()


def test_closed_is_closed(tmp_path: Path) -> None:
    rig = Rig()
    rig.close()
    rig.close()
    with pytest.raises(SpecError, match="the rig is closed"):
        rig.clock.run_for("1s")


def test_threads_end_with_their_rig() -> None:
    before = threading.active_count()
    with Rig() as rig:
        rig.device().boot()
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_same_calls_same_trace(tmp_path: Path) -> None:
    def once(seed: int) -> str:
        with Rig(seed=seed, folder=tmp_path) as rig:
            device = rig.device("QuecPython_OTA", script=AWS_OTA)
            rig.cloud.create_job("j", device, package=rig.packages(device).diff())
            rig.clock.run_for("10m")
            return rig.scene.trace.digest()

    assert once(1) == once(1)
    assert once(1) != once(2)


def test_a_rig_does_what_a_scenario_does(tmp_path: Path) -> None:
    """The same device, job and fault in a scenario: record for record the same."""
    old, new = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
    when = {"op": "flash.program", "phase": "apply", "nth": 37}
    with Rig(seed=7, folder=tmp_path) as rig:
        device = rig.device("QuecPython_OTA", script=AWS_OTA, firmware=old, network="lte-cat1")
        device.power.cut(when)
        package = rig.packages(device).diff(to=new)
        rig.cloud.create_job("jobfota", device, package=package)
        rig.clock.run_for("10m")
        hashes = rig.scene.trace.hashes()
        key = package.files[0].key
    url = f"${{aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/{key}}}"
    scenario = {
        "version": 1, "name": "same", "seed": 7, "duration": "10m",
        "fleet": [{"name": "QuecPython_OTA", "model": "EG915U", "firmware": old, "script": "apps/aws_ota",
                   "network": "lte-cat1"}],
        "packages": {"p": {"from": old, "to": new}},
        "cloud": {"buckets": {"qpyota": {key: {"package": "p"}}}},
        "jobs": [{"jobId": "jobfota", "targets": ["QuecPython_OTA"], "presignedUrlConfig": {"expiresInSec": 3600},
                  "document": [{"operation": "FOTA", "files": [
                      {"fileName": key, "fileVersion": new, "fileSource": {"url": url}}]}]}],
        "faults": [{"power_cut": {"device": "QuecPython_OTA", "when": when}}],
    }  # fmt: skip
    (tmp_path / "apps").symlink_to(scenarios_dir() / "apps")
    (tmp_path / "same.yaml").write_text(yaml.safe_dump(scenario, sort_keys=False))
    world = World(load_scenario(tmp_path / "same.yaml"), RunOptions(transport="memory"))
    try:
        world.start()
        world.clock.run(600_000_000)
        assert world.trace.hashes() == hashes
    finally:
        world.close()


def test_ctrl_c_ends_a_wait_and_the_rig_goes_on(rig: Rig, app: Path) -> None:
    device = rig.device(script=app)
    device.expect("tick 1")
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            rig.clock.run_for("3650d")
    finally:
        signal.signal(signal.SIGALRM, before)
    now_s = rig.clock.now_s
    rig.clock.run_for("5s")
    assert rig.clock.now_s == pytest.approx(now_s + 5)


def test_a_defect_of_the_model_comes_out_where_somebody_waits(rig: Rig) -> None:
    rig.device().boot()
    rig.call(rig.scene.clock.after, 1_000_000, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        rig.clock.run_for("2s")
    rig.clock.run_for("2s")


def test_what_a_condition_raises_is_raised(rig: Rig) -> None:
    rig.device()
    with pytest.raises(KeyError, match="mine"):
        rig.clock.run_until(lambda: {}["mine"])
