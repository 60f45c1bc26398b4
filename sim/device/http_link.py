"""A device's connection to a web server, with the time that a request, and all of its answer, spend on the air.

What comes in parts queues on the air behind what came before it. A server that falls silent in the middle of an answer
is given up after the time-out of the vendor's sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import simpy

from sim.device.link import DNS_ROUND_TRIPS, TCP_ROUND_TRIPS, TLS_ROUND_TRIPS, Link
from sim.kernel.clock import Story, Timer
from sim.ports import HttpArrival, HttpFailure, HttpPart, HttpRequest, HttpResponse, header

if TYPE_CHECKING:
    from sim.device.radio import Radio

HEADER_BYTES = 400
"""Of an answer: status line and headers, as object stores send them."""

SOCKET_TIMEOUT_US = 20_000_000
"""Socket time-out of the vendor's clients: how long a server may be silent in the middle of an answer."""


class HttpLink(Link):
    """A kept-alive connection to one web server."""

    __slots__ = ("_busy_until_us", "_connected", "_patience", "_received_bytes", "_waiting", "patience_us")

    def __init__(self, radio: Radio) -> None:
        super().__init__(radio)
        self.patience_us: int | None = SOCKET_TIMEOUT_US
        """How long a server may be silent in its answer; None for ever."""
        self._connected = False
        self._waiting: simpy.Event | None = None
        self._received_bytes = 0
        self._busy_until_us = 0
        self._patience: Timer | None = None

    def fetch(self, request: HttpRequest) -> Story:
        """Story whose value is the HttpResponse or the HttpFailure, after the time its bytes take."""
        radio = self.radio
        if not radio.attached and not (yield from radio.wait_attached()):
            return HttpFailure("dns_timeout" if radio.on else "dns" if self.alive else "aborted")
        if not self.alive:
            return HttpFailure("reset")
        answer = self._waiting = radio.clock.env.event()
        self._received_bytes = self._busy_until_us = 0
        if radio.doze is not None:
            radio.doze.stir()
        leaves_us = radio.clock.now_us
        if not self._connected:
            tls = TLS_ROUND_TRIPS if request.url.startswith("https:") else 0
            leaves_us += self.round_trips_us(DNS_ROUND_TRIPS + TCP_ROUND_TRIPS + tls)
        size = len(request.url) + 80
        for name, value in request.headers.items():
            size += len(name) + len(value) + 4
        self._ask(request, answer, leaves_us + self.way_us(size, up=True))
        result = yield answer
        self._waiting = None
        self._hush()
        if radio.spoils and isinstance(result, HttpResponse) and result.status in (200, 206):
            result = yield from self._spoiled(result)
        self._connected = isinstance(result, HttpResponse) and not result.broken
        self._tell(request, result)
        return result

    def _spoiled(self, result: HttpResponse) -> Story:
        """What becomes of a download that a fault has waited for."""
        spoil, *rest = self.radio.spoils
        self.radio.spoils = tuple(rest)
        spoiled = spoil.make(result)
        patience_us = self.patience_us if self.patience_us is not None else spoil.wait_us
        if spoil.wait_us:
            yield min(spoil.wait_us, patience_us)
        return HttpFailure("timeout") if spoil.wait_us > patience_us else spoiled

    def _ask(self, request: HttpRequest, answer: simpy.Event, reached_us: int) -> None:
        """The request reaches the server then. Where the network knows the answer already, nothing happens but that
        it has come in."""
        radio, known = self.radio, None
        if radio.cell is None and radio.doze is None:
            known = radio.network.foresee(radio.track.name, request, reached_us)
        if known is None:
            self.up_at(reached_us, self._send, (request, answer))
        else:
            self.down_at(reached_us + self.way_us(_size(known), up=False), self._finish, (known, answer))

    def lose(self) -> None:
        """The socket's time-out tells the device, later."""
        waiting, self._waiting = self._waiting, None
        super().lose()
        self._waiting = waiting
        if waiting is not None:
            self.keep(self.radio.clock.after(SOCKET_TIMEOUT_US, self._give_up, waiting, "lost"))

    def _give_up(self, answer: simpy.Event, reason: str = "reset") -> None:
        if not answer.triggered:
            answer.succeed(HttpFailure(reason))

    def _tell(self, request: HttpRequest, result: HttpResponse | HttpFailure) -> None:
        wanted = header(request.headers, "Range")
        if isinstance(result, HttpFailure):
            outcome: dict[str, Any] = {"failure": result.reason}
        else:
            outcome = {"status": result.status, "bytes": len(result.body)}
            if result.broken:
                outcome["broken"] = result.broken
        self.radio.track.tell("http", url=request.url.partition("?")[0], range=wanted, **outcome)

    def _send(self, request: HttpRequest, answer: Any) -> None:
        self.radio.network.http(self.radio.track.name, request, lambda arrival: self._arrive(arrival, answer))

    def _arrive(self, arrival: HttpArrival, answer: simpy.Event) -> None:
        """Something of the answer reached the air; what came before it may still be on its way down."""
        if not self.alive or answer.triggered:
            return
        lag_us = max(0, self._busy_until_us - self.radio.clock.now_us)
        if isinstance(arrival, HttpPart):
            new_bytes, self._received_bytes = arrival.received_bytes - self._received_bytes, arrival.received_bytes
            self.down(new_bytes, self._hear, answer, extra_us=lag_us)
            transfer_us = new_bytes * 1_000_000 // self.radio.spec.down_bytes_per_s
            self._busy_until_us = self.radio.clock.now_us + lag_us + transfer_us
            return
        size = _size(arrival) - self._received_bytes if isinstance(arrival, HttpResponse) else 0
        self.down(size, self._finish, arrival, answer, extra_us=lag_us)

    def _hear(self, answer: simpy.Event) -> None:
        """Something came, and more is to follow: be patient from now on, but not for ever."""
        self._hush()
        if not answer.triggered and self.patience_us is not None:
            self._patience = self.radio.clock.after(self.patience_us, self._give_up, answer, "timeout")

    def _finish(self, result: HttpResponse | HttpFailure, answer: simpy.Event) -> None:
        if not answer.triggered:
            answer.succeed(result)

    def vanish(self) -> None:
        """The radio is off, or the power: a program that still waits is told."""
        super().vanish()
        self._hush()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._give_up(waiting, "aborted")

    def _hush(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _size(answer: HttpResponse) -> int:
    """What the air carries of a whole answer."""
    return len(answer.body) + HEADER_BYTES
