"""Whether what a paced run says about time can be believed: did the generator keep up, and how long did answers take?

Rules: latencies count from the time of the schedule (sim.net.stopwatch), so a late generator makes them longer and
never shorter. Beyond a floor they tell of this machine and not of the cloud; a run that was to measure something is
then worth nothing and says so. A run with few answers measures nothing: its verdict stands, with a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sim.kernel.pace import LATE_S

RATIO_FLOOR = 0.95
"""Of simulated time that passed to what the speed asked for."""

LAG_FLOOR_MS = LATE_S * 1000
"""The 99th percentile of what instants were late."""

OWN_FAULT = 0.75
"""ESTIMATE: processors. A generator that had fewer while it was late was kept waiting by other programs."""

ANSWERS_THAT_MEASURE = 1000
"""Below that, fewer than ten answers lie beyond the 99th percentile."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Of one paced run, in wall time. `latency_ms`: operation → count and percentiles, from the schedule's time.

    `cpu_while_late`: processors that the generator had while it was late, None if it never was. `connect` in
    `latency_ms` is from the dial to the CONNACK; those of `dialled` that are not in it did not get one.
    """

    speed: float
    sim_time_ratio: float
    lag_ms: dict[str, float]
    cpu_while_late: float | None
    dialled: int
    asked: int
    answered: int
    latency_ms: dict[str, dict[str, float]]

    @property
    def behind(self) -> str:
        """How the generator fell behind; empty when it kept up."""
        if self.sim_time_ratio < RATIO_FLOOR:
            return (
                f"the generator fell behind: {self.sim_time_ratio:.0%} of the time that speed {self.speed:g} asks for "
                f"passed, at least {RATIO_FLOOR:.0%} must; {self._way_out}use a lower --speed, fewer devices or a "
                "slower rollout"
            )
        if self.lag_ms["p99"] > LAG_FLOOR_MS:
            return (
                f"the generator fell behind: one instant in a hundred came {self.lag_ms['p99']:.0f} ms late or more, "
                f"at most {LAG_FLOOR_MS:g} ms can be believed; {self._way_out}use a lower --speed, fewer devices or a "
                "longer ramp"
            )
        return ""

    @property
    def _way_out(self) -> str:
        """The first of them, where others are at fault."""
        if self.cpu_while_late is None or self.cpu_while_late >= OWN_FAULT:
            return ""
        return f"while it was late it had {self.cpu_while_late:.0%} of a processor: end what else runs here, or "

    @property
    def measures(self) -> bool:
        """Whether there are enough answers for their percentiles to mean something."""
        return self.answered >= ANSWERS_THAT_MEASURE

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "speed": self.speed,
            "sim_time_ratio": round(self.sim_time_ratio, 4),
            "lag_ms": self.lag_ms,
            "cpu_while_late": None if self.cpu_while_late is None else round(self.cpu_while_late, 2),
            "behind": bool(self.behind),
            "dialled": self.dialled,
            "asked": self.asked,
            "answered": self.answered,
            "latency_ms": self.latency_ms,
        }
