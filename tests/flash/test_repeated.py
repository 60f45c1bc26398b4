"""A change that was made on an equal flash is had again, and nobody can tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.flash import repeated as module
from sim.flash.defects import Defects
from sim.flash.flawed import FlawedNor
from sim.flash.nor import ERASE, PROGRAM, Nor
from sim.flash.part import FlashPart
from sim.flash.repeated import CHANGES, repeated
from sim.flash.torn import Torn
from sim.kernel.power import PowerLoss

PART = FlashPart(
    name="test part",
    size_bytes=130 * 4096,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=20,
    endurance_cycles=100_000,
)
STRETCH = (63 * 4096, 2 * 4096)
"""Over the border of two chunks."""

OPS = 3


@pytest.fixture(autouse=True)
def empty():
    module.forget()
    yield
    module.forget()


class Changer:
    def __init__(self):
        self.made = 0

    def change(self, nor, name="note"):
        def act():
            self.made += 1
            at = STRETCH[0]
            seen = nor.read(at, 4096)
            nor.erase(at)
            nor.program(at, b"%d blank bytes" % seen.count(255))
            nor.program(at + 4096, b"\0")

        repeated(nor, name, STRETCH, act)
        return nor.snapshot()


def worn(nor, times):
    for _ in range(times):
        nor.erase(STRETCH[0])
    return nor


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([b"\xff", b"\xf0", b"\0"])), min_size=1, max_size=6))
def test_what_is_had_again_is_what_is_done_byte_op_erase_and_time(flashes):
    module.forget()
    changer = Changer()
    for erases, data in flashes:
        started = worn(Nor(PART), erases)
        started.load(STRETCH[0], data)
        done = Nor(PART)
        done.restore(started.snapshot())
        done.on_op = lambda *_: None  # a watched flash does it itself
        edition = started.edition
        assert changer.change(started) == changer.change(done)
        assert started.edition > edition


def test_equal_flashes_change_once_whatever_the_rest_of_them_holds():
    changer, other = Changer(), Nor(PART)
    other.rewrite(128 * 4096, b"elsewhere")
    one = changer.change(Nor(PART))
    two = changer.change(other)
    assert changer.made == 1
    assert one.chunks[:2] == two.chunks[:2]
    assert one.chunks[2] is not two.chunks[2]


@pytest.mark.parametrize(
    "prepare",
    [lambda nor: nor.program(STRETCH[0], b"\0"), lambda nor: worn(nor, 1), lambda nor: nor.rewrite(0, b"beside it")],
)
def test_other_bytes_other_wear_and_other_neighbours_are_another_change(prepare):
    changer, other = Changer(), Nor(PART)
    prepare(other)
    changer.change(Nor(PART))
    changer.change(other)
    assert changer.made == 2


def test_another_name_is_another_change():
    changer = Changer()
    changer.change(Nor(PART))
    changer.change(Nor(PART), name="another")
    assert changer.made == 2


@pytest.mark.parametrize("after_ops", range(OPS))
def test_power_that_goes_within_it_leaves_it_torn(after_ops):
    changer, nor = Changer(), Nor(PART)
    changer.change(Nor(PART))
    nor.arm_cut(after_ops, Torn.PREFIX)
    with pytest.raises(PowerLoss):
        changer.change(nor)
    with pytest.raises(PowerLoss):
        changer.change(nor)
    assert nor.ops == after_ops + 1


@pytest.mark.parametrize(("kind", "nth", "within"), [(ERASE, 1, 1), (ERASE, 2, 0), (PROGRAM, 2, 1), (PROGRAM, 3, 0)])
def test_a_countdown_ends_within_it_or_is_counted_on(kind, nth, within):
    changer, nor, ended = Changer(), Nor(PART), []
    changer.change(Nor(PART))
    nor.count_down(kind, nth, lambda: ended.append(nor.ops))
    changer.change(nor)
    assert (changer.made, len(ended)) == (1 + within, within)
    changer.change(nor)
    assert len(ended) == 1


def test_what_is_done_under_a_countdown_is_not_known_to_others():
    changer, nor = Changer(), Nor(PART)
    nor.count_down(ERASE, 9, lambda: None)
    changer.change(nor)
    changer.change(Nor(PART))
    assert changer.made == 2


def test_a_flawed_flash_does_it_each_time():
    changer = Changer()
    for _ in range(2):
        changer.change(FlawedNor(PART, Defects(bit_errors_per_gbit=1)))
    assert changer.made == 2


def test_memory_is_bounded():
    changer = Changer()
    for number in range(CHANGES + 10):
        changer.change(Nor(PART), name=number)
    assert len(module._known) == CHANGES
