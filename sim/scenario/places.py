"""Where each device of a scenario is, and how it begins: its network and cell, its battery, when it gets power.

Every draw has a stream of its own, named by device and purpose: neither the size of a group nor its order changes what
another device draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from sim.device.air import reached_bytes_per_s, spread_of
from sim.device.battery import Supply
from sim.device.cell import Cell, Doze
from sim.device.model import RadioSpec
from sim.device.module import Module
from sim.device.radio import NO_NETWORK, REATTACH_US
from sim.kernel.seeds import Draws, draws
from sim.scenario.schema import Fleet
from sim.scenario.schema_networks import Network, Outage, RoundTrip, resolved

UNITS = 1 << 53

NO_BEARER = "bearer"
"""What keeps a module off whose data connection was dropped."""


@dataclass(frozen=True, slots=True)
class Place:
    """The network of a device (empty: its model's) and the number of its cell there."""

    network: str = ""
    cell: int = 0


_HOME = Place()


def share_of(draw: Draws) -> float:
    """A number from 0 to below 1."""
    return draw.randrange(UNITS) / UNITS


class Places:
    """The networks of one scenario. `seed` is the root of all draws."""

    def __init__(self, own: Mapping[str, Network], seed: int) -> None:
        self._own = own
        self._seed = seed
        self._cells: dict[Place, Cell] = {}
        self._of: dict[str, Place] = {}  # those of a network; the others are at home

    def network(self, name: str) -> Network:
        """The network of this name, with all that it extends."""
        return resolved(name, self._own)

    def place(self, entry: Fleet, device: str) -> Place:
        """Where this device of the entry is."""
        if entry.network is None:
            return _HOME
        left = share_of(draws(self._seed, device, "network"))
        name = list(entry.network)[-1]
        for candidate, share in entry.network.items():
            if left < share:
                name = candidate
                break
            left -= share
        cells = self.network(name).cells
        number = draws(self._seed, device, "cell").randrange(cells.count) if cells is not None else 0
        return self._of.setdefault(device, Place(name, number))

    def of(self, device: str) -> Place:
        """Where a device is that was placed."""
        return self._of.get(device, _HOME)

    @property
    def networks(self) -> dict[str, None]:
        """Those in which devices were placed."""
        return dict.fromkeys(place.network for place in self._of.values())

    def within(self, network: str, cell: int) -> list[str]:
        """The devices that were placed there."""
        return [name for name, place in self._of.items() if place == Place(network, cell)]

    def radio(self, place: Place, usual: RadioSpec) -> RadioSpec:
        """What the radio of a model is like in this place."""
        return _spec(self.network(place.network), usual) if place.network else usual

    def settle(self, entry: Fleet, module: Module) -> None:
        """Give a new device what its place and its entry say."""
        place = self.of(module.name)
        if entry.battery is not None:
            module.board.supply = self._supply(entry, module.name)
        if not place.network:
            return
        network = self.network(place.network)
        if network.cells is not None:
            module.radio.cell = self._cells.setdefault(place, Cell(network.cells.rate_bytes_per_s))
        if (sleep := network.sleep) is not None:
            phase_us = draws(self._seed, module.name, "sleep").randrange(sleep.every_us)
            module.radio.doze = Doze(module.clock, sleep.after_us, sleep.every_us, phase_us)

    def begin(self, module: Module, elapsed_us: int) -> None:
        """Let the outages of its network begin; those before `elapsed_us` are over."""
        place = self.of(module.name)
        if not place.network:
            return
        network = self.network(place.network)
        if network.outage is not None:
            _Again(module, network.outage, draws(self._seed, module.name, "outage"), NO_NETWORK).start(elapsed_us)
        if network.bearer_drop is not None:
            drop = Outage.model_construct(every_us=network.bearer_drop.every_us, for_us=(0, 0))
            _Again(module, drop, draws(self._seed, module.name, "bearer"), NO_BEARER).start(elapsed_us)

    def starts(self, entry: Fleet) -> Iterator[tuple[str, int]]:
        """Each device and when it gets its power."""
        for number, name in enumerate(entry.devices()):
            at_us = entry.start.ramp_us * number // entry.count
            if entry.start.jitter_us:
                at_us += draws(self._seed, name, "start").randrange(entry.start.jitter_us)
            yield name, at_us

    def _supply(self, entry: Fleet, device: str) -> Supply:
        assert entry.battery is not None
        if entry.battery.level is None:
            return Supply(entry.battery.voltage_mv)
        low, high = entry.battery.level
        level = low + (high - low) * share_of(draws(self._seed, device, "battery"))
        return Supply(None, level, level)


def _spec(network: Network, usual: RadioSpec) -> RadioSpec:
    spec = usual
    if network.rate is not None:
        spec = replace(spec, down_bytes_per_s=network.rate.down_bytes_per_s, up_bytes_per_s=network.rate.up_bytes_per_s)
    if isinstance(network.rtt, RoundTrip):
        spread = spread_of(network.rtt.p50_us, network.rtt.p95_us)
        spec = replace(spec, rtt_us=network.rtt.p50_us, jitter_us=0, spread=spread)
    elif network.rtt is not None:
        low, high = network.rtt
        spec = replace(spec, rtt_us=low, jitter_us=(high - low) // 2)
    loss = network.loss or 0.0
    down = reached_bytes_per_s(spec.down_bytes_per_s, spec.rtt_us, loss)
    up = reached_bytes_per_s(spec.up_bytes_per_s, spec.rtt_us, loss)
    return replace(spec, loss=loss, down_bytes_per_s=down, up_bytes_per_s=up)


class _Again:
    """Something that keeps a device off its network, again and again."""

    def __init__(self, module: Module, outage: Outage, draw: Draws, reason: str) -> None:
        self._module = module
        self._outage = outage
        self._draws = draw
        self._reason = reason
        self._next_us = 0

    def start(self, elapsed_us: int) -> None:
        """The first begins somewhere in the first `every`, each other at its place in its own."""
        self._next_us = self._draws.randrange(self._outage.every_us)
        while self._next_us < elapsed_us:
            self._length_us()
            self._next_us += self._outage.every_us
        self._module.clock.after(self._next_us - elapsed_us, self._happen)

    def _length_us(self) -> int:
        low, high = self._outage.for_us
        return low + self._draws.randrange(high - low + 1)

    def _happen(self) -> None:
        clock, radio, for_us = self._module.clock, self._module.radio, self._length_us()
        clock.after(self._outage.every_us, self._happen)
        self._module.trace("link.lost", why=self._reason)
        radio.hinder(self._reason)
        clock.after(for_us, partial(radio.free, self._reason, 0 if for_us else REATTACH_US))
