"""A device in a program's hands: console, files, flash, power; and fleets of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig_rig import AWS_OTA

from sim.errors import SpecError
from sim.rig import Rig, Unmet
from sim.serve.bench import Refusal


def test_it_has_its_power_at_once_and_boots_when_time_passes(rig: Rig) -> None:
    device = rig.device()
    assert (device.name, device.model, device.state, device.boots) == ("device-1", "EG915U", "off", 0)
    assert device.firmware == "EG915UEUABR01A01M08_OCPU_QPY"
    device.boot()
    assert (device.state, device.phase, device.boots, device.boots_ok, device.bricked) == (
        "running",
        "idle",
        1,
        True,
        False,
    )
    assert rig.device().name == "device-2"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"modle": "EG915U"}, "unknown key 'modle'; did you mean 'model'"),
        ({"model": "EG915"}, "did you mean 'EG915U'"),
        ({"firmware": "X"}, "^firmware: 'X' is not a firmware version of EG915U"),
        ({"network": "lte"}, "^network: unknown network 'lte'"),
        ({"script": "nowhere"}, "script: there is no folder .*nowhere"),
        ({"name": "a b"}, "^name: 'a b'"),
    ],
)  # fmt: skip
def test_wrong_keys_are_told_as_a_scenario_tells_them(rig: Rig, keys: dict[str, str], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        rig.device(**keys)
    rig.device()  # and nothing of it is left


def test_a_name_is_taken_once(rig: Rig) -> None:
    rig.device("meter")
    with pytest.raises(SpecError, match="already taken"):
        rig.device("meter")


def test_expect_goes_on_behind_the_last_match(rig: Rig, app: Path) -> None:
    device = rig.device(script=app)
    assert device.expect(r"tick (\d+)")[1] == "1"
    assert device.expect(r"tick (\d+)")[1] == "2"
    device.expect("tick 20$|tick 20\n", timeout="1m")
    assert device.output.count("tick") == 20
    with pytest.raises(Unmet) as caught:
        device.expect("tock", timeout="3s")
    assert caught.value.sentence == (
        "device-1 has not printed 'tock' within 3s; it is running, phase idle, and its last lines are "
        "['tick 21', 'tick 22', 'tick 23']"
    )
    device.expect("tick 23")


def test_expect_hears_log_and_tracebacks(rig: Rig, app: Path) -> None:
    (app / "main.py").write_text("import log\nlog.basicConfig(level=log.INFO)\nlog.getLogger('m').info('hello')\n1/0\n")
    device = rig.device(script=app)
    device.expect("^INFO:m:hello$|INFO:m:hello\n")
    device.expect("ZeroDivisionError: divide by zero")
    with pytest.raises(Unmet, match="it has printed nothing since"):
        device.expect("more", timeout="1s")


def test_exec_runs_at_the_prompt(rig: Rig) -> None:
    device = rig.device(agent=None)
    assert device.exec("x = 20\nprint(x + 1)") == "21\n"
    assert device.exec("print(x)") == "20\n"  # the same interpreter
    assert device.exec("import utime\nutime.sleep(30)\nprint('slept')", timeout="1m") == "slept\n"
    with pytest.raises(Unmet, match=r"the code failed:\nTraceback(.|\n)*ZeroDivisionError"):
        device.exec("1/0")
    with pytest.raises(Unmet, match="did not come to the end of the code within 2s"):
        device.exec("import utime\nutime.sleep(60)", timeout="2s")
    assert device.exec("print('still there')") == "still there\n"


def test_exec_interrupts_a_script_and_reset_starts_it_again(rig: Rig, app: Path) -> None:
    device = rig.device(script=app)
    device.expect("tick 3")
    assert device.exec("print(n)") == "3\n"
    rig.clock.run_for("10s")
    assert "tick 4" not in device.output
    device.reset()
    device.expect("tick 4")
    assert device.boots == 2


def test_the_built_in_application_has_no_prompt(rig: Rig) -> None:
    with pytest.raises(SpecError, match="has no prompt; make it with a script, or with agent=None"):
        rig.device().exec("1")


def test_files(rig: Rig, app: Path) -> None:
    device = rig.device(script=app)
    assert device.fs.read("/usr/main.py") == (app / "main.py").read_bytes()  # before it ever ran
    with pytest.raises(Refusal, match="is off"):
        device.fs.write("/usr/a.py", "x = 1\n")
    device.boot()
    device.fs.write("/usr/a.py", "x = 1\n")
    assert (device.fs.read_text("/usr/a.py"), device.fs.exists("/usr/a.py")) == ("x = 1\n", True)
    assert {"a.py", "main.py"} <= set(device.fs.listdir("/usr"))
    device.fs.remove("/usr/a.py")
    assert not device.fs.exists("/usr/a.py")
    with pytest.raises(SpecError, match=r"no readable file '/usr/a\.py'"):
        device.fs.read("/usr/a.py")


def test_flash(rig: Rig) -> None:
    device = rig.device()
    assert len(device.flash.dump()) == device.flash.info["bytes"]
    assert device.flash.read("BOOT") == b"\xff" * 4096
    assert device.flash.read("APP+0x1000", 16) == device.flash.dump()[0x10000 + 0x1000 :][:16]
    assert [row["name"] for row in device.flash.partitions][:2] == ["BOOT", "APP"]
    with pytest.raises(SpecError, match="neither an address nor a partition"):
        device.flash.read("NOPE")


def test_power_now(rig: Rig) -> None:
    device = rig.device()
    device.boot()
    device.power.cut(off_for="30s")
    assert device.state == "off"
    rig.clock.run_for("29s")
    assert device.state == "off"
    device.boot()
    device.power.cut(off_for=None)
    rig.clock.run_for("1h")
    assert device.state == "off"
    with pytest.raises(SpecError, match="is off"):
        device.reset()
    device.power.on()
    device.power.on()
    device.boot()
    assert device.boots == 3


def test_power_at_a_moment(rig: Rig) -> None:
    device = rig.device()
    rig.cloud.create_job("j", device, package=rig.packages(device).diff())
    device.power.cut(at={"op": "flash.program", "phase": "apply", "nth": 37})
    device.power.cut(at="2s", off_for="1s")
    rig.job("j").wait("SUCCEEDED", timeout="10m")
    cuts = [record for record in device.events if record.kind == "power.cut"]
    assert (cuts[0].at_us, cuts[1].data["phase"]) == (2_000_000, "apply")
    with pytest.raises(SpecError, match=r"when\.op: 'flash\.write' is not"):
        device.power.cut(at={"op": "flash.write", "nth": 1})
    with pytest.raises(SpecError, match="needs off_for"):
        device.power.cut(at="1h", off_for=None)


def test_idle_is_when_nothing_is_left_to_do(rig: Rig) -> None:
    device = rig.device("QuecPython_OTA", script=AWS_OTA)
    device.run_until_idle("5m")
    assert device.boots == 1
    job = rig.cloud.create_job("j", device, package=rig.packages(device).app({"/usr/a.py": b"VERSION = 2\n"}))
    device.power.cut()  # comes back in 10 s
    device.run_until_idle("30m")
    assert job.status in ("SUCCEEDED", "FAILED")
    device.power.cut(off_for=None)
    device.run_until_idle("1m")  # without power nothing will ever happen
    assert device.state == "off"


def test_who_does_not_come_to_rest_is_told(rig: Rig, app: Path) -> None:
    device = rig.device("deaf", script=app)  # it never asks for its jobs
    rig.cloud.create_job("j", device, document={})
    with pytest.raises(Unmet) as caught:
        device.run_until_idle("2m")
    assert caught.value.sentence == (
        "deaf did not come to rest within 2m: deaf is running, phase idle; job j: deaf was QUEUED at 0s"
    )


def test_fleets(rig: Rig) -> None:
    assert rig.fleet.add(3, model="EC200A", network="lte-cat1") == ["fleet-00001", "fleet-00002", "fleet-00003"]
    rig.fleet.add(2, group="trackers", model="BG95", start={"ramp": "20s"})
    assert (len(rig.fleet), rig.fleet.targets, rig.fleet.bricked) == (5, ["fleet", "trackers"], 0)
    assert [device.model for device in rig.fleet] == ["EC200A"] * 3 + ["BG95"] * 2
    assert rig.fleet.arns[1].endswith(":thinggroup/trackers")
    rig.fleet.run_until_idle("10m")
    assert rig.fleet["trackers-00002"].boots == 1
    with pytest.raises(SpecError, match="the fleet has no device 'x'; its first is fleet-00001"):
        rig.fleet["x"]
    with pytest.raises(SpecError, match="already taken"):
        rig.fleet.add(1, group="trackers")
    rig.cloud.create_job("j", ["trackers", rig.fleet["fleet-00001"]], document={})
    assert len(rig.job("j").executions) == 3


def test_a_known_trap_is_told_with_the_wait_that_was_in_vain(rig: Rig, app: Path) -> None:
    (app / "main.py").write_text("import usr.nothing\n")
    device = rig.device("meter", script=app)
    with pytest.raises(Unmet) as caught:
        device.expect("ready", timeout="1m")
    (explanation,) = caught.value.explanations
    assert explanation.startswith("meter has been silent since 4.")
    assert "because there is no /usr/nothing.py on it" in explanation
    assert str(caught.value).splitlines()[1:] == [explanation, "replay: the command"]
