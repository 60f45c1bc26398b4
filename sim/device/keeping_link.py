"""A connection to a web server that is waited for, and that keeps what had come of an answer when the network went.

The vendor's updater of 2021 has this: it takes the end of a socket for the end of the file. How much had come follows
from the time that the pieces take on the air; the bytes themselves are the answer's, whenever its server has given it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simpy

from sim.device.http_link import HEADER_BYTES, SOCKET_TIMEOUT_US, HttpLink
from sim.device.link import Link
from sim.ports import HttpArrival, HttpPart, HttpRequest, HttpResponse

if TYPE_CHECKING:
    from sim.device.radio import Radio


class KeepingLink(HttpLink):
    """For one request."""

    def __init__(self, radio: Radio) -> None:
        super().__init__(radio)
        self.patience_us = None
        self._pieces: list[tuple[int, int, int]] = []
        """(start, end, bytes) of what is on the air or has come."""
        self._whole: HttpResponse | None = None
        self._kept_bytes: int | None = None
        """Of the body, once the network has gone."""
        self._due = False

    def _ask(self, request: HttpRequest, answer: simpy.Event, reached_us: int) -> None:
        self.up_at(reached_us, self._send, (request, answer))

    def _arrive(self, arrival: HttpArrival, answer: simpy.Event) -> None:
        if isinstance(arrival, HttpResponse):
            self._whole = arrival
        if self._kept_bytes is None:
            start_us = max(self.radio.clock.now_us, self._down_us)
            super()._arrive(arrival, answer)
            self._pieces.append((start_us, self._down_us, self._size_of(arrival)))
        elif isinstance(arrival, HttpPart):
            return
        elif self._whole is None:
            self._give_up(answer)
        elif self._due:
            self._settle(answer)

    def lose(self) -> None:
        """The socket's time-out is the end of the body, if some of it was there."""
        came = self._came_bytes()
        if self._waiting is None or came <= 0 or self._kept_bytes is not None:
            super().lose()
            return
        waiting, self._waiting = self._waiting, None
        Link.lose(self)
        self._waiting, self._kept_bytes = waiting, came
        self.keep(self.radio.clock.after(SOCKET_TIMEOUT_US, self._settle, waiting))

    def _settle(self, answer: simpy.Event) -> None:
        self._due = True
        if self._whole is not None and not answer.triggered:
            whole = self._whole
            answer.succeed(HttpResponse(whole.status, whole.headers, whole.body[: self._kept_bytes], broken="reset"))

    def _size_of(self, arrival: HttpArrival) -> int:
        before = sum(size for _, _, size in self._pieces)
        if isinstance(arrival, HttpPart):
            return arrival.received_bytes - before
        return len(arrival.body) + HEADER_BYTES - before if isinstance(arrival, HttpResponse) else 0

    def _came_bytes(self) -> int:
        """Of the body, by now."""
        now_us, came = self.radio.clock.now_us, -HEADER_BYTES
        for start_us, end_us, size in self._pieces:
            spent_us = min(max(0, now_us - start_us), end_us - start_us)
            came += size if now_us >= end_us else size * spent_us // max(1, end_us - start_us)
        return came
