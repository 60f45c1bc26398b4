"""The journal against a list of records, with power cuts in any append and rubbish in its sectors."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim.boot.journal import SECTORS, Journal, JournalState, Phase, Record, RecordKind
from sim.flash.nor import Nor, NorSnapshot, Torn
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream

SECTOR = 4096
SLOTS = SECTOR // 16 - 1
OPS_OF_A_ROLL = 8  # erase, at most five records that make the state, the new one, header
PART = FlashPart(
    name="journal only",
    size_bytes=4 * SECTOR,  # the sectors beside the journal must stay as they are
    sector_erase_us=1,
    page_program_us=1,
    read_us_per_kib=1,
    endurance_cycles=1,
)

# Mostly the records that an update writes in turn, so that states beyond the first are reached.
kinds = st.sampled_from([*RecordKind, RecordKind.READY, RecordKind.DONE, RecordKind.DONE])
records = st.builds(Record, kinds, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))


def state_of(entries: list[Record]) -> JournalState:
    """What a list of records means: the model."""
    state = JournalState()
    for record in entries:
        state = state.after(record)
    return state


class JournalAgainstAList(RuleBasedStateMachine):
    """One writer that boots now and then. `entries` is what must be there, `nor` what is."""

    def __init__(self) -> None:
        super().__init__()
        self.nor = Nor(PART)
        self.nor.load(0, bytes(SECTOR))
        self.nor.load(3 * SECTOR, bytes(SECTOR))
        self.region = Region(self.nor, Partition("journal", SECTOR, SECTORS * SECTOR))
        self.entries: list[Record] = []
        self.journal = Journal(self.region)
        self.saved: tuple[NorSnapshot, list[Record]] = (self.nor.snapshot(), [])

    @initialize(seed=st.integers(0, 99), filled=st.lists(st.sampled_from(["blank", "zero", "rubbish"]), min_size=2))
    def rubbish(self, seed: int, filled: list[str]) -> None:
        rng = stream(seed, "", "rubbish")
        for sector, content in enumerate(filled[:SECTORS]):
            data = {"blank": b"\xff" * SECTOR, "zero": bytes(SECTOR), "rubbish": rng.randbytes(SECTOR)}[content]
            self.region.load(sector * SECTOR, data)
        self.boot()

    @rule(record=records)
    def append(self, record: Record) -> None:
        before = self.nor.ops
        self.journal.append(record)
        self.entries.append(record)
        assert self.nor.ops - before <= OPS_OF_A_ROLL

    @rule(record=records, count=st.one_of(st.integers(1, 20), st.integers(SLOTS - 8, SLOTS + 3)))
    def append_many(self, record: Record, count: int) -> None:
        for _ in range(count):
            self.append(record)

    @rule(many=st.lists(records, min_size=2, max_size=8))
    def append_some(self, many: list[Record]) -> None:
        for record in many:
            self.append(record)

    @rule(
        record=records, after_ops=st.integers(0, OPS_OF_A_ROLL - 1), torn=st.sampled_from(Torn), seed=st.integers(0, 99)
    )
    def append_and_lose_power(self, record: Record, after_ops: int, torn: Torn, seed: int) -> None:
        """All of the record, or nothing of it; and whichever it was, it stays so."""
        self.nor.arm_cut(after_ops, torn, seed)
        try:
            self.append(record)
        except PowerLoss:
            self.nor.power_on()
            with_it = [*self.entries, record]
            found = Journal(self.region).state
            assert found in (state_of(self.entries), state_of(with_it))
            if found == state_of(with_it):
                self.entries = with_it
        self.nor.disarm()
        self.boot()

    @rule(record=records)
    def fill_up(self, record: Record) -> None:
        """To the last slot, so that the next record, cut or not, goes into the other sector."""
        cost = 1
        while cost == 1:
            before = self.nor.snapshot()
            self.journal.append(record)
            cost = self.nor.ops - before.ops
            self.entries.append(record)
        self.entries.pop()
        self.nor.restore(before)
        self.boot()

    @rule()
    def boot(self) -> None:
        self.journal = Journal(self.region)

    @rule()
    def save(self) -> None:
        self.saved = (self.nor.snapshot(), list(self.entries))

    @rule()
    def go_back(self) -> None:
        snapshot, entries = self.saved
        if snapshot.ops:
            self.nor.restore(snapshot)
            self.entries = list(entries)
            self.boot()

    @invariant()
    def writer_and_reader_agree_with_the_list(self) -> None:
        wanted = state_of(self.entries)
        assert self.journal.state == wanted
        assert Journal(self.region).state == wanted
        assert Journal(self.region).state.records() == wanted.records()

    def teardown(self) -> None:
        assert self.nor.image(0, SECTOR) == self.nor.image(3 * SECTOR, SECTOR) == bytes(SECTOR)


JournalAgainstAList.TestCase.settings = settings(deadline=None, max_examples=120, stateful_step_count=40)
test_journal_against_a_list = JournalAgainstAList.TestCase


def test_every_state_is_rebuilt_from_the_records_it_names() -> None:
    """What a roll-over relies on, for all states within six records of the idle one."""
    some = [Record(kind, 7 + kind, 0x1000 + kind) for kind in RecordKind]
    states = {JournalState()}
    for _ in range(6):
        states |= {state.after(record) for state in states for record in some}
    assert {state.phase for state in states} == set(Phase)
    for state in states:
        assert state_of(state.records()) == state
