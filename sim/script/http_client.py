"""What `request` does on a socket: one connection for one request, with the peculiarities of two firmware generations.

Rules, from the vendor's request.py of 2021 (G21) and 2025 (G25): HTTP/1.0 unless told otherwise; values of headers keep
their leading blank and end at a second colon; `Content-Length` counts in exactly this spelling, without it the body
goes on until the end; a body that breaks off looks like a whole one, and an error loses the piece that it breaks. G25
tells a time-out (ValueError), G21 swallows it, too. Redirects: G21 gives up (NotImplementedError), G25 hands them out.
"""

from __future__ import annotations

import errno
import json as jsons
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sim.script.authorities import ca_of
from sim.script.sockets import ScriptSocket, look_up

HTTP_PORT, HTTPS_PORT = 80, 443
REDIRECTS = (301, 302, 303, 307, 308)
LENGTH, ENCODING = "Content-Length", "Transfer-Encoding"
BOUNDARY = "----qpyotaFormBoundary"
UPLOAD_BYTES = 1024
"""A file is sent in pieces of this size."""


@dataclass(frozen=True, slots=True)
class Manners:
    """What differs between the generations. `size_bytes` is the step in which bodies are read."""

    size_bytes: int
    timeout_s: float | None
    tells_timeouts: bool
    hands_out_redirects: bool
    checks_ca: bool


G21 = Manners(255, None, tells_timeouts=False, hands_out_redirects=False, checks_ca=False)
G25 = Manners(2048, 20, tells_timeouts=True, hands_out_redirects=True, checks_ca=True)
MANNERS = {"G21": G21, "G25": G25, "UNI": G25}


@dataclass(slots=True)
class Ask:
    """One request as a script makes it."""

    method: str
    url: str
    data: Any = None
    json: Any = None
    files: dict[str, str] | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    ssl_params: dict[str, Any] = field(default_factory=dict)


class Response:
    """`request.Response`. `text` and `content` are generators, each of the body's pieces once."""

    status_code: int = 0
    reason: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - the name is the class's, the value each object's own

    def __init__(self, sock: ScriptSocket, manners: Manners, size_bytes: int, decode: bool) -> None:
        self.raw: ScriptSocket | None = sock
        self._manners = manners
        self._size = size_bytes
        self._decode = decode

    @property
    def content(self) -> Iterator[bytes]:
        return self._pieces()

    @property
    def text(self) -> Iterator[Any]:
        return (piece.decode() if self._decode else piece for piece in self._pieces())

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        try:
            return jsons.loads(b"".join(self._pieces()))
        except ValueError:
            raise ValueError("syntax error in JSON") from None

    def close(self) -> None:
        if self.raw is not None:
            self.raw.close()
            self.raw = None

    # -- inside

    def begin(self, head: bool) -> None:
        """Status line and headers. Without an answer: IndexError, as the vendor's code comes to it."""
        sock = self.raw
        assert sock is not None
        words = self._told(sock.readline).split(None, 2)
        self.status_code = int(words[1])
        self.reason = words[2].decode().rstrip() if len(words) > 2 else ""
        self.headers = {}
        while (line := self._told(sock.readline)) not in (b"", b"\r\n"):
            parts = line.decode().split(":")
            self.headers[parts[0]] = parts[1].rstrip("\r\n") if len(parts) > 1 else ""
        if self.status_code in REDIRECTS and not self._manners.hands_out_redirects:
            self.close()
            raise NotImplementedError("Redirects not yet supported")
        if head:
            self.close()

    def _pieces(self) -> Iterator[bytes]:
        """Closes at its end. One that is left alone half-way does nothing: nobody knows when it would be collected."""
        try:
            if "chunked" in self.headers.get(ENCODING, ""):
                body = b"".join(self._chunks())
                yield from (body[at : at + self._size] for at in range(0, len(body), self._size))
            else:
                yield from self._plain()
        except Exception:
            self.close()
            raise
        self.close()

    def _plain(self) -> Iterator[bytes]:
        length = self.headers.get(LENGTH)
        left = None if length is None else int(length)
        while left is None or left > 0:
            piece = self._next(self._size if left is None else min(self._size, left))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while self.raw is not None:
            line = self._quietly(self.raw.readline).split(b";")[0].strip()
            size = int(line, 16) if line else 0
            if not size:
                return
            sock = self.raw
            yield self._quietly(lambda sock=sock, size=size: sock.read(size))  # type: ignore[misc]
            self._quietly(sock.readline)

    def _next(self, size: int) -> bytes:
        sock = self.raw
        return b"" if sock is None else self._quietly(lambda: sock.read(size))

    def _quietly(self, read: Callable[[], bytes | None]) -> bytes:
        """An error in the middle of a body looks like its end."""
        try:
            return read() or b""
        except OSError as error:
            if self._manners.tells_timeouts and error.args == (errno.ETIMEDOUT,):
                raise ValueError("[Errno 110] ETIMEDOUT") from None
            return b""

    def _told(self, read: Callable[[], bytes | None]) -> bytes:
        try:
            return read() or b""
        except OSError as error:
            self.close()
            if self._manners.tells_timeouts and error.args == (errno.ETIMEDOUT,):
                raise ValueError("[Errno 110] ETIMEDOUT") from None
            raise


def send(sock: ScriptSocket, ask: Ask, manners: Manners, opened: Callable[[str], Any]) -> None:
    """Connect and send the request; `opened` gives a file of the device. IndexError for a name that does not resolve,
    RuntimeError for a server that cannot be reached or fails the handshake."""
    scheme, host, port, path = parts_of(ask.url)
    address = [] if (found := look_up(sock._rt, host)) is None else [(found, port)]
    where = address[0]
    try:
        sock.connect(where)
        if scheme == "https":
            ca = ca_of(ask.ssl_params) if manners.checks_ca else ""
            sock.secure(_pem(ask.ssl_params.get("cert")), _pem(ask.ssl_params.get("key")), ca)
    except OSError as error:
        sock.close()
        raise RuntimeError(str(_told(error))) from None
    try:
        _write(sock, ask, host, path, opened)
    except OSError:
        sock.close()
        raise


def parts_of(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path; ValueError for a scheme that is not http's."""
    scheme, found, rest = url.partition("://")
    if not found:
        scheme, rest = "http", url
    if scheme not in ("http", "https"):
        raise ValueError(f"Unsupported protocol: {scheme}")
    host, slash, path = rest.partition("/")
    host, colon, port = host.partition(":")
    usual = HTTPS_PORT if scheme == "https" else HTTP_PORT
    return scheme, host, int(port) if colon else usual, slash + path or "/"


def _write(sock: ScriptSocket, ask: Ask, host: str, path: str, opened: Callable[[str], Any]) -> None:
    lines = [f"{ask.method} {path} HTTP/1.{1 if ask.version else 0}"]
    if "Host" not in ask.headers:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in ask.headers.items()]
    if ask.version:
        lines.append("Connection: close")
    if ask.files is not None:
        _write_file(sock, ask, lines, opened)
        return
    data = ask.data
    if ask.json is not None:
        lines.append("Content-Type: application/json")
        data = jsons.dumps(ask.json, ensure_ascii=False)
    if hasattr(data, "read"):
        data = data.read()
    body = b"" if data is None else data.encode() if isinstance(data, str) else bytes(data)
    if data is not None and LENGTH not in ask.headers:
        lines.append(f"{LENGTH}: {len(body)}")
    sock.write("\r\n".join([*lines, "", ""]))
    if body:
        sock.write(body)


def _write_file(sock: ScriptSocket, ask: Ask, lines: list[str], opened: Callable[[str], Any]) -> None:
    """A form with one file: `filepath` on the device, `filename` for the server, `name` of the field."""
    files = ask.files or {}
    with opened(files["filepath"]) as file:
        content = file.read()
    name, filename = files.get("name", "file"), files.get("filename", files["filepath"].rpartition("/")[2])
    before = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    after = f"\r\n--{BOUNDARY}--\r\n".encode()
    lines += [
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"{LENGTH}: {len(before) + len(content) + len(after)}",
    ]
    sock.write("\r\n".join([*lines, "", ""]).encode() + before)
    for at in range(0, len(content), UPLOAD_BYTES):
        sock.write(content[at : at + UPLOAD_BYTES])
    sock.write(after)


def _told(error: OSError) -> BaseException:
    from sim.script.dialect_names import as_device

    return as_device(error)


def _pem(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value or "")
