"""What is kept of a rig whose test failed: how to repeat it, its trace, the flash of its devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import MachineError
from sim.rig.device import Device

if TYPE_CHECKING:
    from sim.rig.rig import Rig

DEVICES_KEPT = 10
"""Flash is megabytes; of more devices, the bricked ones come first."""


def write_artifacts(rig: Rig, folder: Path) -> None:
    """`replay.txt`, `trace.jsonl`, and for each device `NAME.flash.bin` and `NAME.flash.png`. MachineError."""
    records = rig.call(lambda: list(rig.scene.records))
    names = rig.call(lambda: sorted(rig.scene.devices, key=lambda name: not rig.scene.devices[name].bricked))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "replay.txt").write_text(rig.replay + "\n", encoding="utf-8")
        with (folder / "trace.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(record.to_json() + "\n" for record in records)
        for name in names[:DEVICES_KEPT]:
            flash = Device(rig, name).flash
            (folder / f"{name}.flash.bin").write_bytes(flash.dump())
            (folder / f"{name}.flash.png").write_bytes(flash.picture())
    except OSError as error:
        raise MachineError(f"{folder} cannot be written: {error.strerror}") from None
