"""What a sweep answers: how many cuts ended how, and the name of each that did not end well.

A cut has a name that a person can read and `qpyota run --replay` repeats:
`SUBJECT:SEED:DEVICE:KIND:POINT:SHAPE`, where SUBJECT is a scenario or MODEL/METHOD, POINT counts from 0, and a second
cut is added as `POINT+POINT` and `SHAPE+SHAPE`. The JSON form is a public interface: keys are added, never renamed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sim.errors import SpecError
from sim.flash.torn import Torn


class Verdict(StrEnum):
    """How a cut ended."""

    RECOVERED = "recovered"
    """An approved image runs: the new one, or the old one when the update was not asked for yet or said it failed."""
    LOST = "lost"
    """An approved image runs, but the update is gone and nobody was told, or a newer image gave way to an older."""
    BRICKED = "bricked"
    """Nothing runs, and nothing will."""
    MIXED = "mixed"
    """Something runs that is neither the old nor the new."""
    UNTRUE = "untrue"
    """The device is well, but the cloud's record of it is not true."""


class CutKind(StrEnum):
    """Where power may go."""

    FLASH = "flash"
    BOOT = "boot"
    MQTT = "mqtt"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Cut:
    """One power cut, or two: the `points`-th flash operation (link message, boot phase) of a clean run, from 0; of two,
    the second counts from the moment power returned. `shapes`: what the flash operations leave behind."""

    subject: str
    seed: int
    device: str
    kind: CutKind
    points: tuple[int, ...]
    shapes: tuple[Torn, ...] = ()

    @property
    def name(self) -> str:
        """What `qpyota run --replay` takes."""
        points, shapes = "+".join(map(str, self.points)), "+".join(self.shapes) or "-"
        return ":".join((self.subject, str(self.seed), self.device, self.kind, points, shapes))


def parse_cut(name: str) -> Cut:
    """The cut of this name; SpecError when it is none."""
    try:
        subject, seed, device, kind, points, shapes = name.rsplit(":", 5)
        cut = Cut(
            subject,
            int(seed),
            device,
            CutKind(kind),
            tuple(map(int, points.split("+"))),
            () if shapes == "-" else tuple(map(Torn, shapes.split("+"))),
        )
    except ValueError:
        raise SpecError(
            f"{name!r} is not a replay id; they look like first_upgrade:1:DEVICE:flash:120:prefix"
        ) from None
    torn = len(cut.points) if cut.kind is CutKind.FLASH else 0
    if len(cut.shapes) != torn or not 1 <= len(cut.points) <= 2 or min(cut.points) < 0:
        raise SpecError(f"{name!r} is not a replay id: a flash cut has one shape for each of its one or two points")
    return cut


@dataclass(frozen=True, slots=True)
class Failure:
    """A cut that did not end well: its replay id, how it ended, and what was found."""

    replay: str
    verdict: Verdict
    detail: str


@dataclass(slots=True)
class SweepResult:
    """The sums of a sweep over `ops` flash operations (link messages, boot phases).

    `possible` is how many cuts there are; `cuts` how many were made; `tried` how many of these were played out, the
    others being provably the same; `repeated` how many were played out again from the start, without shortcuts.
    """

    flow: str
    family: str
    method: str
    depth: int = 1
    ops: int = 0
    possible: int = 0
    cuts: int = 0
    tried: int = 0
    repeated: int = 0
    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Every cut ended well, and there was one."""
        return self.cuts > 0 and self.cuts == self.counts[Verdict.RECOVERED]

    def count(self, verdict: Verdict) -> None:
        """One more cut that ended like this."""
        self.cuts += 1
        self.counts[verdict] += 1

    def to_json(self) -> dict[str, Any]:
        """One JSON object, in the order people read it."""
        return {
            "flow": self.flow,
            "family": self.family,
            "method": self.method,
            "depth": self.depth,
            "ops": self.ops,
            "possible": self.possible,
            "cuts": self.cuts,
            **{verdict.value: count for verdict, count in self.counts.items()},
            "tried": self.tried,
            "repeated": self.repeated,
            "seconds": round(self.seconds, 2),
            "failures": [asdict(failure) for failure in self.failures],
        }


def merged(results: Iterable[SweepResult]) -> SweepResult:
    """The sum of sweeps over parts of one flow, in the order of the parts."""
    first, *others = results
    for other in others:
        first.possible += other.possible
        first.cuts += other.cuts
        first.tried += other.tried
        first.repeated += other.repeated
        first.seconds += other.seconds
        first.failures += other.failures
        for verdict, count in other.counts.items():
            first.counts[verdict] += count
    return first
