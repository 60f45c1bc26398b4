"""The journal keeps what was written to it through torn records, roll-overs and any rubbish in its sectors."""

from __future__ import annotations

import pytest
from boot_rig import PART
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.boot.journal import Journal, JournalState, Phase, Record, RecordKind
from sim.flash.nor import Nor, Torn
from sim.flash.partition import Partition, Region
from sim.kernel.power import PowerLoss

REQUEST = Record(RecordKind.REQUEST, 5000, 0xABCD)
READY = Record(RecordKind.READY, 3, 0x1234)
DONE = Record(RecordKind.DONE, 3)
COMPLETE = Record(RecordKind.COMPLETE)
CLEAR = Record(RecordKind.CLEAR)
MINI_REQUEST = Record(RecordKind.MINI_REQUEST, 90, 0xFACE)
MINI_STAGED = Record(RecordKind.MINI_STAGED, 3000, 0xBEEF)
MINI_UPDATED = Record(RecordKind.MINI_UPDATED)
MINI = {"package_bytes": 3000, "header_crc32": 0xBEEF, "request_bytes": 90, "request_crc32": 0xFACE}


def new_region() -> Region:
    return Region(Nor(PART), Partition("JOURNAL", 0, 2 * 4096))


def test_rubbish_in_both_sectors_is_an_idle_journal_that_can_be_used():
    region = new_region()
    region.load(0, bytes(range(256)) * 32)
    assert Journal(region).state == JournalState()
    Journal(region).append(REQUEST)
    assert Journal(region).state.phase is Phase.REQUESTED


def test_a_sector_that_counts_and_holds_torn_records_only_is_an_idle_journal_that_can_be_used():
    region = new_region()
    Journal(region).append(REQUEST)
    whole = region.image(0, 4096)
    region.load(0, whole[:16] + bytes(16) + b"\xff" * 4064)
    assert Journal(region).state == JournalState()
    Journal(region).append(REQUEST)
    assert region.image(32, 16) == whole[16:32]


@given(
    st.lists(st.sampled_from([REQUEST, MINI_REQUEST, MINI_STAGED, MINI_UPDATED, COMPLETE, CLEAR] + 9 * [READY, DONE]))
)
def test_steps_in_a_row_read_as_one_after_the_other(records):
    region, state = new_region(), JournalState()
    journal = Journal(region)
    for record in records:
        journal.append(record)
        state = state.after(record)
    assert Journal(region).state == state


@pytest.mark.parametrize("record", [READY, DONE, COMPLETE, CLEAR, MINI_STAGED, MINI_UPDATED])
def test_without_a_request_nothing_else_means_anything(record):
    region = new_region()
    Journal(region).append(record)
    assert Journal(region).state == JournalState()


@pytest.mark.parametrize(
    ("records", "state"),
    [
        ([REQUEST], JournalState(Phase.REQUESTED, 5000, 0xABCD)),
        ([REQUEST, READY], JournalState(Phase.APPLYING, 5000, 0xABCD, 3, 0x1234)),
        ([REQUEST, READY, DONE], JournalState(Phase.APPLYING, 5000, 0xABCD, 4, None)),
        ([REQUEST, DONE, COMPLETE], JournalState(Phase.COMPLETE, 5000, 0xABCD)),
        ([REQUEST, READY, CLEAR], JournalState()),
        ([REQUEST, READY, Record(RecordKind.REQUEST, 1, 2)], JournalState(Phase.REQUESTED, 1, 2)),
        ([MINI_REQUEST], JournalState(Phase.MINI_REQUESTED, request_bytes=90, request_crc32=0xFACE)),
        ([MINI_REQUEST, MINI_STAGED], MINI | {"phase": Phase.MINI_STAGED}),
        ([MINI_REQUEST, MINI_STAGED, READY, DONE], MINI | {"phase": Phase.MINI_APPLYING, "next_step": 4}),
        ([MINI_REQUEST, MINI_STAGED, DONE, MINI_UPDATED], MINI | {"phase": Phase.STREAMING}),
        ([MINI_REQUEST, MINI_STAGED, DONE, MINI_UPDATED, DONE], MINI | {"phase": Phase.STREAMING, "next_step": 4}),
        ([MINI_REQUEST, MINI_STAGED, MINI_UPDATED, DONE, MINI_UPDATED], MINI | {"phase": Phase.STREAMING}),
        ([MINI_REQUEST, MINI_STAGED, MINI_UPDATED, COMPLETE], JournalState(Phase.COMPLETE, 3000, 0xBEEF)),
        ([MINI_REQUEST, MINI_STAGED, CLEAR], JournalState()),
    ],
)
def test_what_records_add_up_to(records, state):
    state = JournalState(**state) if isinstance(state, dict) else state
    region = new_region()
    for record in records:
        Journal(region).append(record)
    assert Journal(region).state == state


@pytest.mark.parametrize("torn", [Torn.PREFIX, Torn.SUFFIX, Torn.RANDOM])
def test_a_torn_record_is_not_read_and_its_slot_is_not_used_again(torn):
    region = new_region()
    Journal(region).append(REQUEST)
    region.nor.arm_cut(0, torn, seed=1)
    with pytest.raises(PowerLoss):
        Journal(region).append(READY)
    region.nor.power_on()
    assert Journal(region).state.phase is Phase.REQUESTED
    Journal(region).append(DONE)  # another record: on strict flash it could not go into the torn slot
    assert Journal(region).state.next_step == 4


def test_every_record_is_one_operation_until_the_sector_is_full():
    region = new_region()
    journal = Journal(region)
    journal.append(REQUEST)  # opens the first sector: erase, record, header
    assert region.nor.ops == 3
    for step in range(254):
        journal.append(Record(RecordKind.DONE, step))
    assert region.nor.ops == 3 + 254
    journal.append(Record(RecordKind.DONE, 254))  # erase, request, record, header
    assert region.nor.ops == 3 + 254 + 4
    assert Journal(region).state == journal.state == JournalState(Phase.APPLYING, 5000, 0xABCD, 255)


@pytest.mark.parametrize("torn", list(Torn))
@pytest.mark.parametrize("after_ops", range(4))
def test_a_cut_in_a_roll_over_leaves_the_state_before_or_after(after_ops, torn):
    region = new_region()
    journal = Journal(region)
    journal.append(REQUEST)
    for step in range(254):
        journal.append(Record(RecordKind.DONE, step))
    region.nor.arm_cut(after_ops, torn, seed=after_ops)
    with pytest.raises(PowerLoss):
        journal.append(Record(RecordKind.DONE, 254))
    region.nor.power_on()
    counts = after_ops == 3 and torn is Torn.COMPLETE
    assert Journal(region).state.next_step == 254 + counts
    Journal(region).append(COMPLETE)
    assert Journal(region).state.phase is Phase.COMPLETE


@settings(max_examples=40, deadline=None)
@given(
    records=st.lists(
        st.builds(Record, st.sampled_from(RecordKind), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 2)),
        min_size=240,
        max_size=300,
    ),
    rounds=st.integers(1, 3),
)
def test_a_journal_read_anew_says_what_the_writer_knew(records, rounds):
    region, known = new_region(), JournalState()
    for _ in range(rounds):
        journal = Journal(region)
        assert journal.state == known
        for record in records:
            journal.append(record)
        known = journal.state
    assert Journal(region).state == known


@pytest.mark.parametrize(
    "records",
    [
        [REQUEST],
        [REQUEST, READY],
        [REQUEST, DONE],
        [REQUEST, DONE, COMPLETE],
        [MINI_REQUEST],
        [MINI_REQUEST, MINI_STAGED],
        [MINI_REQUEST, MINI_STAGED, READY],
        [MINI_REQUEST, MINI_STAGED, MINI_UPDATED, DONE],
    ],
)
@pytest.mark.parametrize("record", [READY, DONE, COMPLETE, CLEAR, MINI_STAGED, MINI_UPDATED, MINI_REQUEST, REQUEST])
def test_a_roll_over_keeps_all_that_matters(records, record):
    region = new_region()
    journal = Journal(region)
    for _ in range(255 - len(records)):
        journal.append(CLEAR)
    for entry in records:
        journal.append(entry)
    known = journal.state
    journal.append(record)
    assert region.nor.erase_count(0) + region.nor.erase_count(1) == 2
    assert Journal(region).state == journal.state == known.after(record)


def test_both_sectors_wear_alike():
    region = new_region()
    for _ in range(3000):
        Journal(region).append(CLEAR)
    assert region.nor.erase_count(0) == region.nor.erase_count(1) == 6
