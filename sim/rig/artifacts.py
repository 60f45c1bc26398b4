"""What is kept of devices whose test failed: how to repeat it, the trace, and their flash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sim.device.module import Module
from sim.errors import MachineError
from sim.rig.flash import dump_of, picture_of
from sim.scenario.result import RunResult
from sim.scenario.world import World
from sim.trace import Record

if TYPE_CHECKING:
    from sim.rig.rig import Rig

DEVICES_KEPT = 10
"""Flash is megabytes; of more devices, the bricked ones come first."""


def keep_rig(rig: Rig, folder: Path) -> None:
    """`replay.txt`, `trace.jsonl`, and for each device `NAME.flash.bin` and `NAME.flash.png`. MachineError."""
    scene = rig.scene
    rig.call(lambda: _write(folder, rig.replay, list(scene.records), scene.devices))


class RunKeeper:
    """An attendant that keeps the same of a scenario's run which did not pass. `problem` tells why it could not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records: list[Record] = []
        self.problem = ""

    def begin(self, world: World) -> None:
        """Note all records from now on."""
        world.trace.observe(self._records.append)

    def end(self, world: World, result: RunResult) -> RunResult:
        """Write, unless all is well."""
        if not result.passed:
            try:
                _write(self._folder, result.replay, self._records, world.devices)
            except MachineError as error:
                self.problem = str(error)
        return result


def _write(folder: Path, replay: str, records: Iterable[Record], devices: Mapping[str, Module]) -> None:
    names = sorted(devices, key=lambda name: not devices[name].bricked)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "replay.txt").write_text(replay + "\n", encoding="utf-8")
        with (folder / "trace.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(record.to_json() + "\n" for record in records)
        for name in names[:DEVICES_KEPT]:
            (folder / f"{name}.flash.bin").write_bytes(dump_of(devices[name]))
            (folder / f"{name}.flash.png").write_bytes(picture_of(devices[name]))
    except OSError as error:
        raise MachineError(f"{folder} cannot be written: {error.strerror}") from None
