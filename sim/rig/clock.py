"""The virtual clock in the hands of a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.rig.words import duration_us
from sim.units import US_PER_S, format_duration

if TYPE_CHECKING:
    from sim.rig.rig import Rig


class VirtualClock:
    """It shows the time since the rig began, and goes on only here and in other waits."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    @property
    def now_us(self) -> int:
        """Microseconds since the rig began."""
        return self._rig.call(lambda: self._rig.scene.clock.now_us)

    @property
    def now_s(self) -> float:
        """Seconds since the rig began."""
        return self.now_us / US_PER_S

    @property
    def epoch_s(self) -> int:
        """Unix time that devices and cloud see, in whole seconds."""
        return self._rig.call(lambda: self._rig.scene.clock.epoch_s)

    def run_for(self, duration: str) -> None:
        """Let so much time pass, e.g. `10m`."""
        self._rig.pass_time(duration_us(duration))

    def run_until(self, moment: str | Callable[[], bool], timeout: str = "1h") -> None:
        """Let time pass until the clock shows `moment` (`90s`), or until it is true; Unmet after `timeout` of that.

        A function is asked after every event. It may look at the rig, and must not wait.
        """
        if isinstance(moment, str):
            self._rig.pass_time(max(0, duration_us(moment) - self.now_us))
        elif not self._rig.pass_time(duration_us(timeout), moment, often=True):
            name = getattr(moment, "__name__", "what was waited for")
            name = "what was waited for" if name == "<lambda>" else f"{name}()"
            raise self._rig.unmet(f"{name} did not become true within {timeout}; the clock shows {self}")

    def step(self) -> int:
        """Go to the next instant at which something happens, and let all of it happen; that instant, microseconds."""
        scene = self._rig.scene

        def next_us() -> int | None:
            return scene.clock.next_us

        at_us = self._rig.call(next_us)
        if at_us is not None:
            self._rig.pass_time(at_us - self.now_us)
        return self.now_us

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`, in virtual time: for programs that poll the cloud."""
        self._rig.pass_time(round(seconds * US_PER_S))

    def __repr__(self) -> str:
        return f"<clock at {self}>"

    def __str__(self) -> str:
        return format_duration(self.now_us)
