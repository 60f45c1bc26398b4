"""Power may go at any flash operation of a minimal upgrade, in either stage: it always arrives, or never began."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest
from boot_rig import NEW, OLD
from mini_rig import MOST_LIVES, MiniRig, mini_firmwares

from sim.boot import bootloader
from sim.boot.journal import Journal, Record, RecordKind
from sim.errors import QpyotaError
from sim.flash.nor import Torn
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream
from sim.update import mini_system

SLOTS = 255
STATIONS = ("ready", "done", "complete", "clear")


class MiniSweep:
    """Cuts at every operation from the request on, in every torn shape.

    The upgrade runs once; its states after each block are known to end well, and a recovery that meets one is proven.
    A device that is in its mini system with half a big one is not bricked: the next life goes on.
    """

    def __init__(self, rig: MiniRig) -> None:
        self.rig = rig
        self.cuts = 0
        self.stations: list[tuple[object, bool]] = []
        self.proven: set[bytes] = set()
        self._arrive(asked=False)
        rig.request()
        self._arrive(asked=True)
        rig.on_phase = lambda phase: self._arrive(asked=True) if phase == "stream" else None
        for _ in range(4):
            steps = rig.life()
            try:
                while True:
                    if next(steps) in STATIONS:
                        self._arrive(asked=True)
            except StopIteration as end:
                outcome = end.value
                self._arrive(asked=True)
        assert (outcome.action, outcome.version) == ("run", NEW)
        assert rig.holds(mini_firmwares()[1])
        rig.on_phase = lambda _phase: None

    def _state(self) -> bytes:
        return sha256(self.rig.nor.image(0, self.rig.nor.size_bytes)).digest()

    def _arrive(self, asked: bool) -> None:
        self.stations.append((self.rig.nor.snapshot(), asked))
        if asked:
            self.proven.add(self._state())

    @property
    def ops(self) -> int:
        return self.stations[-1][0].ops - self.stations[0][0].ops

    def failures(self) -> Iterator[str]:
        """One line per cut that ends badly."""
        for number, (station, following) in enumerate(zip(self.stations, self.stations[1:], strict=False)):
            for after_ops in range(following[0].ops - station[0].ops):
                for torn in Torn:
                    self.cuts += 1
                    verdict = self._cut(*station, after_ops, torn)
                    if verdict:
                        yield f"station {number}, op {after_ops}, {torn}: {verdict}"

    def _cut(self, snapshot, asked, after_ops, torn) -> str:
        nor = self.rig.nor
        nor.restore(snapshot)
        nor.arm_cut(after_ops, torn, seed=self.cuts)
        try:
            if not asked:
                self.rig.request()
            for _ in range(MOST_LIVES):
                self.rig.boot()
        except PowerLoss:
            nor.power_on()
        else:
            return "the cut did not happen"
        try:
            return self._recover(asked)
        except (QpyotaError, AssertionError, KeyError) as reason:
            return f"{type(reason).__name__}: {reason}"

    def _recover(self, asked: bool) -> str:
        visited: list[bytes] = []

        def known() -> bool:
            visited.append(self._state())
            return visited[-1] in self.proven

        for _ in range(MOST_LIVES):
            steps = self.rig.life()
            try:
                while True:
                    if next(steps) in STATIONS and known():
                        self.proven.update(visited)
                        return ""
            except StopIteration as end:
                outcome = end.value
            if outcome.action == "reset":
                if known():
                    self.proven.update(visited)
                    return ""
                continue
            return self._judge(outcome, asked)
        return "resets for ever"

    def _judge(self, outcome, asked) -> str:
        old, new = mini_firmwares()
        if outcome.action != "run":
            return f"{outcome.action}: {outcome.reason}"
        if outcome.version == NEW and self.rig.holds(new):
            return ""
        if not asked and outcome.version == OLD and self.rig.holds(old):
            return ""
        return f"runs {outcome.version}, which flash does not hold or nobody wants"


def aged(records: int) -> MiniRig:
    rig = MiniRig()
    for _ in range(records):
        Journal(rig.layout.journal).append(Record(RecordKind.CLEAR))
    return rig


def rolls_within(sweep: MiniSweep) -> bool:
    """Whether the journal changed its sector during the upgrade."""
    first = sweep.rig.layout.journal.start // 4096
    wear = [sweep.rig.nor.erase_count(first + sector) for sector in (0, 1)]
    return sum(wear) > 1


@pytest.mark.parametrize("records", [0, SLOTS - 17])
def test_every_cut_of_a_minimal_upgrade_ends_with_the_new_version(records):
    """The journal is new, or rolls over before, in, or after the turn of the mini system."""
    sweep = MiniSweep(aged(records))
    assert rolls_within(sweep) == (records > 0)
    assert list(sweep.failures()) == []
    assert sweep.cuts == sweep.ops * len(Torn) > 2000


@pytest.mark.parametrize("seed", range(8))
def test_a_minimal_upgrade_that_is_cut_again_and_again_still_arrives(seed):
    rng = stream(seed, "bench", "repeated cuts of a minimal upgrade")
    rig = aged(rng.randrange(SLOTS))
    rig.request()
    cuts = 0
    while True:
        rig.nor.arm_cut(rng.randrange(300), rng.choice(list(Torn)), seed=rng.randrange(1 << 30))
        try:
            outcome, _ = rig.boot_until_run()
            break
        except PowerLoss:
            cuts += 1
            rig.nor.power_on()
    assert cuts > 0
    assert (outcome.action, outcome.version) == ("run", NEW)
    assert rig.holds(mini_firmwares()[1])


# -- the sweep can fail: mistakes that are easy to make in this flow


def first_failure(rig: MiniRig | None = None) -> str | None:
    return next(MiniSweep(rig or MiniRig()).failures(), None)


def test_done_noted_before_the_block_is_written(monkeypatch):
    def write_group(site, journal, manifest, steps, blocks):
        for step, data in zip(steps, blocks, strict=True):
            entry = manifest.index[step]
            block = mini_system.decode_block(data, entry.sectors * 4096, 0, None)
            partition = manifest.head.targets[entry.target].partition
            journal.append(Record(RecordKind.DONE, step))
            mini_system.write_block(site.layout.images[partition], entry.first_sector * 4096, block)
            site.enter_phase("stream", 0.6)
            yield from site.flash_time()

    monkeypatch.setattr(mini_system, "_write_group", write_group)
    # The check of the whole would find it and everything would be written once more: both have to fail.
    monkeypatch.setattr(mini_system, "check_result", lambda *_: None)
    assert first_failure()


def test_request_noted_before_the_addresses_are_written(monkeypatch):
    def request(site, urls):
        region, data = site.layout.request, "\n".join(urls).encode()
        Journal(site.layout.journal).append(Record(RecordKind.MINI_REQUEST, len(data), bootloader.zlib.crc32(data)))
        region.rewrite(0, data)
        yield from site.flash_time()

    monkeypatch.setattr("mini_rig.request_minimal", request)

    def asked_counts_from_the_record_on(sweep):
        # A cut between record and addresses loses an upgrade that the journal already holds.
        rig = sweep.rig
        rig.nor.restore(sweep.stations[0][0])
        before = rig.nor.ops
        rig.request()
        rig.nor.restore(sweep.stations[0][0])
        rig.nor.arm_cut(rig.nor.ops - before + 3, Torn.NONE)
        with pytest.raises(PowerLoss):
            rig.request()
        rig.nor.power_on()
        return rig.boot_until_run()[0].version

    assert asked_counts_from_the_record_on(MiniSweep(MiniRig())) == OLD


def test_the_journal_forgets_the_request_when_it_rolls(monkeypatch):
    original = bootloader.JournalState.records
    monkeypatch.setattr(bootloader.JournalState, "records", lambda state: original(state)[-1:])
    with pytest.raises(AssertionError):
        MiniSweep(aged(SLOTS - 14))  # not even an upgrade without a cut arrives


def test_the_big_system_is_called_complete_unchecked_before_its_last_block(monkeypatch):
    original = mini_system._groups
    monkeypatch.setattr(mini_system, "_groups", lambda index, first: original(index[:-1], first))
    monkeypatch.setattr(mini_system, "check_result", lambda *_: None)
    with pytest.raises(AssertionError):
        MiniSweep(MiniRig())
