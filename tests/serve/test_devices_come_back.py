"""A scripted device of a served cloud: killed with it in the middle of an upgrade, it comes back and finishes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from up_rig import PATIENCE_S, Operator, Up

from sim.cloud.store.database import DeviceRow, read_devices
from sim.serve.data_dir import Running

DEVICE, NEW = "QuecPython_OTA", "EG915UEUABR03A21M08_OCPU_QPY"
SPEED = "60"


def device(up: Up) -> DeviceRow:
    """The device as it is kept, which may be read while the cloud runs."""
    return next(iter(read_devices(up.data.database)), DeviceRow("", "", 0, 0, 0, "", "", 0.0, ""))


def wait(reached: Callable[[], bool]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < until_s, "the device does not get there"
        time.sleep(0.02)


def lines(up: Up, kind: str) -> list[dict[str, Any]]:
    text = up.data.trace.read_text()
    found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in found if line["kind"] == kind and line["track"] == DEVICE]


def status(running: Running, job: str) -> str:
    with closing(Operator(running)) as operator:
        return str(operator.iot("GET", f"/things/{DEVICE}/jobs/{job}")["execution"]["status"])


def test_an_upgrade_goes_on_after_kills_in_its_download_and_while_it_is_applied(tmp_path: Path) -> None:
    with Up(tmp_path, "first_upgrade", "--speed", SPEED) as up:
        up.start()
        wait(lambda: device(up).phase == "download")
        up.kill()
        assert device(up).version != NEW

        up.start()
        wait(lambda: device(up).phase == "apply")
        up.kill()
        kept = device(up)
        assert kept.phase == "apply"
        downloads = len(lines(up, "http"))
        assert downloads

        running = up.start()
        wait(lambda: status(running, "jobfota") == "SUCCEEDED")
        assert device(up).version == NEW  # never behind what it told the cloud
        assert not [line for line in lines(up, "http")[downloads:] if ".pack" in line["url"]]  # its flash was enough
        up.kill()

        running = up.start()
        assert status(running, "jobfota") == "SUCCEEDED"
        wait(lambda: status(running, "jobappota") == "SUCCEEDED")
        assert up.end() == 0
    assert device(up).boots >= 3
    assert [line["version"] for line in lines(up, "boot")][-1] == NEW


def test_an_ended_cloud_needs_no_scenario_to_go_on_and_takes_no_other(tmp_path: Path) -> None:
    with Up(tmp_path, "first_upgrade", "--speed", SPEED) as up:
        up.start()
        wait(lambda: device(up).ops > 0)
        assert up.end() == 0
        ops = device(up).ops
    with Up(tmp_path) as up:
        assert up.start().scenario == "first_upgrade"
        up.kill()
        assert device(up).ops >= ops
    with Up(tmp_path, "compare_methods") as up, pytest.raises(AssertionError, match=r"holds the cloud of .*first_upgr"):
        up.start()
