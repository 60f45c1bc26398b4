"""Answers that depend on the bytes in flash alone, found once for all flashes that hold the same bytes.

A fleet on one image asks a hundred thousand times whether that image is whole. Rules: `answer` may read the stretches
it names and nothing else, and may write nothing. A remembered answer costs the flash the time that the first one cost,
so nobody can tell the difference. A flash that is dead, or that shows something else than its cells, is asked for real.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from sim.errors import PackageError
from sim.flash.kept import Kept
from sim.flash.nor import Nor, Stretches

ANSWERS = 2048
"""Remembered at most."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Answer:
    """What was said, or refused, and the time it took. `asked` as Kept has it."""

    value: Any
    refusal: PackageError | None
    busy_us: int
    asked: bool = False


_known: Kept[Answer] = Kept(ANSWERS)
_by_chunks: Kept[Answer] = Kept(ANSWERS)
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
        nor.busy_us += known.busy_us
    else:
        known = _by_bytes(nor, question, stretches, answer)
        _by_chunks.put(named, known)
    if known.refusal is not None:
        raise known.refusal.with_traceback(None)
    answered: T = known.value
    return answered


def forget() -> None:
    """Forget every answer; for whoever changes what would be answered."""
    _known.clear()
    _by_chunks.clear()


def _by_bytes(nor: Nor, question: Hashable, stretches: Stretches, answer: Callable[[], Any]) -> Answer:
    """The answer for these bytes, whatever chunks hold them; it costs the flash its time."""
    key = (question, tuple([nor.held(start, length) for start, length in stretches]))
    known = _known.get(key)
    if known is None:
        known = _ask(nor, answer)
        _known.put(key, known)
    else:
        nor.busy_us += known.busy_us
    return known


def _ask(nor: Nor, answer: Callable[[], Any]) -> Answer:
    busy_us, ops = nor.busy_us, nor.ops
    value, refusal = None, None
    try:
        value = answer()
    except PackageError as error:
        refusal = error
    assert nor.ops == ops, "an answer that is remembered must not write"
    return Answer(value, refusal, nor.busy_us - busy_us)
