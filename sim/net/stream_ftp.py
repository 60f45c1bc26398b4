"""A file server on byte streams: FTP as far as a module's download needs it (RFC 959, and SIZE of RFC 3659).

No sockets here. One user, one folder of files, passive mode only. There is one port for all data connections: whose it
is, the address tells that it comes from. So no number depends on who asked first. A file goes out by the manner of the
answer that the artifact server gives for it; what that server refuses is not there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sim.kernel.clock import Clock, Timer
from sim.kernel.gather import Gather
from sim.ports import Address, Data, Ended, Gone, HttpResponse, Listener, Streams, TcpArrival, TcpChannel

FTP_PORT = 21
DATA_PORT = 50_000
"""Where data connections go, on whichever address the server is."""

LINE_LIMIT_BYTES = 4096
IDLE_US = 300_000_000
"""A control connection on which nothing is said for so long is closed, as such servers usually do."""

_FREE = frozenset({"USER", "PASS", "QUIT", "NOOP", "SYST", "FEAT"})
"""Commands before the login."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What is served, and to whom. `read` gives the answer of a web server for a path without its first slash."""

    user: str
    password: str
    read: Callable[[str], HttpResponse]


class FtpServer:
    """`record` is told (address of the client, command, path or "", code of the answer)."""

    def __init__(self, clock: Clock, folder: Folder, record: Callable[[str, str, str, int], object]) -> None:
        self.clock = clock
        self.folder = folder
        self.record = record
        self.ip = ""
        self._passive: dict[str, deque[_Session]] = {}

    def open(self, streams: Streams, owner: str, at: Address) -> Listener | None:
        """Listen; None when the place is taken."""
        self.ip = at.ip
        if streams.listen(owner, Address(at.ip, DATA_PORT), self._data) is None:
            return None
        return streams.listen(owner, at, self._accept)

    def await_data(self, source: str, session: _Session) -> None:
        """The next data connection from there is this session's."""
        self._passive.setdefault(source, deque()).append(session)

    def forget(self, source: str, session: _Session) -> None:
        """It awaits none any more."""
        waiting = self._passive.get(source)
        if waiting is not None and session in waiting:
            waiting.remove(session)

    def _accept(self, channel: TcpChannel, source: Address) -> Callable[[TcpArrival], None]:
        return _Session(self, channel, source.ip)

    def _data(self, channel: TcpChannel, source: Address) -> Callable[[TcpArrival], None]:
        waiting = self._passive.get(source.ip)
        if not waiting:
            self.clock.after(0, channel.close)
            return lambda _: None
        return waiting.popleft().take_data(channel)


class _Session:
    """One control connection, and the data connection that it has at the moment. Call it with arrivals."""

    def __init__(self, server: FtpServer, channel: TcpChannel, source: str) -> None:
        self._server = server
        self._channel = channel
        self._source = source
        self._buffer = bytearray()
        self._gather = Gather(server.clock, self._take)
        self._user = ""
        self._allowed = False
        self._data: TcpChannel | None = None
        self._to_send: HttpResponse | None = None
        self._start = 0
        self._over = False
        self._idle: Timer | None = None
        server.clock.after(0, self._say, 220, "ready")
        self._listen()

    def __call__(self, arrival: TcpArrival) -> None:
        self._gather(arrival)

    def take_data(self, channel: TcpChannel) -> Callable[[TcpArrival], None]:
        """The client dialled the data port."""
        self._data = channel
        self._begin()

        def arrived(arrival: TcpArrival) -> None:
            if isinstance(arrival, Ended | Gone) and self._data is channel:
                self._data = None

        return arrived

    # -- control

    def _take(self, arrival: TcpArrival) -> None:
        if self._over:
            return
        if isinstance(arrival, Ended | Gone):
            self._end()
            return
        if isinstance(arrival, Data):
            self._buffer += arrival.data
            self._listen()
        while b"\n" in self._buffer and not self._over:
            line, _, rest = bytes(self._buffer).partition(b"\n")
            self._buffer[:] = rest
            self._obey(line.decode("utf-8", "replace").rstrip("\r"))
        if len(self._buffer) > LINE_LIMIT_BYTES:
            self._say(500, "line too long")
            self._end()

    def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        command = word.upper()
        act = getattr(self, f"_do_{command.lower()}", None) if command.isalpha() else None
        if act is None:
            code, text = 502, "not implemented"
        elif not self._allowed and command not in _FREE:
            code, text = 530, "not logged in"
        else:
            code, text = act(rest)
        shown = "" if command == "PASS" else rest
        self._server.record(self._source, command, shown, code)
        if code:
            self._say(code, text)
        if command == "QUIT":
            self._end()

    def _do_user(self, name: str) -> tuple[int, str]:
        self._user, self._allowed = name, False
        return 331, "password"

    def _do_pass(self, password: str) -> tuple[int, str]:
        folder = self._server.folder
        self._allowed = (self._user, password) == (folder.user, folder.password)
        return (230, "logged in") if self._allowed else (530, "login incorrect")

    def _do_quit(self, _: str) -> tuple[int, str]:
        return 221, "goodbye"

    def _do_noop(self, _: str) -> tuple[int, str]:
        return 200, "ok"

    def _do_syst(self, _: str) -> tuple[int, str]:
        return 215, "UNIX Type: L8"

    def _do_type(self, kind: str) -> tuple[int, str]:
        return (200, "ok") if kind.upper() in ("I", "A", "A N", "L 8") else (504, "no such type")

    def _do_size(self, path: str) -> tuple[int, str]:
        answer = self._server.folder.read(path.lstrip("/"))
        return (213, str(len(answer.body))) if answer.status == 200 else (550, "no such file")

    def _do_rest(self, offset: str) -> tuple[int, str]:
        if not offset.isdigit():
            return 501, "not a number"
        self._start = int(offset)
        return 350, "send RETR"

    def _do_pasv(self, _: str) -> tuple[int, str]:
        self._drop_data()
        self._server.await_data(self._source, self)
        at = ",".join([*self._server.ip.split("."), str(DATA_PORT >> 8), str(DATA_PORT & 0xFF)])
        return 227, f"Entering Passive Mode ({at})"

    def _do_retr(self, path: str) -> tuple[int, str]:
        """The answer comes when the data connection is there."""
        answer = self._server.folder.read(path.lstrip("/"))
        if answer.status != 200:
            self._drop_data()
            return 550, "no such file"
        self._to_send = answer
        self._begin()
        return 0, ""

    # -- data

    def _begin(self) -> None:
        if self._to_send is None or self._data is None or self._over:
            return
        answer, channel = self._to_send, self._data
        self._to_send, start, self._start = None, self._start, 0
        body, manner, at_us, sent = answer.body[start:], answer.manner, 0, 0
        self._say(150, f"{len(body)} bytes")
        for step in manner.steps(len(body)) if manner is not None else ():
            at_us += step.wait_us
            self._server.clock.after(at_us, channel.send, body[sent : step.until_bytes])
            sent = step.until_bytes
        end = manner.end if manner is not None else ""
        self._server.clock.after(at_us, self._sent, channel, b"" if end else body[sent:], end)

    def _sent(self, channel: TcpChannel, last: bytes, end: str) -> None:
        channel.send(last)
        (channel.reset if end == "reset" else channel.close)()
        self._data = None
        if not self._over:
            self._say(*((426, "transfer aborted") if end else (226, "transfer complete")))

    def _drop_data(self) -> None:
        self._server.forget(self._source, self)
        data, self._data, self._to_send = self._data, None, None
        if data is not None:
            data.close()

    def _say(self, code: int, text: str) -> None:
        if not self._over:
            self._channel.send(f"{code} {text}\r\n".encode())

    def _end(self) -> None:
        self._over = True
        if self._idle is not None:
            self._idle.cancel()
        self._drop_data()
        self._channel.close()

    def _listen(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._server.clock.after(IDLE_US, self._end)
