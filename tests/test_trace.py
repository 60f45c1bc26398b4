"""The words that everybody shares: how a record is written down."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.trace import Trace, _compact

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_records_are_written_as_json_has_it(value):
    assert _compact(value) == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_json_does_not_know_is_refused(value):
    with pytest.raises(TypeError, match="is not JSON serializable"):
        Trace(lambda: 0).emit("track", "kind", value=value)
