"""Answers that depend on the bytes in flash alone, found once for all flashes that hold the same bytes.

A fleet on one image asks a hundred thousand times whether that image is whole. Rules: `answer` may read the stretches
it names and nothing else, and may write nothing. A remembered answer costs the flash the time that the first one cost,
so nobody can tell the difference. A flash that is dead, or that shows something else than its cells, is asked for real.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar, cast

from sim.errors import PackageError
from sim.flash.nor import Nor
from sim.flash.partition import Region

ANSWERS = 2048
"""Remembered at most; the one that was not asked for longest goes first."""

Stretch = tuple[Region, int]
"""A region's first so many bytes."""

T = TypeVar("T")

_known: OrderedDict[Hashable, tuple[Any, PackageError | None, int]] = OrderedDict()


def remembered(question: Hashable, stretches: Sequence[Stretch], answer: Callable[[], T]) -> T:
    """What `answer()` says of these stretches of one flash, or the PackageError it raises. `question` tells two
    questions about the same bytes apart; all that the answer depends on beside flash has to be in it."""
    nor = stretches[0][0].nor
    if type(nor) is not Nor or nor.dead:
        return answer()
    cells = tuple([nor.sectors(region.start, length) for region, length in stretches])
    key = (question, cells)
    known = _known.get(key)
    if known is None:
        known = _ask(nor, answer)
        _known[key] = known
        if len(_known) > ANSWERS:
            _known.popitem(last=False)
    else:
        _known.move_to_end(key)
        nor.busy_us += known[2]
    value, error, _ = known
    if error is not None:
        raise error.with_traceback(None)
    return cast(T, value)


def forget() -> None:
    """Forget every answer; for whoever changes what would be answered."""
    _known.clear()


def _ask(nor: Nor, answer: Callable[[], Any]) -> tuple[Any, PackageError | None, int]:
    busy_us, ops = nor.busy_us, nor.ops
    value, refusal = None, None
    try:
        value = answer()
    except PackageError as error:
        refusal = error
    assert nor.ops == ops, "an answer that is remembered must not write"
    return value, refusal, nor.busy_us - busy_us
