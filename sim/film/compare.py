"""Two films beside each other: how far they are one, and in what their ends differ."""

from __future__ import annotations

import base64
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import zip_longest
from typing import Any, NamedTuple

from sim.errors import SpecError
from sim.film.entries import EVENTS, OPS, Event, Ops, blocks_of, compact, unpack_events, unpack_ops
from sim.film.film import Film, Group
from sim.film.pages import DIGEST_BYTES

Json = dict[str, Any]


class Difference(NamedTuple):
    """The first entry that is not the same in both: as it is in each, None where there is none."""

    n: int
    a: Json | None
    b: Json | None


def events_of(film: Film) -> Iterator[Event]:
    """All events, in order."""
    for block in film.blocks():
        if block.kind == EVENTS:
            yield from unpack_events(block)


def events_in(groups: Iterable[Group]) -> Iterator[Event]:
    """The events of some groups."""
    for group in groups:
        for block in blocks_of(group.entries):
            if block.kind == EVENTS:
                yield from unpack_events(block)


def ops_of(film: Film) -> Iterator[Ops]:
    """All flash operations, as they come."""
    for block in film.blocks():
        if block.kind == OPS:
            yield unpack_ops(block)


def entries_before(film: Film, at_us: int) -> int:
    """How many entries there are before this time."""
    events = [event.n for event in events_of(film) if event.at_us < at_us]
    done = [ops.n[count - 1] for ops in ops_of(film) if (count := bisect_left(ops.at_us, at_us))]
    return max([0, *events[-1:], *done])


def is_op_of(film: Film, n: int, device: str) -> bool:
    """Whether entry `n` is a flash operation of this device."""
    number = next(at for at, one in enumerate(film.head["devices"]) if one["name"] == device)
    return any(ops.device == number and n in ops.n for ops in ops_of(film) if len(ops) and ops.n[0] <= n <= ops.n[-1])


def prefix_digest(film: Film, n: int) -> str:
    """One digest of all entries up to `n`, however they are divided into blocks."""
    whole, devices = blake2b(digest_size=16), dict[int, Any]()
    for event in events_of(film):
        if event.n > n:
            break
        whole.update(compact(event).encode())
    for ops in ops_of(film):
        count = _up_to(ops, n)
        for number, column in enumerate(ops.columns):
            key = ops.device * len(ops.columns) + number
            told = devices.setdefault(key, blake2b(digest_size=16))
            told.update(column[:count].tobytes())
    for key in sorted(devices):
        whole.update(key.to_bytes(8) + devices[key].digest())
    return whole.hexdigest()


def first_difference(one: Film, other: Film) -> Difference | None:
    """The first entry in which two films differ; None when they do not."""
    found = [_first_event(one, other), *_first_ops(one, other)]
    n = min((n for n in found if n), default=0)
    return Difference(n, _entry(one, n), _entry(other, n)) if n else None


def _first_event(one: Film, other: Film) -> int:
    """The number of the first event that is not the same; 0 for none."""
    for first, second in zip_longest(events_of(one), events_of(other)):
        if first != second:
            return min(event.n for event in (first, second) if event is not None)
    return 0


def _first_ops(one: Film, other: Film) -> Iterator[int]:
    """Of each device, the number of its first flash operation that is not the same."""
    ours, theirs = _all_ops(one), _all_ops(other)
    for device in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(device, Ops(device)), theirs.get(device, Ops(device))
        pairs = zip(a.columns, b.columns, strict=True)
        at = min(_common(first, second) for first, second in pairs)
        numbers = [ops.n[at] for ops in (a, b) if at < len(ops)]
        if numbers:
            yield min(numbers)


def _all_ops(film: Film) -> dict[int, Ops]:
    """The operations of each device in one piece."""
    found: dict[int, Ops] = {}
    for ops in ops_of(film):
        whole = found.setdefault(ops.device, Ops(ops.device))
        for column, more in zip(whole.columns, ops.columns, strict=True):
            column.extend(more)
    return found


def _common(first: array[Any], second: array[Any]) -> int:
    """How many items at their beginning are the same."""
    size, a, b = first.itemsize, memoryview(first).cast("B"), memoryview(second).cast("B")
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low * size : middle * size] == b[low * size : middle * size]:
            low = middle
        else:
            high = middle - 1
    return low


def _entry(film: Film, n: int) -> Json | None:
    """An entry by its number."""
    group = film.groups[bisect_left(film.groups, n, key=lambda one: one.n) :][:1]
    for event in events_in(group):
        if event.n == n:
            return event._asdict()
    for block in blocks_of(group[0].entries) if group else ():
        if block.kind == OPS:
            ops = unpack_ops(block)
            at = bisect_left(ops.n, n)
            if at < len(ops) and ops.n[at] == n:
                names = ("n", "at_us", "page", "pages", "op", "after")
                values = [column[at] for column in ops.columns]
                return {"device": ops.device, **dict(zip(names, values, strict=True))}
    return None


def diff(one: Film, other: Film) -> Json:
    """In what two films differ. SpecError for films of different devices."""
    names = [device["name"] for device in one.head["devices"]]
    if names != [device["name"] for device in other.head["devices"]]:
        raise SpecError("these films have different devices")
    found = first_difference(one, other)
    return {
        "first": None if found is None else found._asdict(),
        "verdicts": [None if film.result is None else film.result["verdict"] for film in (one, other)],
        "expects": _both("expects", "expr", one, other),
        "thresholds": _both("thresholds", "expr", one, other),
        "executions": _executions(one, other),
        "flash": {names[int(number)]: sectors for number, sectors in _flash(one, other).items()},
        "end_us": [one.end_us, other.end_us],
        "entries": [one.n, other.n],
    }


def _both(list_name: str, key: str, one: Film, other: Film) -> list[Json]:
    """Of each line of both results whether it holds, in each."""
    results = [film.result for film in (one, other)]
    sides = [{} if result is None else {row[key]: row["passed"] for row in result[list_name]} for result in results]
    return [{key: line, "passed": [side.get(line) for side in sides]} for line in dict.fromkeys([*sides[0], *sides[1]])]


def _executions(one: Film, other: Film) -> list[Json]:
    """Executions that differ: what each film last told of them."""
    sides: list[dict[tuple[str, str], Json]] = [{}, {}]
    for side, film in zip(sides, (one, other), strict=True):
        for event in events_of(film):
            if event.kind == "execution":
                data = event.data
                thing = data["track"].removesuffix("@cloud")
                told = {name: data[name] for name in ("version", "details")}
                side[data["job"], thing] = {"status": data["new"], **told}
    keys = dict.fromkeys([*sides[0], *sides[1]])
    return [
        {"job": job, "device": device, "was": [sides[0].get((job, device)), sides[1].get((job, device))]}
        for job, device in keys
        if sides[0].get((job, device)) != sides[1].get((job, device))
    ]


def _flash(one: Film, other: Film) -> dict[str, list[int]]:
    """Sectors that hold something else in the end, by device number."""
    found: dict[str, list[int]] = {}
    for number in one.cells:
        if number in other.cells:
            cells = [base64.b64decode(film.cells[number]) for film in (one, other)]
            digests = [[side[at : at + DIGEST_BYTES] for at in range(0, len(side), DIGEST_BYTES)] for side in cells]
            pairs = enumerate(zip(*digests, strict=True))
            found[number] = [sector for sector, (first, second) in pairs if first != second]
    return found


def _up_to(ops: Ops, n: int) -> int:
    """How many of a block's operations are entries up to `n`."""
    return bisect_right(ops.n, n)
