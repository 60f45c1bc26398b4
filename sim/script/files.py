"""Files as scripts see them: text or bytes over a file of the device's volume. Every call takes flash time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.script.runtime import ScriptRuntime


class ScriptFile:
    """What `open` gives. A file that is not closed before a reset keeps its old content, as littlefs does."""

    def __init__(self, runtime: ScriptRuntime, path: str, mode: str) -> None:
        self._runtime = runtime
        self._text = "b" not in mode
        plain = mode.replace("b", "").replace("t", "")
        if plain not in ("r", "r+", "w", "w+", "a", "a+"):
            raise OSError(errno.EINVAL)
        self._file = runtime.flash(runtime.module.mounts.open, path, plain)

    def read(self, size: int = -1) -> Any:
        return self._out(self._runtime.flash(self._file.read, size))

    def readline(self) -> Any:
        line = bytearray()
        while True:
            byte = self._file.read(1)
            line += byte
            if not byte or byte == b"\n":
                return self._out(self._runtime.flash(bytes, line))

    def readlines(self) -> list[Any]:
        return list(self)

    def readinto(self, buffer: bytearray) -> int:
        data = self._runtime.flash(self._file.read, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        raw = data.encode() if isinstance(data, str) else bytes(data)
        self._runtime.flash(self._file.write, raw)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._runtime.flash(self._file.seek, offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._runtime.flash(self._file.flush)

    def close(self) -> None:
        self._runtime.flash(self._file.close)

    def __iter__(self) -> Iterator[Any]:
        while line := self.readline():
            yield line

    def __enter__(self) -> ScriptFile:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _out(self, data: bytes) -> Any:
        return data.decode() if self._text else data
