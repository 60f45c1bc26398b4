"""A SIM card in its slot: whatever a program tries, the card goes by its own rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.device.sim_card import BLOCKED, PIN_TRIES, PIN_WANTED, PUK, PUK_TRIES, PUK_WANTED, READY, SimSlot, make_sim

PINS = ["1234", "4711", "0000", "12", "abcd"]
MOVES = st.one_of(
    st.tuples(st.just("verify"), st.sampled_from(PINS)),
    st.tuples(st.just("lock"), st.sampled_from(PINS), st.booleans()),
    st.tuples(st.just("change"), st.sampled_from(PINS), st.sampled_from(PINS)),
    st.tuples(st.just("unblock"), st.sampled_from([PUK, "87654321"]), st.sampled_from(PINS)),
    st.tuples(st.just("power_on")),
)


@given(st.lists(MOVES, max_size=60), st.booleans())
def test_a_card_is_usable_only_when_it_is_ready(moves: list[tuple[object, ...]], asks: bool) -> None:
    told: list[bool] = []
    slot = SimSlot(make_sim(1, "d"), told.append)
    slot.set(PIN_WANTED if asks else READY, "4711" if asks else None)
    for move, *values in moves:
        before = slot.status
        done = getattr(slot, str(move))(*values)
        assert told[-1] == (slot.status == READY)
        if slot.status == PUK_WANTED and before != PUK_WANTED:
            assert done is False
        if move == "verify" and before != PIN_WANTED:
            assert done is False
        if before == BLOCKED:
            assert slot.status == BLOCKED
        if slot.status == READY and before == PUK_WANTED:
            assert (move, values[0]) == ("unblock", PUK)
    assert slot.status in (READY, PIN_WANTED, PUK_WANTED, BLOCKED)


def test_wrong_numbers_lead_to_the_puk_and_to_the_end() -> None:
    slot = SimSlot(make_sim(1, "d"), lambda _: None)
    slot.set(PIN_WANTED, "4711")
    assert [slot.verify("0000") for _ in range(PIN_TRIES)] == [False] * PIN_TRIES
    assert slot.status == PUK_WANTED
    assert not slot.verify("4711")
    assert [slot.unblock("00000000", "1111") for _ in range(PUK_TRIES)] == [False] * PUK_TRIES
    assert slot.status == BLOCKED
    assert not slot.unblock(PUK, "1111")


def test_a_right_pin_gives_all_tries_back() -> None:
    slot = SimSlot(make_sim(1, "d"), lambda _: None)
    for _ in range(5):
        slot.set(PIN_WANTED, "4711")
        assert [slot.verify("1"), slot.verify("2"), slot.verify("4711")] == [False, False, True]


def test_a_card_that_was_told_to_stop_asking_asks_no_more() -> None:
    slot = SimSlot(make_sim(1, "d"), lambda _: None)
    slot.set(PIN_WANTED, "4711")
    slot.verify("4711")
    slot.power_on()
    assert slot.status == PIN_WANTED
    slot.verify("4711")
    assert slot.lock("4711", False)
    slot.power_on()
    assert slot.status == READY
