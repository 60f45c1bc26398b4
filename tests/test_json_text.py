"""The encoder that is made once says what the standard library's says."""

import json
from json import encoder

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.json_text import text_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.booleans())
def test_any_value_is_written_as_json_dumps_writes_it(value, sort_keys, ensure_ascii):
    wanted = json.dumps(value, sort_keys=sort_keys, ensure_ascii=ensure_ascii, separators=(",", ":"))
    assert text_of(sort_keys=sort_keys, ensure_ascii=ensure_ascii)(value) == wanted


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError, match="not JSON serializable"):
        text_of()({"a": object()})


def test_without_the_encoder_in_c_it_is_the_same(monkeypatch):
    monkeypatch.setattr(encoder, "c_make_encoder", None)
    assert text_of(sort_keys=True)({"b": "ä", "a": [1, None]}) == '{"a":[1,null],"b":"ä"}'
