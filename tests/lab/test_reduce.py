"""Delta debugging: what is left is enough, and nothing of it can go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.lab.reduce import fewest

PARTS = st.lists(st.integers(0, 99), min_size=1, max_size=24, unique=True)


@given(PARTS, st.data())
def test_parts_that_must_come_together_are_all_that_is_left(parts: list[int], data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.sampled_from(parts)))
    left = fewest(parts, lambda kept: needed <= set(kept))
    assert left == [part for part in parts if part in needed]


@given(PARTS, st.integers(0, 2**24))
def test_whatever_is_asked_the_rest_is_enough_and_no_part_can_go(parts: list[int], salt: int) -> None:
    """Not monotone: a subset of what is not enough may be enough."""

    def enough(kept: list[int]) -> bool:
        return kept == parts or (sum(kept) * 2_654_435_761 ^ salt) % 5 == 0

    left = fewest(parts, enough)
    assert enough(left)
    assert left == [part for part in parts if part in left]
    for part in left:
        assert not enough([other for other in left if other != part])


def test_one_of_many_is_found_in_few_questions() -> None:
    asked: list[int] = []

    def enough(kept: list[int]) -> bool:
        asked.append(len(kept))
        return 137 in kept

    assert fewest(list(range(200)), enough) == [137]
    assert len(asked) <= 20
