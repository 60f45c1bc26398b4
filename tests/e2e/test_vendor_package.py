"""A vendor's own package on a virtual device: its true size on the wire and in flash, its effect as the user says."""

from dataclasses import replace
from hashlib import sha256

import pytest

from sim.device.catalogue import load_model
from sim.device.peek import installed_version
from sim.errors import PackageError, SpecError
from sim.kernel.seeds import stream
from sim.pack.opaque import Note, save_note
from sim.scenario import packages
from sim.scenario.loader import load_scenario
from sim.scenario.packages import firmware
from sim.scenario.result import RunOptions
from sim.scenario.runner import end_when_finished
from sim.scenario.world import World
from sim.update.methods import METHODS

OLD, NEW = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
VENDOR = stream(0, "vendor", "an opaque package").randbytes(300_001)

SCENARIO = """\
version: 1
name: opaque
duration: 1h
fleet:
  - {{name: device, model: EG915U, firmware: {old}, agent: modelled}}
packages:
  vendor: {{wrapped: ./vendor.yaml}}
cloud:
  buckets:
    qpyota:
      EG915U.pack: {{package: vendor}}
jobs:
  - jobId: jobfota
    targets: [device]
    presignedUrlConfig: {{expiresInSec: 3600}}
    document:
      - operation: FOTA
        files:
          - fileName: EG915U.pack
            fileVersion: {new}
            fileSource: {{url: "${{aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/EG915U.pack}}"}}
faults: {faults}
"""


@pytest.fixture
def run(tmp_path):
    made = []

    def go(faults="[]", old=OLD, transport="memory"):
        (tmp_path / "vendor.pack").write_bytes(VENDOR)
        digest = sha256(VENDOR).hexdigest()
        note = Note("vendor.pack", digest, len(VENDOR), "EG915U", "differential", OLD, NEW)
        save_note(note, tmp_path / "vendor.yaml")
        (tmp_path / "scenario.yaml").write_text(SCENARIO.format(old=old, new=NEW, faults=faults))
        world = World(load_scenario(tmp_path / "scenario.yaml"), RunOptions(transport=transport))
        made.append(world)
        world.records = []
        world.trace.observe(world.records.append)
        world.trace.observe(lambda record: end_when_finished(world, record))
        world.start()
        world.clock.run(world.scenario.duration_us)
        return world

    yield go
    for world in made:
        world.close()


def status(world):
    return world.account.jobs.executions("jobfota")[0].status.value


def assert_upgraded(world):
    device = world.devices["device"]
    assert status(world) == "SUCCEEDED"
    assert installed_version(device) == NEW
    for partition, image in firmware(device.model, NEW).images.items():
        assert device.layout.images[partition].image(0, len(image)) == image


def test_the_vendors_bytes_travel_and_its_effect_is_what_the_note_says(run):
    world = run(transport="virtual")
    assert_upgraded(world)
    assert sum(r.data["bytes"] for r in world.records if r.kind == "http") == len(VENDOR)
    assert world.devices["device"].layout.package.image(0, len(VENDOR)) == VENDOR
    assert world.devices["device"].resets == 2


def test_power_lost_while_it_is_applied_costs_nothing(run):
    for nth in (1, 200, 1000, 3000):
        when = f"{{op: flash.program, phase: apply, nth: {nth}}}"
        assert_upgraded(run(f"[{{power_cut: {{device: device, when: {when}, torn: random, off_for: 5s}}}}]"))


def test_a_damaged_one_is_refused(run):
    world = run("[{corrupt_object: {bucket: qpyota, key: EG915U.pack}}]")
    assert status(world) == "FAILED"
    assert world.account.jobs.executions("jobfota")[0].details["code"] == "505"
    assert installed_version(world.devices["device"]) == OLD


def test_another_base_is_refused_before_any_write(run):
    world = run(old="EG915UEUABR03A19M08_OCPU_QPY")
    assert status(world) == "FAILED"
    assert world.account.jobs.executions("jobfota")[0].details["code"] == "507"


def test_its_stand_in_may_be_larger_than_the_staging_area(monkeypatch):
    model = load_model("EG915U")
    tight = replace(packages.recipe(model), staging_bytes=1000)
    monkeypatch.setattr(packages, "recipe", lambda _model: tight)
    with pytest.raises(PackageError, match="exceeds the staging area"):
        METHODS["differential"].make(firmware(model, OLD), firmware(model, NEW), tight)
    note = Note("x", "00" * 32, 1, "EG915U", "differential", OLD, NEW)
    assert len(packages.stand_in(note)) > 1000


def test_a_note_stands_alone_and_must_hold(run, tmp_path):
    run()
    source = tmp_path / "scenario.yaml"
    good = source.read_text()
    for text, word in (
        (good.replace("{wrapped: ./vendor.yaml}", "{wrapped: ./vendor.yaml, method: full}"), "stands alone"),
        (good.replace("./vendor.yaml", "./none.yaml"), "there is no './none.yaml'"),
        (good.replace("{wrapped: ./vendor.yaml}", "{method: full}"), "needs 'to'"),
    ):
        source.write_text(text)
        with pytest.raises(SpecError, match=word):
            load_scenario(source)
    source.write_text(good)
    (tmp_path / "vendor.pack").write_bytes(b"another")
    with pytest.raises(SpecError, match="has changed since"):
        load_scenario(source)
