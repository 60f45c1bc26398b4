"""`uwebsocket`: a WebSocket client over the script's own sockets (RFC 6455; text, binary, ping, close; whole messages).

As the vendor's client it looks at the status line of the answer and at nothing else of it. `recv` gives text as str and
binary as bytes, None when the connection is closed.
"""

from __future__ import annotations

import base64
import struct
from contextlib import suppress
from types import ModuleType
from typing import Any

from sim.script.http_client import parts_of
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.sockets import ScriptSocket, look_up

CLOSE_OK = 1000
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FINAL, MASKED = 0x80, 0x80
MESSAGE_LIMIT_BYTES = 512 * 1024
"""About what a script's heap holds; a longer message is the end of the connection."""


class Websocket:
    """`uwebsocket.Websocket`, an open connection."""

    def __init__(self, sock: ScriptSocket, mask: bytes) -> None:
        self._sock = sock
        self._mask = mask
        self.open = True

    def send(self, msg: Any) -> None:
        """Text as a text message, bytes as a binary one. Nothing after the end."""
        if self.open:
            text = isinstance(msg, str)
            self._write(TEXT if text else BINARY, msg.encode() if text else bytes(msg))

    def recv(self) -> str | bytes | None:
        """The next message; None when there will be no more."""
        message, kind = b"", 0
        while self.open:
            first, opcode, payload = self._frame()
            if opcode == PING:
                self._write(PONG, payload)
            elif opcode == CLOSE:
                self.close()
            elif opcode in (TEXT, BINARY, 0):
                kind, message = opcode or kind, message + payload
                if first & FINAL:
                    return message.decode() if kind == TEXT else message
        return None

    def close(self, code: int = CLOSE_OK, reason: str = "") -> None:
        """Say so, and end the connection."""
        if self.open:
            with suppress(OSError):  # it is over already
                self._write(CLOSE, struct.pack("!H", code) + reason.encode())
            self.open = False
            self._sock.close()

    def settimeout(self, timeout: float | None) -> None:
        self._sock.settimeout(timeout)

    def _write(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", FINAL | opcode, MASKED | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", FINAL | opcode, MASKED | 126, size)
        else:
            head = struct.pack("!BBQ", FINAL | opcode, MASKED | 127, size)
        masked = bytes(byte ^ self._mask[at % 4] for at, byte in enumerate(payload))
        self._sock.write(head + self._mask + masked)

    def _frame(self) -> tuple[int, int, bytes]:
        """First byte, opcode and payload of the next frame; a broken connection is a CLOSE."""
        head = self._sock.read(2) or b""
        if len(head) < 2:
            self._gone()
            return 0, CLOSE, b""
        size = head[1] & 0x7F
        if size >= 126:
            wide = self._sock.read(2 if size == 126 else 8) or b""
            size = int.from_bytes(wide, "big")
        mask = (self._sock.read(4) or b"") if head[1] & MASKED else b""
        payload = (self._sock.read(size) or b"") if size <= MESSAGE_LIMIT_BYTES else b""
        if len(payload) < size:
            self._gone()
            return 0, CLOSE, b""
        if mask:
            payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        return head[0], head[0] & 0x0F, payload

    def _gone(self) -> None:
        self.open = False
        self._sock.close()


def make(rt: ScriptRuntime) -> ModuleType:
    class Socket(ScriptSocket):
        _rt = rt

    draws = rt.module.radio.stream("websocket")

    def some_bytes(count: int) -> bytes:
        return bytes(draws.randrange(256) for _ in range(count))

    class Client:
        @staticmethod
        def connect(url: Any, headers: dict[str, str] | None = None, debug: bool = False) -> Websocket:
            """ws:// or wss://. IndexError for a name that does not resolve, AssertionError without a 101."""
            text = url.decode() if isinstance(url, bytes | bytearray) else str(url)
            scheme, host, port, path = parts_of("http" + text[2:] if text.startswith("ws") else text)
            found = look_up(rt, host)
            sock = Socket()
            sock.connect(([] if found is None else [(found, port)])[0])
            if scheme == "https":
                sock.secure("", "")
            key = base64.b64encode(some_bytes(16)).decode()
            lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: Upgrade", "Upgrade: websocket"]
            lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Origin: http://{host}:{port}"]
            lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
            sock.write("\r\n".join([*lines, "", ""]))
            status = sock.readline() or b""
            if not status.startswith(b"HTTP/1.1 101 "):
                sock.close()
                raise AssertionError(status)
            while sock.readline() not in (b"\r\n", b"", None):
                pass
            return Websocket(sock, some_bytes(4))

    return namespace("uwebsocket", CLOSE_OK=CLOSE_OK, Websocket=Websocket, Client=Client)
