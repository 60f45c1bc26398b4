"""One end of a TCP connection: the rules that both transports keep. How bytes get across is theirs.

What is buffered comes in through `arrive`, in the simulation phase. An end that knows its other end (both are in this
process, which is so unless an outside client dialled) learns at once that it sends to one who has closed; a kernel
would tell it one round trip later, on some transports only at the second try.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.net.tls import TlsFailure, check_identity
from sim.ports import Data, Ended, Gone, TcpArrival


class StreamEnd:
    """A TcpChannel. Subclasses carry bytes, ends and handshakes."""

    def __init__(self, receive: Callable[[TcpArrival], None]) -> None:
        self.receive = receive
        self.other: StreamEnd | None = None
        self.needs_tls = False  # connected to one who waits for a handshake
        self.secured = False
        self.closed = False  # by its owner, and not by loss of power
        self.dead = False  # nothing is handed over any more
        self._finished = False
        self._told_end = False

    # -- TcpChannel

    def send(self, data: bytes) -> None:
        if self.dead or self._finished or not data:
            return
        deaf = self.secured or (self.other is not None and self.other.closed)
        if self.needs_tls or (self._told_end and deaf):
            self._fail("reset")
        else:
            self._carry(data)

    def secure(self, certificate: str = "", private_key: str = "") -> None:
        if self.dead or self.secured:
            return
        given = bool(certificate or private_key)
        if not self.needs_tls or (given and isinstance(check_identity(certificate, private_key, ""), TlsFailure)):
            self._fail("tls")
        else:
            self.needs_tls, self.secured = False, True
            self._shake(certificate, private_key)

    def finish(self) -> None:
        if self.secured:
            self.close()
        elif not self.dead and not self._finished:
            self._finished = True
            self._carry_end()

    def close(self) -> None:
        if not self.dead:
            self.dead = self.closed = True
            self._carry_close()

    def reset(self) -> None:
        if not self.dead:
            self.dead = self.closed = True
            self._carry_reset()

    def vanish(self) -> None:
        self.dead = True

    # -- what the transport tells

    def arrive(self, arrival: TcpArrival) -> None:
        """Something is handed over, in the simulation phase."""
        if self.dead:
            return
        if isinstance(arrival, Ended):
            self._told_end = True
        elif isinstance(arrival, Data) and self._told_end:
            return
        elif isinstance(arrival, Gone):
            self.dead = True
        self.receive(arrival)

    # -- the transport

    def _fail(self, reason: str) -> None:
        """End it from here: the owner gets Gone, the other side a reset."""
        self._carry_reset()
        self._hand(Gone(reason))

    def _hand(self, arrival: TcpArrival) -> None:
        raise NotImplementedError

    def _carry(self, data: bytes) -> None:
        raise NotImplementedError

    def _carry_end(self) -> None:
        raise NotImplementedError

    def _carry_close(self) -> None:
        raise NotImplementedError

    def _carry_reset(self) -> None:
        raise NotImplementedError

    def _shake(self, certificate: str, private_key: str) -> None:
        raise NotImplementedError


def nobody(_arrival: TcpArrival) -> None:
    """Takes the arrivals of a connection that nobody has accepted yet."""
