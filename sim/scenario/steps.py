"""Steps of a scenario: what happens around its devices, at its time, once or again and again.

A step acts between everything else of its instant, like a fault at a time, and leaves a `step` record in the trace of
its device. Where a scenario goes on after an interruption, the states of the time before are brought about again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sim.device.battery import Supply
from sim.device.board import Board
from sim.device.mail import deliver
from sim.device.module import Module
from sim.device.peer import Exchange, Peer
from sim.device.track import Point, Track
from sim.kernel.clock import Clock
from sim.scenario.schema import Scenario
from sim.scenario.schema_faults import PowerLost
from sim.scenario.schema_steps import (
    KINDS,
    NETWORK,
    BatteryStep,
    DeviceStep,
    GnssStep,
    I2cStep,
    PinStep,
    PowerKeyStep,
    SignalStep,
    moment_s,
)

LASTING = frozenset({"pin", "adc", "battery", "sim", "network", "signal", "gnss", "i2c", "usb"})
"""Kinds whose effect is a state of the world outside."""


class Steps:
    """One step on one device. `done` when it has happened as often as it will, or once if there is no end to it."""

    def __init__(self, clock: Clock, module: Module, spec: DeviceStep, number: int = 0) -> None:
        self.place = (number, module.name)
        self._clock = clock
        self._module = module
        self._spec = spec
        self._left = spec.times if spec.every_us is not None else 1
        self.done = False

    def __str__(self) -> str:
        return f"{self._spec.kind} of {self._module.name} at {self._spec.at_us / 1_000_000:g}s"

    def arm(self, elapsed_us: int = 0) -> None:
        """Set the times. What was to happen before `elapsed_us` has happened."""
        at_us, every_us = self._spec.at_us, self._spec.every_us
        if at_us < elapsed_us:
            if self._spec.kind in LASTING:
                self._clock.after(0, self._act, self._spec.at_us - elapsed_us)
            missed = 1 if every_us is None else -((at_us - elapsed_us) // every_us)
            at_us += missed * (every_us or 0)
            self.done = True
            if self._left is not None:
                self._left = max(0, self._left - missed)
            if self._left == 0:
                return
        self._happen_in(at_us - elapsed_us)

    def _happen_in(self, delay_us: int) -> None:
        self._clock.foretell(self._clock.now_us + delay_us)  # with the last one the run may be over
        self._clock.after(delay_us, self._happen)

    def _happen(self) -> None:
        if self._left is not None:
            self._left -= 1
        if self._left != 0 and self._spec.every_us is not None:
            self._happen_in(self._spec.every_us)
        self.done = not self._left
        self._module.trace("step", what=self._spec.kind, to=self._spec.said())
        self._act(0)

    def _act(self, since_us: int) -> None:
        """Make it so; a state that began earlier began `since_us` (at most 0) from now."""
        scene = _Scene(self._clock, self._module, self._clock.now_us + since_us)
        _ACTS[self._spec.kind](scene, getattr(self._spec, self._spec.kind))


class _Scene(NamedTuple):
    """Where a step happens, and when the state that it brings about began."""

    clock: Clock
    module: Module
    began_us: int

    @property
    def board(self) -> Board:
        return self.module.board


def _pin(scene: _Scene, pin: PinStep) -> None:
    scene.board.set_pin(pin.gpio, pin.level)
    if pin.for_us is not None:
        scene.clock.after(pin.for_us, scene.board.set_pin, pin.gpio, 1 - pin.level)


def _battery(scene: _Scene, battery: BatteryStep) -> None:
    level = battery.level or 0.0
    to_level = level if battery.to is None else battery.to
    scene.board.supply = Supply(battery.voltage_mv, level, to_level, scene.began_us, battery.over_us or 0)


def _i2c(scene: _Scene, chip: I2cStep) -> None:
    if chip.absent:
        scene.board.i2c.pop((chip.bus, chip.address), None)
    else:
        scene.board.i2c.setdefault((chip.bus, chip.address), {}).update(chip.registers)


def _signal(scene: _Scene, signal: SignalStep) -> None:
    scene.module.radio.csq = signal.csq


def _gnss(scene: _Scene, gnss: GnssStep) -> None:
    scene.board.track = Track(_points(gnss), scene.began_us)


def _rtc(scene: _Scene, moment: str) -> None:
    scene.board.rtc_offset_s = moment_s(moment) - scene.clock.epoch_s


def _power(scene: _Scene, to: str) -> None:
    if to == "off":
        scene.module.power_returns_us = None
        scene.module.power_cut()
    elif scene.module.state == "off":
        scene.module.power_on()


def _power_cut(scene: _Scene, cut: PowerLost) -> None:
    scene.module.power_returns_us = cut.off_for_us
    scene.module.power_cut()


def _power_key(scene: _Scene, key: PowerKeyStep) -> None:
    """A module that is off comes on; one that is on is told."""
    if scene.module.state == "off":
        scene.module.power_on()
    else:
        scene.board.press_key(True)
        scene.clock.after(key.for_us, scene.board.press_key, False)


_ACTS: dict[str, Callable[[_Scene, Any], None]] = {
    "pin": _pin,
    "adc": lambda scene, adc: scene.board.set_adc(adc.channel, adc.voltage_mv),
    "battery": _battery,
    "sim": lambda scene, card: scene.module.sim.set(card.status, card.pin),
    "network": lambda scene, to: scene.module.radio.serve(NETWORK[to]),
    "signal": _signal,
    "gnss": _gnss,
    "i2c": _i2c,
    "rtc": _rtc,
    "sms": lambda scene, sms: deliver(scene.module, sms.number, sms.text),
    "usb": lambda scene, to: scene.board.set_usb(to == "plugged"),
    "uart": lambda scene, uart: scene.board.feed_uart(uart.port, uart.data),
    "power": _power,
    "power_key": _power_key,
    "power_cut": _power_cut,
    "link_loss": lambda scene, loss: scene.module.radio.lose_signal(loss.for_us),
}


assert set(_ACTS) == set(KINDS), "a kind of step without its act"


def device_steps(scenario: Scenario, clock: Clock, devices: dict[str, Module]) -> Iterator[Steps]:
    """The steps of a scenario, one for each device they name."""
    for number, spec in enumerate(scenario.steps):
        for name in scenario.things(spec.device):
            if name in devices:
                yield Steps(clock, devices[name], spec, number)


def device_peers(scenario: Scenario, clock: Clock, devices: dict[str, Module]) -> Iterator[tuple[str, Peer]]:
    """Who sits on which device's serial lines."""
    for spec in scenario.peers:
        exchanges = [Exchange(one.pattern, one.answer, one.delay_us, one.times) for one in spec.exchanges]
        for name in filter(devices.__contains__, scenario.things(spec.device)):
            module = devices[name]
            yield name, Peer(clock, module.board, spec.port, exchanges, module.trace)


def _points(spec: GnssStep) -> tuple[Point, ...]:
    if spec.track is not None:
        return tuple(Point(p.latitude, p.longitude, p.altitude_m, p.after_us) for p in spec.track)
    if spec.latitude is None or spec.longitude is None:
        return ()
    return (Point(spec.latitude, spec.longitude, spec.altitude_m),)
