"""`uzlib`: inflate only. `decompress` takes a whole text, `DecompIO` reads through another stream piece by piece.

`wbits` as in MicroPython: 0 or 8 to 15 for a zlib header, negative for a raw stream, 16 more for gzip.
"""

from __future__ import annotations

import errno
import zlib
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

RAW_WINDOW_BITS = -15
PIECE_BYTES = 512
"""How much of the underlying stream is read at a time."""


def make(rt: ScriptRuntime) -> ModuleType:
    class DecompIO:
        def __init__(self, stream: Any, wbits: int = 0, _buffer_size: int = 0) -> None:
            self._stream = stream
            self._inflate = zlib.decompressobj(_window(wbits))
            self._ready = b""

        def read(self, size: int = -1) -> bytes:
            rt.me()
            while size < 0 or len(self._ready) < size:
                if not self._more():
                    break
            taken = self._ready if size < 0 else self._ready[:size]
            self._ready = self._ready[len(taken) :]
            return taken

        def readinto(self, buffer: bytearray) -> int:
            data = self.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)

        def readline(self) -> bytes:
            line = b""
            while not line.endswith(b"\n") and (char := self.read(1)):
                line += char
            return line

        def _more(self) -> bool:
            """One piece more; False at the end. A stream that ends too soon is an error, as on the device."""
            if self._inflate.eof:
                return False
            piece = self._stream.read(PIECE_BYTES)
            if not piece:
                raise OSError(errno.EINVAL)
            try:
                self._ready += self._inflate.decompress(piece)
            except zlib.error:
                raise OSError(errno.EINVAL) from None
            return True

    return namespace("uzlib", decompress=_decompress, DecompIO=DecompIO)


def _window(wbits: int) -> int:
    return zlib.MAX_WBITS if wbits == 0 else wbits


def _decompress(data: bytes, wbits: int = 0, _buffer_size: int = 0) -> bytes:
    try:
        return zlib.decompress(data, _window(wbits))
    except zlib.error as error:
        raise ValueError(str(error)) from None
