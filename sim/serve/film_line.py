"""The film of a served cloud, for one dashboard at a time: it begins when the dashboard comes, and ends with it.

A cloud that nobody looks at is not filmed. When a device is made while the film runs, a new one begins, since a film
says at its beginning which devices it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.device.module import Module
from sim.film.camera import Camera, Framing, Stand
from sim.film.entries import Block
from sim.scenario.schema import Scenario

Sink = Callable[[bytes], None]


class FilmLine:
    """Films `devices`, as the cloud has them."""

    def __init__(self, stand: Stand, devices: Mapping[str, Module], scenario: Scenario | None) -> None:
        self._stand = stand
        self._devices = devices
        self._scenario = scenario
        self._camera: Camera | None = None
        self._sink: Sink | None = None

    @property
    def taken(self) -> bool:
        """Whether a dashboard has it."""
        return self._sink is not None

    def begin(self, sink: Sink) -> None:
        """Film into `sink` from now on."""
        self._sink = sink
        self._roll()

    def end(self) -> None:
        """Nobody looks any more."""
        self._sink = None
        if self._camera is not None:
            self._camera.off = True
            self._camera = None

    def renew(self) -> None:
        """There are other devices."""
        if self._camera is not None:
            self._camera.off = True
            self._roll()

    def flush(self) -> None:
        """Show all that was filmed; time may stand still from now on."""
        if self._camera is not None:
            self._camera.look()

    def _roll(self) -> None:
        self._camera = camera = Camera(self._write, Framing())
        camera.film(self._scenario, self._devices, self._stand, {"live": True, "transport": "paced"})
        camera.look()

    def _write(self, block: Block) -> None:
        if self._sink is not None:
            self._sink(block.packed())
