"""Faults, by the names and keys that they have in a scenario: `faults.corrupt_download(share=0.2)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.errors import SpecError
from sim.rig.device import Device
from sim.scenario.expect import suggest
from sim.scenario.schema_faults import BrokerDown, CellOutage, DeviceFaultSpec, Fault, UrlExpired

if TYPE_CHECKING:
    from sim.rig.rig import Rig

_SPECS = {name: info.annotation for name, info in Fault.model_fields.items()}
KINDS = tuple(_SPECS)


class Faults:
    """Each method sets one up. `device`: a device, a fleet or a name, all there are if it is left out; `when`: its
    moment, now if left out. A key that is a word of Python has `_` behind it (`for_="30s"`); shares may be numbers.

    It gives what it was set up on: names of devices, or nothing for a fault of a server.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *KINDS]

    def __getattr__(self, kind: str) -> Callable[..., list[str]]:
        if kind.startswith("_") or kind not in KINDS:
            raise AttributeError(f"there is no fault {kind!r}{suggest(kind, KINDS)}; there are {', '.join(KINDS)}")

        def set_up(device: object = None, **keys: Any) -> list[str]:
            return self._set_up(kind, device, keys)

        return set_up

    def _set_up(self, kind: str, device: object, keys: dict[str, Any]) -> list[str]:
        given = {name.removesuffix("_"): _text(name, value) for name, value in keys.items()}
        scene = self._rig.scene
        if not _is_on_devices(kind, given):
            if device is not None:
                raise SpecError(f"{kind} is no fault of a device: leave `device` out")
            if _is_at_time(kind):
                given.setdefault("at", f"{self._rig.clock.now_us}us")
            made = self._rig.call(scene.add_fault, kind, given)
            return [fault.device for fault in made]
        given.setdefault("when", {"at": f"{self._rig.clock.now_us}us"})
        targets = self._targets(device)
        if not targets:
            raise SpecError(f"{kind}: there is no device yet that it could strike")
        struck: list[str] = []
        for target in targets:
            made = self._rig.call(scene.add_fault, kind, {"device": target, **given})
            struck += [fault.device for fault in made]
        return struck

    def _targets(self, device: object) -> list[str]:
        if device is not None:
            return self._rig.target_names(device if isinstance(device, str | Device | list | tuple) else [device])
        return self._rig.call(self._rig.scene.all_targets)


def _is_on_devices(kind: str, given: dict[str, Any]) -> bool:
    kinds = _classes(kind)
    return any(issubclass(one, DeviceFaultSpec) or (one is UrlExpired and "bucket" not in given) for one in kinds)


def _is_at_time(kind: str) -> bool:
    return any(issubclass(one, BrokerDown | CellOutage) for one in _classes(kind))


def _classes(kind: str) -> list[type]:
    return [one for one in getattr(_SPECS[kind], "__args__", ()) if isinstance(one, type) and one is not type(None)]


def _text(name: str, value: Any) -> Any:
    """A share of 0.2 is 20%."""
    if name in ("share", "progress", "level") and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value * 100:g}%"
    return value
