"""Faults of a scenario that happen to devices: who is struck, when, and again.

What each does is in fault_acts.py. A power cut or a brown-out at a flash operation is armed the moment before that
operation, so the part tears it exactly there; whatever else happens takes effect between operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sim.device.module import Module
from sim.kernel.seeds import draws
from sim.scenario.fault_acts import ACTS, Struck
from sim.scenario.places import Places
from sim.scenario.schema import Scenario
from sim.scenario.schema_faults import BrokerDown, CellOutage, Repeated, Selected, When
from sim.scenario.triggers import Drawn, Trigger, Watchers

DRAW_STEPS = 1_000_000
"""A share is taken to a millionth."""


class DeviceFault:
    """One fault on one device. `done` when it happened as often as it will, or once if there is no end to it.

    With a `share`, nobody says that it must.
    """

    def __init__(self, kind: str, module: Module, spec: Repeated, when: When, drawn: Drawn) -> None:
        self.kind = kind
        self.place = (drawn.number, module.name)
        self._module = module
        self._spec = spec
        self.must_happen = not isinstance(spec, Selected) or spec.share is None
        self._left = spec.times if spec.every_us is not None else 1
        self._trigger = Trigger(module, when, drawn, self._due, again=spec.every_us is not None)
        self._struck = Struck(module, drawn, self._happened)
        self.done = False

    def __str__(self) -> str:
        return f"{self.kind} of {self.device} when {self._trigger}"

    @property
    def device(self) -> str:
        """Name of the device that is struck."""
        return self._module.name

    def arm(self, watchers: Watchers) -> None:
        """Start to watch."""
        self._trigger.watch(watchers)
        self._trigger.set()

    def _due(self) -> None:
        if self._left is not None:
            self._left -= 1
        if self._left != 0 and self._spec.every_us is not None:
            clock = self._module.clock
            clock.foretell(clock.now_us + self._spec.every_us)
            clock.after(self._spec.every_us, self._trigger.set)
        self._struck.tears = self._trigger.at_flash_op
        ACTS[self.kind](self._struck, self._spec)

    def _happened(self) -> None:
        self.done = not self._left


def device_faults(
    scenario: Scenario, devices: Mapping[str, Module], places: Places, seed: int
) -> Iterator[DeviceFault]:
    """The faults of a scenario that happen to devices, one for each device that is struck."""
    for number in range(len(scenario.faults)):
        yield from numbered_fault(scenario, number, devices, places, seed)


def numbered_fault(
    scenario: Scenario, number: int, devices: Mapping[str, Module], places: Places, seed: int
) -> Iterator[DeviceFault]:
    """Fault `number` of a scenario, from 0, on each device that it strikes; nothing where it strikes a server."""
    fault = scenario.faults[number]
    drawn, body = Drawn(seed, number), getattr(fault, fault.kind)
    if fault.on_devices is not None:
        for name in filter(devices.__contains__, struck(scenario, number, seed)):
            yield DeviceFault(fault.kind, devices[name], body, body.when, drawn)
    elif isinstance(body, BrokerDown | CellOutage):
        when = When.model_validate({"at": f"{body.at_us}us"})
        names = _in_cell(body, places, drawn) if isinstance(body, CellOutage) else list(devices)
        for name in filter(devices.__contains__, names):
            yield DeviceFault(fault.kind, devices[name], body, when, drawn)


def nobody_struck(scenario: Scenario, places: Places, seed: int) -> Iterator[str]:
    """A word on each fault whose draw has left out everybody."""
    for number, fault in enumerate(scenario.faults):
        body = getattr(fault, fault.kind)
        if fault.on_devices is not None and not struck(scenario, number, seed):
            yield f"{fault.kind} of {body.device}: the share of {body.share * 100:g}% drew no device"
        elif isinstance(body, CellOutage) and not _in_cell(body, places, Drawn(seed, number)):
            yield f"{fault.kind} of {body.network}: no device is in that cell"


def _in_cell(outage: CellOutage, places: Places, drawn: Drawn) -> list[str]:
    cells = places.network(outage.network).cells
    number = outage.cell
    if number is None:
        number = drawn.between("", 0, cells.count - 1 if cells is not None else 0, "cell")
    return places.within(outage.network, number)


def struck(scenario: Scenario, number: int, seed: int) -> list[str]:
    """The devices that fault `number` strikes. One device more, or another fault, changes nobody's draw."""
    body = scenario.faults[number].on_devices
    assert body is not None, "a fault of devices"
    assert body.device is not None, "a fault of devices"
    names = scenario.things(body.device)
    if body.share is None:
        return list(names)
    below = round(body.share * DRAW_STEPS)
    owners = _owners(scenario, names, body, seed)
    return [
        name
        for name, owner in zip(names, owners, strict=True)
        if draws(seed, owner, f"share of fault {number}").randrange(DRAW_STEPS) < below
    ]


def _owners(scenario: Scenario, names: Sequence[str], body: Selected, seed: int) -> list[str]:
    """Whose draw decides over each of these devices."""
    match body.together:
        case "all":
            return [""] * len(names)
        case "cell":
            places = Places(scenario.networks, seed)
            entries = {name: entry for entry in scenario.fleet for name in entry.devices()}
            return ["{0.network} {0.cell}".format(places.place(entries[name], name)) for name in names]
    return list(names)
