"""What a run is asked (`RunOptions`) and what it answers (`RunResult`). Values only: nothing runs here.

The JSON form is a public interface: keys are added, never renamed or dropped.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Transport = Literal["memory", "virtual", "paced"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a scenario. What is None is taken from the scenario.

    `speed` is simulated seconds per wall second, for `paced` only. `tls` and `port` concern the transports with
    sockets; port 0 lets the system choose. `generation`, `umqtt` and `runtime` override those of every device.
    """

    seed: int | None = None
    transport: Transport = "virtual"
    tls: bool = True
    speed: float | None = None
    port: int = 0
    umqtt: Literal["current", "2021", "upstream"] | None = None
    runtime: Literal["greenlet", "micropython"] | None = None
    generation: Literal["G21", "G25", "UNI"] | None = None

    def replay(self, scenario: str, seed: int, settings: Sequence[str] = ()) -> str:
        """The command that repeats this run; `scenario` as the user named it, `seed` and `settings` as used."""
        words = ["qpyota", "run", scenario, "--seed", str(seed), "--transport", self.transport]
        if self.transport != "memory" and not self.tls:
            words.append("--plain")
        if self.speed is not None:
            words += ["--speed", f"{self.speed:g}"]
        if self.umqtt is not None:
            words += ["--umqtt", self.umqtt]
        if self.runtime is not None:
            words += ["--runtime", self.runtime]
        if self.generation is not None:
            words += ["--generation", self.generation]
        for setting in settings:
            words += ["--set", setting]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class ExpectResult:
    """Outcome of one `expect` line; `detail` shows the actual values and is empty when it holds."""

    expr: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """Outcome of one threshold: `metric` with its tags, `expr`, and `shown`, the measured value as people read it.

    `value` is in microseconds, bytes, or a plain share or number; None when nothing was measured, which is no pass.
    """

    metric: str
    expr: str
    passed: bool
    value: float | None
    shown: str
    aborted: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A device that did not come through: why, and the command that shows its part of the run again."""

    device: str
    reason: str
    replay: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """The verdict of a run.

    `executions` counts job executions by status; `costs` says what each finished one took (Tally). `problems` are
    defects of the run itself (a connection that did not drain, a fault that never happened): with any of them the run
    is incomplete, whatever it expects. `notes` are worth a look, and change nothing. `explanations`: a sentence on each
    device that is in a known trap. `pace`: how time went, and how long answers took, in a paced run (Truth).
    `thresholds` and `failures` are there when the run was attended (sim.fleet). `shard_lost`: devices whose process was
    lost for good, in a run that went on without them.
    """

    scenario: str
    seed: int
    transport: str
    devices: int
    executions: dict[str, int]
    expects: list[ExpectResult]
    virtual_s: float
    wall_s: float
    trace_hash: str
    replay: str
    problems: list[str]
    costs: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    explanations: list[str] = field(default_factory=list)
    pace: dict[str, Any] | None = None
    thresholds: list[ThresholdResult] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    shard_lost: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Every expect and threshold holds, and nothing went wrong with the run itself."""
        kept = all(threshold.passed for threshold in self.thresholds)
        return kept and not self.problems and all(expect.passed for expect in self.expects)

    @property
    def verdict(self) -> str:
        """In one word: PASSED, FAILED, or INCOMPLETE when it says nothing."""
        return "PASSED" if self.passed else ("INCOMPLETE" if self.problems else "FAILED")

    def to_json(self) -> dict[str, Any]:
        """One JSON object, in the order people read it."""
        return {
            "scenario": self.scenario,
            "passed": self.passed,
            "seed": self.seed,
            "transport": self.transport,
            "devices": self.devices,
            "executions": dict(sorted(self.executions.items())),
            "expects": [asdict(expect) for expect in self.expects],
            "virtual_s": self.virtual_s,
            "wall_s": self.wall_s,
            "trace_hash": self.trace_hash,
            "replay": self.replay,
            "problems": list(self.problems),
            "costs": self.costs,
            "notes": list(self.notes),
            "explanations": list(self.explanations),
            "pace": self.pace,
            "thresholds": [asdict(threshold) for threshold in self.thresholds],
            "failures": [asdict(failure) for failure in self.failures],
            "shard_lost": list(self.shard_lost),
        }
