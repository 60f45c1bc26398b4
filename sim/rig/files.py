"""A device's files, from outside: as by a programmer's clip on its flash. The program that runs is not disturbed."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.device.peek import read_file
from sim.errors import SpecError
from sim.serve.bench import Bench

if TYPE_CHECKING:
    from sim.rig.rig import Rig


class Files:
    """Of one device, by absolute paths: `/usr/main.py`. Reading works in every state, even without power."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig = rig
        self._name = name

    def read(self, path: str) -> bytes:
        """Content of a file; SpecError when there is none."""
        data = self._rig.call(partial(read_file, self._rig.scene.devices[self._name], path))
        if data is None:
            raise SpecError(f"{self._name} has no readable file {path!r}")
        return data

    def read_text(self, path: str) -> str:
        """The same as text."""
        return self.read(path).decode()

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._rig.call(partial(read_file, self._rig.scene.devices[self._name], path)) is not None

    def write(self, path: str, content: bytes | str) -> None:
        """Write a file of a device that runs; SpecError tells why not."""
        data = content.encode() if isinstance(content, str) else content
        self._order("write", path, data=base64.b64encode(data).decode())

    def listdir(self, path: str = "/usr") -> list[str]:
        """Names in a folder of a device that runs."""
        return [str(row["name"]) for row in self._order("ls", path)["files"]]

    def remove(self, path: str) -> None:
        """Remove a file of a device that runs."""
        self._order("rm", path)

    def _order(self, what: str, path: str, **more: Any) -> dict[str, Any]:
        bench = Bench(self._rig.scene.devices, {}, _none, _none)
        return self._rig.call(bench.take, {"do": what, "device": self._name, "path": path, **more})


def _none(*_: str) -> Any:
    raise AssertionError("files are of devices that are there")
