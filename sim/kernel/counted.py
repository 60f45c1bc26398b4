"""A socket of asyncio's whose bytes are counted, so that the loop knows what is on its way between two of its own.

Rules: it changes nothing of what is sent or read; it tells, before asyncio does it.

Private asyncio API used here, checked by tests on every supported Python: `_SelectorSocketTransport` with its
`_read_ready__*`, `_force_close` and `_call_connection_lost`.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import selector_events
from typing import Any

from sim.kernel.inflight import InFlight


def connection_key(sock: Any) -> object:
    """What both ends of a connection call it."""
    try:
        return frozenset((sock.getsockname()[:2], sock.getpeername()[:2]))
    except OSError:
        return object()


class CountedTransport(selector_events._SelectorSocketTransport):  # type: ignore[name-defined,misc]
    """A socket transport that tells the ledger each byte it writes and reads."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ledger: InFlight,
        sock: Any,
        protocol: Any,
        waiter: Any = None,
        extra: Any = None,
        server: Any = None,
    ) -> None:
        self._ledger = ledger
        self._ledger.attach(self, connection_key(sock), time.monotonic(), accepted=server is not None)
        super().__init__(loop, sock, protocol, waiter, extra, server)

    def _read_ready__data_received(self) -> None:
        if self._conn_lost:
            return
        try:
            data = self._sock.recv(self.max_size)
        except (BlockingIOError, InterruptedError):
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:  # noqa: BLE001 - asyncio's own rule for transports
            self._fatal_error(exc, "Fatal read error on socket transport")
            return
        self._ledger.received(self, len(data))
        if not data:
            self._read_ready__on_eof()
        else:
            self._protocol.data_received(data)

    def _read_ready__get_buffer(self) -> None:
        if self._conn_lost:
            return
        try:
            count = self._sock.recv_into(self._protocol.get_buffer(-1))
        except (BlockingIOError, InterruptedError):
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:  # noqa: BLE001 - asyncio's own rule for transports
            self._fatal_error(exc, "Fatal read error on socket transport")
            return
        self._ledger.received(self, count)
        if not count:
            self._read_ready__on_eof()
        else:
            self._protocol.buffer_updated(count)

    def write(self, data: Any) -> None:
        if data and not self._conn_lost and not self._eof:
            self._ledger.sent(self, len(data))
        super().write(data)

    def writelines(self, chunks: Any) -> None:
        self.write(b"".join(chunks))

    def resume_reading(self) -> None:
        self._ledger.touched += 1
        super().resume_reading()

    def write_eof(self) -> None:
        if not self._eof:
            self._ledger.closed(self)
        super().write_eof()

    def close(self) -> None:
        if not self._closing:
            self._ledger.closed(self)
        super().close()

    def _force_close(self, exc: BaseException | None) -> None:
        self._ledger.closed(self)
        super()._force_close(exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            super()._call_connection_lost(exc)
        finally:
            self._ledger.lost(self)
