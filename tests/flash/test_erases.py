"""The sum of all erases is that of the sectors, however they came about."""

from hypothesis import given
from hypothesis import strategies as st

from sim.device.catalogue import load_model
from sim.flash.nor import Nor

PART = load_model("EG915U").part
SECTOR = 4096


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 70)), max_size=6))
def test_all_erases_are_those_of_the_sectors(writes):
    nor = Nor(PART)
    for first, count in writes:
        for sector in range(first, first + count):
            nor.erase(sector * SECTOR)
    assert nor.all_erases() == sum(nor.erase_count(sector) for sector in range(PART.sectors))
    assert nor.all_erases() == sum(count for _, count in writes)
