"""What is remembered stays bounded, and the newest of it stays."""

from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.bounded import keep


@given(st.lists(st.integers(0, 9)), st.integers(1, 5))
def test_the_newest_keys_stay_with_their_latest_values(keys, most):
    known, order = {}, []
    for value, key in enumerate(keys):
        keep(known, key, value, most)
        if key not in order:
            order = [*order, key][-most:]
        assert known[key] == value
        assert list(known) == order
