"""How an answer of a web server goes out when it does not go out at once and whole: slowly, with a pause, or cut off.

A manner is a timetable and nothing else. The server on sockets and the network in memory both follow it, so a device
sees the same on every transport, and an outside client sees the real thing. Offsets count bytes of the answer's body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

SLICE_US = 250_000
"""A server that is held to a rate sends a quarter of a second's bytes at a time."""

RESET_DELAY_US = 1_000
"""Between the last byte and the reset that follows it, or the reset would overtake what is still on its way."""

Broken = Literal["", "closed", "reset"]


@dataclass(frozen=True, slots=True)
class Step:
    """`wait_us` after the step before (the first: after the header), the body has been sent up to `until_bytes`."""

    wait_us: int
    until_bytes: int


@dataclass(frozen=True, slots=True)
class Manner:
    """At most `rate_bytes_per_s`; a pause of `stall_us` before byte `stall_at_bytes`; the end of the connection before
    byte `cut_at_bytes`, by RST if `reset`, else by FIN. None: not so."""

    rate_bytes_per_s: int | None = None
    stall_at_bytes: int | None = None
    stall_us: int = 0
    cut_at_bytes: int | None = None
    reset: bool = False

    def steps(self, size_bytes: int) -> Iterator[Step]:
        """The timetable of a body of this size."""
        end = size_bytes if self.cut_at_bytes is None else min(self.cut_at_bytes, size_bytes)
        at = 0
        while at < end:
            pause_us = self.stall_us if at == self.stall_at_bytes else 0
            at, spent_us = self._slice(at, end)
            yield Step(pause_us + spent_us, at)
        if self.reset:
            yield Step(RESET_DELAY_US, end)

    def _slice(self, at: int, end: int) -> tuple[int, int]:
        """How far the next piece goes, and how long it takes."""
        until = end
        if self.stall_at_bytes is not None and at < self.stall_at_bytes:
            until = min(until, self.stall_at_bytes)
        if self.rate_bytes_per_s is None:
            return until, 0
        until = min(until, at + max(1, self.rate_bytes_per_s * SLICE_US // 1_000_000))
        return until, -(-(until - at) * 1_000_000 // self.rate_bytes_per_s)

    @property
    def end(self) -> Broken:
        """How the connection ends before the body does; "" when it does not."""
        if self.cut_at_bytes is None:
            return ""
        return "reset" if self.reset else "closed"
