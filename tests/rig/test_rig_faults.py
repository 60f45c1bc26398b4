"""Faults by the names of scenarios."""

from __future__ import annotations

import pytest

from sim.errors import SpecError
from sim.rig import Rig, Unmet
from sim.rig.faults import KINDS
from sim.scenario.schema_faults import Fault


def test_every_fault_of_the_scenario_language_is_there(rig: Rig) -> None:
    assert set(KINDS) == set(Fault.model_fields)
    assert set(KINDS) <= set(dir(rig.faults))


def test_unknown_kinds_and_keys(rig: Rig) -> None:
    with pytest.raises(AttributeError, match="did you mean 'power_cut'"):
        rig.faults.powercut()
    with pytest.raises(SpecError, match="no device yet"):
        rig.faults.link_loss(for_="5s")
    rig.device()
    with pytest.raises(SpecError, match=r"link_loss: key|link_loss\.for"):
        rig.faults.link_loss()
    with pytest.raises(SpecError, match="at most 100%"):
        rig.faults.link_loss(for_="5s", share=2)
    with pytest.raises(SpecError, match="unknown device or group 'x'"):
        rig.faults.link_loss("x", for_="5s")
    with pytest.raises(SpecError, match="leave `device` out"):
        rig.faults.broker_down("device-1", for_="5s")
    assert rig.scene.faults == []


def test_now_is_the_moment_unless_said(rig: Rig) -> None:
    device = rig.device()
    rig.clock.run_for("30s")
    assert rig.faults.link_loss(for_="40s") == ["device-1"]
    rig.clock.run_for("1s")
    lost = next(record for record in device.events if record.kind == "link.lost")
    assert lost.at_us == 30_000_000
    assert rig.faults.power_cut(device, when={"event": "boot"}, off_for="3s") == ["device-1"]
    device.reset()
    rig.clock.run_for("1m")
    assert [record.kind for record in device.events].count("power.cut") == 1


def test_shares_are_drawn_as_in_a_scenario(rig: Rig) -> None:
    rig.fleet.add(40)
    first = rig.faults.corrupt_download(rig.fleet, share=0.25)
    second = rig.faults.corrupt_download(share="25%")
    assert 2 < len(first) < 20
    assert first != second  # another fault, another draw


def test_faults_of_servers_and_objects(rig: Rig) -> None:
    device = rig.device()
    package = rig.packages(device).diff()
    url = rig.cloud.upload("image", package.files[0].data)
    document = package.document([f"${{aws:iot:s3-presigned-url:{url}}}"])
    with pytest.raises(SpecError, match="unknown key of bucket 'qpyota': 'imagge'; did you mean 'image'"):
        rig.faults.http_status(bucket="qpyota", key="imagge", status=500)
    assert rig.faults.corrupt_object(bucket="qpyota", key="image") == []
    job = rig.cloud.create_job("spoiled", device, document=document, presignedUrlConfig={"expiresInSec": 600})
    with pytest.raises(Unmet, match="FAILED"):
        job.wait("SUCCEEDED", timeout="10m")
    rig.cloud.upload("image", package.files[0].data)
    rig.faults.url_expired(bucket="qpyota", key="image")
    job = rig.cloud.create_job("expired", device, document=document, presignedUrlConfig={"expiresInSec": 600})
    with pytest.raises(Unmet, match="FAILED"):
        job.wait("SUCCEEDED", timeout="10m")
    rig.faults.object_missing(bucket="qpyota", key="image")
    assert rig.scene.account.artifacts.get("qpyota", "image") is None
    rig.faults.broker_down(for_="5s")  # and the earlier ones do not stand in its way


def test_a_broker_that_is_down_closes_connections(rig: Rig) -> None:
    device = rig.device()
    device.run_until_idle("5m")
    assert rig.faults.broker_down(for_="1m") == ["device-1"]
    rig.clock.run_for("1s")
    assert device.events[-1].kind in ("mqtt.closed", "fault")
