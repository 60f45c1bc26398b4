"""Answers that depend on the bytes in flash alone, found once for all flashes that hold the same bytes.

A fleet on one image asks a hundred thousand times whether that image is whole. Rules: `answer` may read the stretches
it names and nothing else, and may write nothing. A remembered answer costs the flash the time that the first one cost,
so nobody can tell the difference. A flash that is dead, or that shows something else than its cells, is asked for real.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sim.errors import PackageError
from sim.flash.nor import Nor, Stretches

ANSWERS = 2048
"""Remembered at most; the one that was not asked for longest goes first."""

T = TypeVar("T")

Answer = tuple[Any, PackageError | None, int]

_known: OrderedDict[Hashable, Answer] = OrderedDict()
_by_chunks: OrderedDict[Hashable, Answer] = OrderedDict()
"""The same answers by the chunks that hold the bytes, which are quicker to look up: equal flashes share them."""


def remembered(nor: Nor, question: Hashable, stretches: Stretches, answer: Callable[[], T]) -> T:
    """What `answer()` says of these stretches of a flash, or the PackageError it raises. `question` tells two
    questions about the same bytes apart; all that the answer depends on beside flash has to be in it."""
    if type(nor) is not Nor or nor.dead:
        return answer()
    question = (nor.part.read_us_per_kib, question)  # what an answer costs depends on the part
    named = (question, stretches, nor.pieces(stretches))
    known = _by_chunks.get(named)
    if known is not None:
        _by_chunks.move_to_end(named)
        nor.busy_us += known[2]
    else:
        known = _by_chunks[named] = _by_bytes(nor, question, stretches, answer)
        if len(_by_chunks) > ANSWERS:
            _by_chunks.popitem(last=False)
    value, error, _ = known
    if error is not None:
        raise error.with_traceback(None)
    answered: T = value
    return answered


def forget() -> None:
    """Forget every answer; for whoever changes what would be answered."""
    _known.clear()
    _by_chunks.clear()


def _by_bytes(nor: Nor, question: Hashable, stretches: Stretches, answer: Callable[[], Any]) -> Answer:
    """The answer for these bytes, whatever chunks hold them; it costs the flash its time."""
    key = (question, tuple([nor.sectors(start, length) for start, length in stretches]))
    known = _known.get(key)
    if known is None:
        known = _known[key] = _ask(nor, answer)
        if len(_known) > ANSWERS:
            _known.popitem(last=False)
    else:
        _known.move_to_end(key)
        nor.busy_us += known[2]
    return known


def _ask(nor: Nor, answer: Callable[[], Any]) -> Answer:
    busy_us, ops = nor.busy_us, nor.ops
    value, refusal = None, None
    try:
        value = answer()
    except PackageError as error:
        refusal = error
    assert nor.ops == ops, "an answer that is remembered must not write"
    return value, refusal, nor.busy_us - busy_us
