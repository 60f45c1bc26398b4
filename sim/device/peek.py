"""Look at a device's flash from outside, as a judge does: no time passes, nothing wears, any state will do.

The flash is copied by reference to a scratch part and read there.
"""

from __future__ import annotations

from sim.boot.bootloader import installed_version as version_of
from sim.device.model import Regions
from sim.device.module import Module
from sim.flash.filesystem import FileSystem
from sim.flash.mounts import Mounts
from sim.flash.nor import Nor


def installed_version(module: Module) -> str | None:
    """The version that all images carry, None when they carry no whole firmware."""
    return version_of(_copy(module).boot_layout.images)


def read_file(module: Module, path: str) -> bytes | None:
    """Content of a file by its absolute path; None when there is none, or no readable volume."""
    for point, region in _copy(module).volumes.items():
        if path.startswith(point + "/"):
            volume = FileSystem(region)
            try:
                volume.mount()
                return Mounts({point: volume}).read(path)
            except OSError:
                return None
            finally:
                if volume.mounted:
                    volume.unmount()
    return None


def _copy(module: Module) -> Regions:
    scratch = Nor(module.nor.part)
    scratch.restore(module.nor.snapshot())
    return module.model.regions(scratch)
