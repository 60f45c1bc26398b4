"""What the workbench does to the devices of a served cloud: make one, cut its power, read its flash, move its files.

Rules: an order takes its turn in the simulation, is recorded on the device's track (`bench`), and its effect on flash
is kept before it is answered. Files are moved from outside, as by a programmer's clip on the module: the program that
runs is not disturbed and no time passes for it. What cannot be done is a `Refusal`, in words for people.
"""

from __future__ import annotations

import base64
import errno
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from sim.device.battery import Supply
from sim.device.module import Module
from sim.errors import QpyotaError
from sim.flash.changes import changed
from sim.flash.nor import NorSnapshot
from sim.kernel.power import PowerLoss
from sim.serve.flash_view import info, map_of, place_of

BATTERY_MAX_MV = 5000
"""More than any of these modules stands."""

Json = dict[str, Any]

_WORDS = {
    errno.ENOENT: "there is no {path}",
    errno.EISDIR: "{path} is a folder",
    errno.ENOTDIR: "{path} is not a folder, or something above it is not",
    errno.EEXIST: "{path} is there already",
    errno.ENOTEMPTY: "{path} is not empty",
    errno.ENOSPC: "{path} does not fit any more: the volume is full",
    errno.EROFS: "{path} cannot be written: /bak is read-only",
    errno.EPERM: "{path} cannot be changed",
}


class Refusal(QpyotaError):  # noqa: N818 - a finding
    """An order that cannot be obeyed."""


class Bench:
    """`devices` by name, as the cloud has them now; `make` adds one, `drop` takes one away, or raises SpecError.
    `factory` is the flash that each was made with."""

    def __init__(
        self,
        devices: Mapping[str, Module],
        factory: Mapping[str, NorSnapshot],
        make: Callable[[str, str, str], Module],
        drop: Callable[[str], None],
    ) -> None:
        self._devices = devices
        self._factory = factory
        self._make = make
        self._drop = drop
        self.orders: Mapping[str, Callable[[Module, Json], Json]] = {
            "show": lambda module, _: _standing(module),
            "power": self._power,
            "reset": self._reset,
            "battery": self._battery,
            "net": self._net,
            "ls": self._ls,
            "cat": self._cat,
            "write": self._write,
            "mkdir": self._mkdir,
            "rm": self._rm,
            "drop": self._gone,
            "flash": self._flash,
        }

    def take(self, order: Json) -> Json:
        """Obey; the answer. Refusal when it cannot be obeyed."""
        what = str(order.get("do"))
        if what == "devices":
            return {"devices": [_standing(module) for module in self._devices.values()]}
        if what == "new":
            return _standing(self._new(order))
        if what not in self.orders:
            raise Refusal(f"the workbench has no order {what!r}; is this qpyota older than the cloud that runs?")
        module = self.device(order)
        if what not in ("show", "ls", "cat", "flash"):
            told = {name: value for name, value in order.items() if name in ("to", "path", "millivolts", "hard")}
            module.trace("bench", order=what, **told)
        return self.orders[what](module, order)

    def device(self, order: Json) -> Module:
        """The device that an order names."""
        name = str(order.get("device"))
        if name in self._devices:
            return self._devices[name]
        near = get_close_matches(name, self._devices, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else "; qpyota dev ls lists them, qpyota dev new makes one"
        raise Refusal(f"there is no device {name}{hint}")

    def _new(self, order: Json) -> Module:
        name = str(order["device"])
        if name in self._devices:
            raise Refusal(f"there is a device {name} already")
        return self._make(name, str(order["model"]), str(order["firmware"]))

    def _gone(self, module: Module, _order: Json) -> Json:
        self._drop(module.name)
        return {"device": module.name}

    # -- power and surroundings

    def _power(self, module: Module, order: Json) -> Json:
        if order["to"] == "cut":
            if module.state == "off":
                raise Refusal(f"{module.name} is off already")
            module.power_cut()
        elif module.board.flat:
            raise Refusal(f"{module.name} has an empty battery; qpyota dev battery {module.name} 3900 charges it")
        elif module.state == "off":
            module.power_on()
        else:
            raise Refusal(f"{module.name} is on already; qpyota dev reset {module.name} --hard restarts it")
        return _standing(module)

    def _reset(self, module: Module, order: Json) -> Json:
        self._require_power(module)
        if order.get("hard"):
            module.reset("RESET pin")
        elif module.state == "running":
            module.console.raw = False  # whoever left the raw prompt behind is gone; main.py is to run
            module.soft_reset()
        else:
            raise Refusal(f"{module.name} has no interpreter now ({module.state}); --hard pulls the RESET pin")
        return _standing(module)

    def _battery(self, module: Module, order: Json) -> Json:
        millivolts = order.get("millivolts")
        if millivolts is not None:
            if not 0 <= millivolts <= BATTERY_MAX_MV:
                raise Refusal(f"a battery of {millivolts} mV: choose 0 to {BATTERY_MAX_MV}")
            module.board.supply = Supply(steady_mv=millivolts)
        return {"device": module.name, "millivolts": module.board.battery_mv}

    def _net(self, module: Module, order: Json) -> Json:
        module.radio.set_coverage(order["to"] == "up")
        return _standing(module)

    # -- files

    def _ls(self, module: Module, order: Json) -> Json:
        path, mounts = order["path"], self._mounts(module)

        def list_it() -> list[Json]:
            if not mounts.stat(path)[0]:
                return [{"name": path.rpartition("/")[2], "folder": False, "bytes": mounts.stat(path)[1]}]
            found = []
            for name in mounts.listdir(path):
                folder, size = mounts.stat(f"{path.rstrip('/')}/{name}")
                found.append({"name": name, "folder": folder, "bytes": size})
            return found

        return {"path": path, "files": self._file_work(module, path, list_it)}

    def _cat(self, module: Module, order: Json) -> Json:
        path, mounts = order["path"], self._mounts(module)
        data = self._file_work(module, path, lambda: mounts.read(path))
        return {"path": path, "data": base64.b64encode(data).decode()}

    def _write(self, module: Module, order: Json) -> Json:
        path, mounts = order["path"], self._mounts(module)
        data = base64.b64decode(order["data"])
        self._file_work(module, path, lambda: mounts.write(path, data))
        return {"path": path, "bytes": len(data)}

    def _mkdir(self, module: Module, order: Json) -> Json:
        path, mounts = order["path"], self._mounts(module)
        self._file_work(module, path, lambda: mounts.makedirs(path))
        return {"path": path}

    def _rm(self, module: Module, order: Json) -> Json:
        path, mounts = order["path"], self._mounts(module)

        def remove(at: str) -> Iterator[str]:
            if order.get("tree") and mounts.stat(at)[0]:
                for name in mounts.listdir(at):
                    yield from remove(f"{at.rstrip('/')}/{name}")
            mounts.remove(at)
            yield at

        return {"path": path, "removed": self._file_work(module, path, lambda: list(remove(path)))}

    def _file_work(self, module: Module, path: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except OSError as error:
            words = _WORDS.get(error.errno or 0, "{path}: the file system says error " + str(error.errno))
            raise Refusal(f"{module.name}: {words.format(path=path)}") from None
        except PowerLoss:
            module.life.power_lost()
            raise Refusal(f"{module.name} lost power meanwhile") from None
        finally:
            module.take_flash_time_us()

    def _mounts(self, module: Module) -> Any:
        self._require_power(module)
        if module.state != "running":
            raise Refusal(f"{module.name} has no file system now ({module.state}); try again when it has booted")
        return module.mounts

    def _require_power(self, module: Module) -> None:
        if module.state == "off":
            raise Refusal(f"{module.name} is off; qpyota dev power on {module.name}")

    # -- flash

    def _flash(self, module: Module, order: Json) -> Json:
        what = order["to"]
        if what == "info":
            return info(module)
        if what == "map":
            return {"partitions": map_of(module)}
        if what == "diff":
            return self._diff(module)
        offset, length = place_of(module, str(order["at"]), order.get("bytes"))
        return {"offset": offset, "data": base64.b64encode(module.nor.image(offset, length)).decode()}

    def _diff(self, module: Module) -> Json:
        """Sectors that are no longer as the factory made them, by partition."""
        table, size = module.model.partitions, module.nor.part.sector_bytes
        found: dict[str, list[int]] = {}
        for sector in changed(self._factory[module.name], module.nor.snapshot()):
            found.setdefault(table.at(sector.number * size).name, []).append(sector.number)
        return {"sector_bytes": size, "partitions": [{"name": name, "sectors": found[name]} for name in found]}


def _standing(module: Module) -> Json:
    return {
        "device": module.name,
        "model": module.model.variant,
        "state": module.state,
        "firmware": module.version,
        "phase": module.phase,
        "boots": module.boots,
        "network": "no coverage" if not module.radio.covered else "attached" if module.radio.attached else "searching",
    }
