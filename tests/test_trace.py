"""The words that everybody shares: how a record is written down, numbered, hashed, and given to those who want it."""

import json
from hashlib import blake2b
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.trace import Trace, _compact

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def trace_at(now_us=0, **more):
    return Trace(SimpleNamespace(now_us=now_us), **more)


@given(PLAIN)
def test_records_are_written_as_json_has_it(value):
    assert _compact(value) == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_json_does_not_know_is_refused(value):
    with pytest.raises(TypeError, match="is not JSON serializable"):
        trace_at().emit("track", "kind", value=value)


@given(st.lists(st.dictionaries(st.text(), PLAIN, max_size=4), min_size=1, max_size=3), st.integers(0, 10**15))
def test_a_digest_is_taken_over_the_one_before_and_the_record_as_json_has_it(told, at_us):
    trace, expected = trace_at(), b""
    for data in told:
        trace.take(at_us, "track", "some.kind", data)
        text = json.dumps([at_us, "some.kind", data], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        expected = blake2b(expected + text.encode(errors="surrogatepass"), digest_size=16).digest()
    assert trace.hashes() == {"track": expected.hex()}


HOW = st.tuples(st.sampled_from(["z", "a", "m"]), st.sampled_from(["held", "named", "made"]))


@given(st.lists(HOW, max_size=12), st.booleans())
def test_it_is_one_track_whether_it_is_held_or_named(steps, digests):
    """Whoever begins to hold it, and whenever, goes on where others are; who holds it and is silent, tells nothing."""
    mixed, plain = trace_at(7, digests=digests), trace_at(7, digests=digests)
    seen, expected = [], []
    mixed.observe(seen.append)
    plain.observe(expected.append)
    for number, (name, how) in enumerate(steps):
        if how == "made":
            mixed.track(name)
            continue
        plain.emit(name, "kind", number=number)
        if how == "held":
            mixed.track(name).tell("kind", number=number)
        else:
            mixed.emit(name, "kind", number=number)
        mixed.aside(name, "port")
        plain.aside(name, "port")
    assert seen == expected
    assert list(mixed.hashes().items()) == list(plain.hashes().items())
    assert list(mixed.hashes()) == sorted({it.track for it in seen})
    assert mixed.digest() == plain.digest()
    assert bool(mixed.digest()) == digests


def test_a_record_has_its_number_before_anybody_hears_of_it():
    """An observer may tell something on the same track at once, as an injection does."""
    for tell in ("emit", "track"):
        trace, seen = trace_at(), []

        def again(record, trace=trace):
            if record.kind == "first":
                trace.emit("t", "second")

        trace.observe(again)
        trace.observe(lambda record, seen=seen: seen.append((record.kind, record.seq)))
        trace.emit("t", "first") if tell == "emit" else trace.track("t").tell("first")
        assert sorted(seen) == [("first", 0), ("second", 1)]
        assert trace.track("t").told == 2


KINDS = st.sampled_from("abcd")


@given(st.lists(st.none() | st.sets(KINDS, min_size=1)), st.lists(KINDS), st.integers(0, 4))
def test_an_observer_hears_of_its_kinds_only_in_the_order_in_which_all_came(observers, kinds, late):
    trace, heard, expected = trace_at(), [], []

    def come(number):
        wanted = observers[number]
        trace.observe(lambda record: heard.append((number, record.kind)), wanted and sorted(wanted))

    there = observers[: max(0, len(observers) - late)]
    for number in range(len(there)):
        come(number)
    for kind in kinds:
        trace.emit("t", kind)
        expected += [(number, kind) for number, wanted in enumerate(there) if wanted is None or kind in wanted]
    for number in range(len(there), len(observers)):
        come(number)
    for kind in kinds:
        trace.track("t").tell(kind)
        expected += [(number, kind) for number, wanted in enumerate(observers) if wanted is None or kind in wanted]
    assert heard == expected
