"""How many bytes are on the way between two sockets of this process. Values in, values out; no I/O here.

A connection is counted from its two transports: what one end wrote minus what the other end read, plus ends
that closed and were not yet noticed by their peer, plus connects not yet accepted. A connection with one end
outside the process never counts: one that was accepted and that nobody here dialled, or whose other end never
shows up. Nor do bytes behind a reader that paused itself: that is back-pressure.
"""

from __future__ import annotations

from typing import Any

UNMATCHED_GRACE_S = 0.05
"""Wall time after which a connection whose other end has not shown up is taken to lead outside."""


class Connection:
    """The two ends of one connection and the balance of bytes between them."""

    __slots__ = ("balance", "closed", "ends", "key", "label", "saw_end")

    def __init__(self, key: object) -> None:
        self.key = key
        self.label = ""
        self.ends: list[Any] = []
        self.balance = 0
        self.closed: set[Any] = set()
        self.saw_end: set[Any] = set()

    @property
    def settled(self) -> bool:
        """True when nobody has still to notice that the other end closed."""
        return len(self.ends) < 2 or all(end in self.closed or end in self.saw_end for end in self.ends)

    @property
    def held(self) -> bool:
        """True when a paused reader, not the network, keeps the bytes."""
        return any(getattr(end, "_paused", False) for end in self.ends)

    def __str__(self) -> str:
        name = (
            self.label or " and ".join(map(str, sorted(map(str, self.key)))) if isinstance(self.key, frozenset) else "?"
        )
        return (
            f"{name}: {self.balance} bytes never arrived"
            if self.balance
            else f"{name}: an end that closed was never noticed"
        )


class InFlight:
    """The ledger of all connections of one loop."""

    def __init__(self) -> None:
        self.touched = 0
        self._by_key: dict[object, Connection] = {}
        self._by_end: dict[Any, Connection] = {}
        self._bytes = 0
        self._half: dict[Connection, float] = {}
        self._dialled: set[object] = set()
        self._closing: dict[Connection, None] = {}
        self._external: set[Connection] = set()
        self._datagrams = 0

    def dialled(self, key: object) -> None:
        """A socket of this process is connecting; its transport comes later, or `dropped`."""
        self._dialled.add(key)

    def dropped(self, key: object) -> None:
        """What was dialled with this key did not come about."""
        self._dialled.discard(key)

    @property
    def dialling(self) -> bool:
        """True while a socket of this process waits for its connection."""
        return bool(self._dialled)

    def attach(self, end: Any, key: object, now_s: float, *, accepted: bool = False) -> None:
        """A transport appears; `key` is the same for both ends of a connection. `now_s` is wall time."""
        connection = self._by_key.get(key)
        if connection is None or len(connection.ends) == 2:
            connection = self._by_key[key] = Connection(key)
        connection.ends.append(end)
        self._by_end[end] = connection
        if len(connection.ends) == 2:
            self._half.pop(connection, None)
        elif accepted and key not in self._dialled:
            self._external.add(connection)
        else:
            self._half[connection] = now_s
        if not accepted:
            self._dialled.discard(key)

    def label(self, key: object, name: str) -> None:
        """Name the connection with this key for messages to people."""
        if key in self._by_key:
            self._by_key[key].label = name

    def leads_outside(self, key: object) -> None:
        """The other end of the connection with this key is not in this process: nothing on it is waited for."""
        connection = self._by_key.get(key)
        if connection is not None and len(connection.ends) < 2:
            self._settle(connection)
            self._external.add(connection)

    def sent(self, end: Any, count: int) -> None:
        """`end` wrote `count` bytes."""
        self.touched += 1
        self._count(self._by_end[end], count)

    def received(self, end: Any, count: int) -> None:
        """`end` read `count` bytes; 0 is the end of the stream."""
        connection = self._by_end[end]
        if count:
            self._count(connection, -count)
        else:
            connection.saw_end.add(end)

    def closed(self, end: Any) -> None:
        """`end` closes: what it has not read it never will, and its peer must still notice."""
        connection = self._by_end[end]
        if end not in connection.closed:
            connection.closed.add(end)
            self.touched += 1
            if len(connection.ends) == 2:
                self._closing[connection] = None

    def lost(self, end: Any) -> None:
        """`end` is gone for good; forget it when its peer is gone too."""
        connection = self._by_end.pop(end, None)
        if connection is None:
            return
        connection.closed.add(end)
        connection.saw_end.add(end)
        if all(other not in self._by_end for other in connection.ends):
            self._forget(connection)

    def datagrams(self, change: int) -> None:
        """So many more datagrams are on their way between two sockets of this process; negative: so many fewer."""
        self.touched += 1
        self._datagrams += change

    def busy(self, now_s: float) -> bool:
        """True while something between two sockets of this process is still on its way."""
        for connection, since_s in list(self._half.items()):
            if now_s - since_s > UNMATCHED_GRACE_S:
                self._settle(connection)
                self._external.add(connection)
        for connection in list(self._closing):
            if connection.settled:
                self._settle(connection)
        if self._datagrams or self._half or any(self._counts(c) for c in self._closing):
            return True
        return self._bytes != 0 and any(self._counts(c) and c.balance for c in self._by_key.values())

    def ends(self) -> list[Any]:
        """Every transport that still lives."""
        return list(self._by_end)

    def give_up(self) -> list[str]:
        """Stop counting what does not drain; the names of those connections."""
        stuck = [c for c in self._by_key.values() if self._counts(c) and (c.balance or c in self._closing)]
        names = [str(c) for c in stuck]
        for connection in stuck:
            self._settle(connection)
            self._external.add(connection)
        if self._datagrams:
            names.append(f"UDP: {self._datagrams} datagrams never arrived")
            self._datagrams = 0
        return names

    def _count(self, connection: Connection, count: int) -> None:
        if connection not in self._external:
            connection.balance += count
            self._bytes += count

    def _counts(self, connection: Connection) -> bool:
        return connection not in self._external and not connection.held

    def _settle(self, connection: Connection) -> None:
        self._bytes -= connection.balance
        connection.balance = 0
        self._closing.pop(connection, None)
        self._half.pop(connection, None)

    def _forget(self, connection: Connection) -> None:
        self._settle(connection)
        self._external.discard(connection)
        if self._by_key.get(connection.key) is connection:
            del self._by_key[connection.key]
