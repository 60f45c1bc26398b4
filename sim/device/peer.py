"""What is at the other end of a serial line: it reads what the program writes, and answers by a list of exchanges.

The first exchange whose pattern is found, and that is not used up, answers; what stood before the match is reported. So
is what matches nothing for `PATIENCE_US`. A peer is outside: resets and power cuts of the module do not touch it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.device.board import Board
from sim.kernel.clock import Clock, Timer

PATIENCE_US = 500_000
"""How long a peer waits for more before it gives up on what it has: far more than between two bytes of one line."""

BUFFER_BYTES = 64 * 1024
"""What a peer keeps while it waits; older bytes go to the report."""

SHOWN_BYTES = 64
"""Of unmatched bytes, in a record."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """`pattern` → `answer`, `delay_us` later; `times` None for any number."""

    pattern: re.Pattern[bytes]
    answer: bytes = b""
    delay_us: int = 0
    times: int | None = None


class Peer:
    """One end of one line. `unmatched` counts the reports, `left` the exchanges that nobody has asked for."""

    def __init__(
        self, clock: Clock, board: Board, port: int, exchanges: Sequence[Exchange], trace: Callable[..., None]
    ) -> None:
        self.port = port
        self._clock = clock
        self._board = board
        self._exchanges = exchanges
        self._used = [0] * len(exchanges)
        self._trace = trace
        self._received = b""
        self._patience: Timer | None = None
        board.uart(port).peer = self.take

    @property
    def left(self) -> list[int]:
        """Numbers, from 1, of exchanges that never took place."""
        return [number for number, used in enumerate(self._used, 1) if not used]

    def take(self, data: bytes) -> None:
        """The program wrote."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._received += data
        while self._received and self._answer():
            pass
        if len(self._received) > BUFFER_BYTES:
            self._report(self._received[:-BUFFER_BYTES])
            self._received = self._received[-BUFFER_BYTES:]
        if self._received:
            self._patience = self._clock.after(PATIENCE_US, self._give_up)

    def _answer(self) -> bool:
        for index, exchange in enumerate(self._exchanges):
            if exchange.times is not None and self._used[index] >= exchange.times:
                continue
            found = exchange.pattern.search(self._received)
            if found is not None and found.end():
                self._report(self._received[: found.start()])
                self._received = self._received[found.end() :]
                self._used[index] += 1
                self._clock.after(exchange.delay_us, self._send, index + 1, exchange.answer)
                return True
        return False

    def _send(self, number: int, answer: bytes) -> None:
        self._trace("peer", port=self.port, exchange=number)
        if answer:
            self._board.feed_uart(self.port, answer)

    def _give_up(self) -> None:
        self._report(self._received)
        self._received = b""

    def _report(self, data: bytes) -> None:
        if data:
            text = data[:SHOWN_BYTES].decode("latin-1").encode("unicode_escape").decode()
            self._trace("peer.unmatched", port=self.port, bytes=len(data), text=text)
