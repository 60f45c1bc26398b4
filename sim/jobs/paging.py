"""Lists in pages. A token is the place to go on from, wrapped so that nobody reads meaning into it.

A page of a filtered list looks at no more than `SCAN_MAX` entries, so that one request never costs a walk over a
whole fleet; such a page may be short, or empty, and still carry a token, as AWS allows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sim.jobs.documents import JobError

RESULTS_MAX = 250
"""AWS's largest page of jobs, executions and templates, and the size when nobody asks."""
SCAN_MAX = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """What the caller asked for: how many at most, and from where."""

    max_results: int | None = None
    token: str | None = None


def page_of(items: Sequence[T], page: Page, wanted: Callable[[T], bool] = lambda _: True) -> tuple[list[T], str | None]:
    """One page of the wanted items, and the token of the next page (None at the end).

    The sequence must only grow at its end between pages; what is deleted meanwhile may be missed or not.
    Raises JobError InvalidRequestException for a bad size or token.
    """
    limit = RESULTS_MAX if page.max_results is None else page.max_results
    if not 1 <= limit <= RESULTS_MAX:
        raise JobError("InvalidRequestException", f"maxResults is {limit}; 1 to {RESULTS_MAX} are allowed")
    at = 0 if page.token is None else _position(page.token)
    end = min(len(items), at + SCAN_MAX)
    found: list[T] = []
    while at < end and len(found) < limit:
        if wanted(items[at]):
            found.append(items[at])
        at += 1
    return found, None if at >= len(items) else _token(at)


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"from {position}".encode()).decode()


def _position(token: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
        if word == "from" and number.isdecimal():
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise JobError("InvalidRequestException", "nextToken is none that this service gave out")
