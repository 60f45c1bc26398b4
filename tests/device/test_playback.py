"""A boot that an equal device did before is played, and nobody can tell: not at its end, and not in the middle."""

import pytest

from sim.device import storage
from sim.flash.nor import Nor
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World

OLD, NEW = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
SCENARIO = f"""\
version: 1
name: playback
duration: 2h
fleet:
  - {{group: same, count: COUNT, model: EG915U, firmware: {OLD}, agent: modelled}}
packages:
  a21: {{method: differential, from: {OLD}, to: {NEW}}}
cloud:
  buckets: {{firmware: {{a21.pack: {{package: a21}}}}}}
jobs:
  - jobId: to-a21
    at: 30s
    targets: [same]
    presignedUrlConfig: {{}}
    document:
      - operation: FOTA
        files:
          - fileName: a21.pack
            fileVersion: {NEW}
            fileSource: {{url: "${{aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/a21.pack}}"}}
"""


class Story:
    """One run; `applying_us[device]` when each began to apply, `back_us` when its new firmware started."""

    def __init__(self, tmp_path, faults="", transport="memory", count=4):
        (tmp_path / "s.yaml").write_text(SCENARIO.replace("COUNT", str(count)) + faults)
        self.world = World(load_scenario(tmp_path / "s.yaml"), RunOptions(transport=transport))
        self.snapshots = {}
        self.records = []
        self.world.trace.observe(self._look)
        self.world.start()

    def _look(self, record):
        self.records.append(record)
        if record.kind in ("power.cut", "reset", "boot"):
            nor = self.world.devices[record.track].nor
            self.snapshots[record.track, record.kind, record.at_us] = (nor.seal(), nor.ops, nor.busy_us)

    def run(self):
        self.world.clock.run(2 * 3600 * 1_000_000)
        self.world.close()
        return self

    def told(self):
        return self.world.trace.hashes(), self.snapshots

    def moments(self, track="same-00004"):
        applying = next(r.at_us for r in self.records if (r.track, r.data.get("phase")) == (track, "apply"))
        back = next(r.at_us for r in self.records if (r.track, r.kind) == (track, "boot") and r.at_us > applying)
        return applying, back


@pytest.fixture
def without_recordings(monkeypatch):
    return lambda: monkeypatch.setattr(storage, "recording", lambda *_: None)


def test_a_fleet_that_plays_and_one_that_does_it_are_the_same(tmp_path, without_recordings):
    played = Story(tmp_path).run()
    again = Story(tmp_path).run()
    without_recordings()
    done = Story(tmp_path).run()
    assert played.told() == again.told() == done.told()
    assert done.world.devices["same-00004"].version == NEW


def cut(at_us):
    return f"faults:\n  - power_cut: {{device: same, when: {{at: {at_us}us}}, off_for: 10s}}\n"


@pytest.mark.parametrize("share", [0.0, 0.13, 0.37, 0.5, 0.71, 0.98])
def test_power_goes_in_the_middle_of_a_played_boot(tmp_path, without_recordings, share):
    applying_us, back_us = Story(tmp_path).run().moments()
    faults = cut(applying_us + int((back_us - applying_us) * share))
    played = Story(tmp_path, faults).run()
    without_recordings()
    done = Story(tmp_path, faults).run()
    assert played.told() == done.told()
    assert done.world.devices["same-00004"].version == NEW
    assert any(record.kind == "power.cut" for record in done.records)


def test_whoever_looks_in_the_middle_sees_the_flash_of_that_moment(tmp_path, without_recordings):
    applying_us, back_us = Story(tmp_path).run().moments()
    looks = [applying_us + (back_us - applying_us) * tenth // 10 for tenth in range(1, 10)]

    def seen():
        story, found = Story(tmp_path), []
        for at_us in looks:
            story.world.clock.run(at_us)
            nor = story.world.devices["same-00004"].nor
            found.append((nor.snapshot(), nor.ops, nor.busy_us))
        return found, story.run().told()

    played = seen()
    without_recordings()
    assert played == seen()
    assert len({moment for moment, _, _ in played[0]}) > 5


@pytest.mark.parametrize(("again", "cuts"), [("", 1), (", every: 20s, times: 3", 3), (", every: 1s, times: 2", 2)])
def test_a_fault_that_waits_for_a_point_of_the_apply_phase_finds_it(tmp_path, without_recordings, again, cuts):
    when = f"when: {{phase: apply, progress: 40%}}{again}"
    faults = f"faults:\n  - power_cut: {{device: same, {when}, off_for: 10s}}\n"
    played = Story(tmp_path, faults).run()
    without_recordings()
    done = Story(tmp_path, faults).run()
    assert played.told() == done.told()
    assert sum(record.kind == "power.cut" for record in done.records) == 4 * cuts


def test_whoever_waits_for_a_point_sees_the_flash_of_that_moment(tmp_path, without_recordings):
    def seen():
        story, found = Story(tmp_path), []
        for number, progress in enumerate((0.0, 0.3, 0.7), start=1):
            module = story.world.devices[f"same-{number:05}"]

            def look(phase, progress, module=module):
                found.append((module.name, phase, progress, module.nor.seal(), module.nor.ops))

            module.watch_phases(look, "apply", progress)
        return story.run().told(), found

    played = seen()
    without_recordings()
    assert played == seen()
    assert {name for name, *_ in played[1]} == {"same-00001", "same-00002", "same-00003"}
    assert {phase for _, phase, *_ in played[1]} == {"apply"}
    assert min(progress for name, _, progress, *_ in played[1] if name == "same-00003") >= 0.7


STRUCK = """
faults:
  - power_cut: {{ device: same-00003, when: {{ op: {op}, nth: {nth} }}, torn: {torn} }}
  - power_cut: {{ device: same-00004, when: {{ op: {op}, nth: {nth} }}, torn: {torn} }}
"""


@pytest.fixture
def watching_every_op(monkeypatch):
    """Has those who wait for an operation look at all of them."""

    def watch(nor, kind, left, due):
        seen, before = [], nor.on_op

        def look(op, address):
            if before is not None:
                before(op, address)
            seen.extend([op] * (op == kind))
            if op == kind and len(seen) == left:
                due()

        nor.on_op = look

    return lambda: monkeypatch.setattr(Nor, "count_down", watch)


@pytest.mark.parametrize(
    ("op", "nth", "torn"),
    [("flash.program", 300, "prefix"), ("flash.program", 2500, "random"), ("flash.erase", 130, "suffix")],
)
def test_power_cut_at_an_operation_is_the_same_on_a_flash_that_does_whole_pieces_at_once(
    tmp_path, watching_every_op, op, nth, torn
):
    faults = STRUCK.format(op=op, nth=nth, torn=torn)
    at_once = Story(tmp_path, faults).run()

    watching_every_op()
    one_by_one = Story(tmp_path, faults).run()
    assert at_once.told() == one_by_one.told()
    assert any(kind == "power.cut" for _, kind, _ in at_once.snapshots)
    assert {device.version for device in at_once.world.devices.values()} == {NEW}


COUNT = 30
DRAWN = """
faults:
  - power_cut: { device: same, when: { op: flash.program, nth: [1, 4200] }, torn: random, off_for: 7s }
  - power_cut: { device: same, share: 60%, when: { op: flash.program, nth: [1, 4200] }, torn: prefix }
  - power_cut: { device: same, share: 60%, when: { op: flash.erase, nth: [1, 310] }, torn: suffix }
  - brown_out: { device: same, share: 30%, when: { op: flash.erase, nth: [250, 310] }, for: 3s }
  - power_cut: { device: same, share: 30%, when: { phase: apply, progress: 60% }, off_for: 10s }
  - link_loss: { device: same, share: 30%, when: { phase: download, progress: 50% }, for: 90s }
"""


def test_devices_that_are_struck_anywhere_and_again_are_what_they_would_be(tmp_path, watching_every_op):
    def run():
        return Story(tmp_path, DRAWN, count=COUNT).run()

    played = [run() for _ in range(2)][-1]
    watching_every_op()
    done = run()
    assert played.told() == done.told()
    cuts = sum(record.kind == "power.cut" for record in done.records)
    assert cuts > 1.5 * COUNT
    assert {device.version for device in done.world.devices.values()} == {NEW}
