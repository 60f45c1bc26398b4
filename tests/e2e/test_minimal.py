"""A whole device of a family with the minimal method: request, mini system, restarts, and what the cloud is told."""

import pytest

from sim.device.peek import installed_version
from sim.scenario.loader import load_scenario
from sim.scenario.packages import build, firmware
from sim.scenario.result import RunOptions
from sim.scenario.runner import end_when_finished
from sim.scenario.world import World

OLD, NEW = "EC800NCNLAR01A01M08_OCPU_QPY", "EC800NCNLAR01A02M08_OCPU_QPY"
DEVICE = "mini-1"
BUCKET = "qpyota"
URL = f"https://{BUCKET}.s3.us-west-2.amazonaws.com/"

SCENARIO = """\
version: 1
name: minimal
seed: 3
duration: {duration}
fleet:
  - {{name: {device}, model: EC800NCNLA, firmware: {old}, agent: modelled}}
packages:
  pair: {{method: minimal, from: {old}, to: {new}}}
cloud:
  public: [{bucket}]
  buckets:
    {bucket}:
      a.mini_1: {{package: pair}}
      a.mini_2: {{package: pair}}
jobs:
  - jobId: jobfota
    targets: [{device}]
    {presigned}
    document:
      - operation: FOTA
        files:
          - {{fileName: a.mini_1, fileVersion: {new}, fileSource: {{url: "{first}"}}}}
          - {{fileName: a.mini_2, fileVersion: {new}, fileSource: {{url: "{second}"}}}}
faults: {faults}
"""


class Bench:
    def __init__(self, world):
        self.world, self.records = world, []
        world.trace.observe(self.records.append)
        self.device = world.devices[DEVICE]

    def run(self):
        self.world.trace.observe(lambda record: end_when_finished(self.world, record))
        self.world.start()
        self.world.clock.run(self.world.scenario.duration_us)
        return self

    def kinds(self, kind):
        return [record.data for record in self.records if record.kind == kind]

    @property
    def status(self):
        return self.world.account.jobs.executions("jobfota")[0].status.value


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(transport="memory", **fields):
        values = {
            "device": DEVICE, "old": OLD, "new": NEW, "bucket": BUCKET, "duration": "3h", "faults": "[]",
            "presigned": "",
            "first": URL + "a.mini_1", "second": URL + "a.mini_2", **fields,
        }  # fmt: skip
        source = tmp_path / "minimal.yaml"
        source.write_text(SCENARIO.format(**values))
        world = World(load_scenario(source), RunOptions(transport=transport))
        made.append(world)
        return Bench(world)

    yield make
    for world in made:
        world.close()


def assert_upgraded(done):
    assert done.status == "SUCCEEDED"
    assert installed_version(done.device) == NEW
    for partition, image in firmware(done.device.model, NEW).images.items():
        assert done.device.layout.firmware[partition].image(0, len(image)) == image


def test_a_minimal_upgrade_takes_four_restarts_and_is_seen_only_by_its_outcome(bench):
    done = bench().run()
    assert_upgraded(done)
    assert done.device.resets == 4
    assert done.device.boots == 2
    assert [boot["version"] for boot in done.kinds("mini.boot")] == [OLD, NEW]
    phases = [r["phase"] for r in done.kinds("phase") if r["phase"] != "idle"]
    assert phases == ["mini_download", "apply", "stream"]
    requested = next(r.at_us for r in done.records if r.kind == "update.requested")
    booted = [r.at_us for r in done.records if r.kind == "boot"][1]
    quiet = [r.kind for r in done.records if requested + 5_000_000 < r.at_us < booted and r.kind.startswith("mqtt")]
    assert quiet == []
    sent = sum(r["bytes"] for r in done.kinds("http"))
    assert sent == pytest.approx(sum(map(len, build("EC800NCNLA", "minimal", OLD, NEW))), abs=10)


def test_transports_agree_on_a_minimal_upgrade(bench):
    runs = [bench(transport=transport).run() for transport in ("memory", "virtual")]
    assert runs[0].world.trace.digest() == runs[1].world.trace.digest()


def test_a_presigned_address_is_too_long_for_this_family(bench):
    signed = {
        name: "${aws:iot:s3-presigned-url:" + URL + key + "}"
        for name, key in (("first", "a.mini_1"), ("second", "a.mini_2"))
    }
    done = bench(**signed, presigned="presignedUrlConfig: {expiresInSec: 3600}").run()
    assert done.status == "FAILED"
    assert done.device.resets == 0
    assert done.kinds("http") == []
    details = done.world.account.jobs.executions("jobfota")[0].details
    assert details["code"] == "711"
    assert "128" in details["reason"]


def test_a_first_file_that_is_not_there_ends_with_the_old_version_and_a_failed_job(bench):
    missing = f"[{{object_missing: {{bucket: {BUCKET}, key: a.mini_1}}}}]"
    done = bench(faults=missing).run()
    assert done.status == "FAILED"
    assert installed_version(done.device) == OLD
    assert done.device.resets == 2
    assert done.kinds("update.refused")[0]["code"] == 723


def test_a_second_file_that_is_not_there_keeps_the_device_in_its_mini_system(bench):
    missing = f"[{{object_missing: {{bucket: {BUCKET}, key: a.mini_2}}}}]"
    done = bench(faults=missing).run()
    assert done.status == "IN_PROGRESS"
    assert done.device.state == "mini"
    assert len(done.kinds("mini.retry")) > 20


def test_a_link_lost_for_an_hour_in_stage_2_costs_an_hour(bench):
    lost = f"[{{link_loss: {{device: {DEVICE}, when: {{phase: stream, progress: 75%}}, for: 1h}}}}]"
    done = bench(faults=lost).run()
    assert_upgraded(done)
    assert done.device.resets == 4
    stations = [int(r["range"][6:].split("-")[0]) for r in done.kinds("http") if r["url"].endswith("mini_2")]
    assert stations.count(0) > 1  # the header, to see that it is still the same file
    sent = sum(r.get("bytes", 0) for r in done.kinds("http"))
    assert sent < 1.1 * sum(map(len, build("EC800NCNLA", "minimal", OLD, NEW)))


def cut(when, torn="prefix"):
    return f"[{{power_cut: {{device: {DEVICE}, when: {{{when}}}, torn: {torn}, off_for: 10s}}}}]"


@pytest.mark.parametrize(
    "when",
    [
        "op: flash.program, phase: mini_download, nth: 40",
        "op: flash.erase, phase: apply, nth: 100",
        "op: flash.program, phase: apply, nth: 1500",
        "op: flash.erase, phase: stream, nth: 3",
        "op: flash.program, phase: stream, nth: 5000",
        "phase: mini_download, progress: 30%",
        "phase: stream, progress: 80%",
    ],
)
def test_power_may_go_at_any_time(bench, when):
    done = bench(faults=cut(when)).run()
    assert [fault.done for fault in done.world.faults] == [True]
    assert_upgraded(done)
