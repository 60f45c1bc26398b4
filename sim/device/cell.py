"""What devices of one network cell share, and how a sleeping device is reached. Simulation time only.

A cell sends one long answer after another: while it is busy, later ones wait. Small packets pass, as fair schedulers
let them. A sleeping device hears what came for it at its next window, or as soon as it sends something itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.device.air import SEGMENT_BYTES
from sim.kernel.clock import Clock, Timer


class Cell:
    """A base station whose devices share `rate_bytes_per_s` downwards."""

    __slots__ = ("_busy_until_us", "_rate_bytes_per_s")

    def __init__(self, rate_bytes_per_s: int) -> None:
        self._rate_bytes_per_s = rate_bytes_per_s
        self._busy_until_us = 0

    def take_us(self, now_us: int, size_bytes: int) -> int:
        """How long from now until so many bytes are sent; they hold up what comes later."""
        own_us = size_bytes * 1_000_000 // self._rate_bytes_per_s
        if size_bytes <= SEGMENT_BYTES:
            return own_us
        self._busy_until_us = max(self._busy_until_us, now_us) + own_us
        return self._busy_until_us - now_us


class Doze:
    """When a device hears: always until `after_us` without a packet, then at windows `every_us` apart."""

    __slots__ = ("_after_us", "_clock", "_every_us", "_held", "_phase_us", "_quiet_since_us", "_timer")

    def __init__(self, clock: Clock, after_us: int, every_us: int, phase_us: int) -> None:
        self._clock = clock
        self._after_us = after_us
        self._every_us = every_us
        self._phase_us = phase_us
        self._quiet_since_us = 0
        self._held: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._timer: Timer | None = None

    def holds(self, fn: Callable[..., object], *args: Any) -> bool:
        """Whether the device sleeps; then `fn` is called once it hears again."""
        now_us = self._clock.now_us
        if now_us - self._quiet_since_us < self._after_us:
            return False
        self._held.append((fn, args))
        if self._timer is None:
            self._timer = self._clock.after((self._phase_us - now_us) % self._every_us, self.stir)
        return True

    def heard(self, at_us: int) -> None:
        """A packet went or came then."""
        self._quiet_since_us = max(self._quiet_since_us, at_us)

    def stir(self) -> None:
        """The device is awake: at a window, or because it sends."""
        self.heard(self._clock.now_us)
        held = self._held
        self.forget()
        for fn, args in held:
            fn(*args)

    def forget(self) -> None:
        """What waits is gone."""
        self._held = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
