"""Every family × its upgrade methods, as flows to sweep. A new model file brings its flows along.

A flow is named `VARIANT/METHOD`, by the first variant of its family. All start from a journal with a past, so that it
rolls over in the middle of the update: it does so once in every dozen real updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from sim.boot.journal import Journal, Record, RecordKind
from sim.device.catalogue import known_models, load_model
from sim.device.model import ModelSpec
from sim.errors import SpecError
from sim.flash.torn import Torn
from sim.pack.firmware import Firmware
from sim.scenario.packages import build, firmware
from sim.scenario.processes import in_processes
from sim.sweep.app_flow import APP, AppFlow
from sim.sweep.flow import FirmwareFlow, Flow, Judgement, Upgrade
from sim.sweep.merge import MergeSweep, spread
from sim.sweep.result import Cut, SweepResult, merged
from sim.sweep.slow import try_cuts
from sim.sweep.watched import WatchedNor
from sim.update.methods import METHODS

REPEATS = 6
"""Cuts of each flow that are repeated the slow way."""
OLD, NEW = "R01", "R02"


def flow_names() -> list[str]:
    """All of them: families by row, methods by name, application files last."""
    names: list[str] = []
    families: set[str] = set()
    for row in known_models():
        if row.family not in families:
            families.add(row.family)
            names += [f"{row.variant}/{method}" for method in (*sorted(row.methods), APP)]
    return names


def make_flow(name: str) -> Flow:
    """The flow of this name; SpecError when the model does not exist or has no such method."""
    variant, _, method = name.partition("/")
    model = load_model(variant)
    if method == APP:
        return AppFlow(name, model)
    if method not in model.methods:
        raise SpecError(f"{variant} has no method {method!r}; it has {', '.join((*sorted(model.methods), APP))}")
    nor = WatchedNor(model.part)
    layout = model.regions(nor).boot_layout
    for _ in range(_past(model)):
        Journal(layout.journal).append(Record(RecordKind.CLEAR))
    old, new = firmwares(model)
    packages = build(variant, method, old.version, new.version)
    return FirmwareFlow(name, method, nor, layout, Upgrade(old, new, packages))


def firmwares(model: ModelSpec) -> tuple[Firmware, Firmware]:
    """The base and the target of every flow of this model."""
    return firmware(model, f"{model.variant}_{OLD}"), firmware(model, f"{model.variant}_{NEW}")


def _past(model: ModelSpec) -> int:
    """Records that a journal sector holds already: it has room for some steps of an update, not for all."""
    return model.part.sector_bytes // 16 - 24


def is_flow_name(name: str) -> bool:
    """Whether this looks like `VARIANT/METHOD`, not like a scenario or its file."""
    variant, _, method = name.partition("/")
    return method in (*METHODS, APP) and not Path(variant).is_dir()


@dataclass(frozen=True, slots=True)
class FlowOrder:
    """Which flow to sweep, how deep, how many first cuts (None: all), and how many to repeat the slow way."""

    name: str
    depth: int = 1
    sample: int | None = None
    repeats: int = REPEATS


def sweep_flow(order: FlowOrder, jobs: int = 1) -> SweepResult:
    """Sweep one flow, in `jobs` processes."""
    started = perf_counter()
    result = merged(in_processes(_part, [(order, part, jobs) for part in range(jobs)], jobs))
    result.seconds = perf_counter() - started
    return result


def sweep_flows(orders: Sequence[FlowOrder], jobs: int = 1) -> list[SweepResult]:
    """Sweep several flows, each in one of `jobs` processes."""
    return in_processes(_whole, list(orders), jobs)


def replay_flow(cut: Cut) -> Judgement:
    """Do exactly this cut. SpecError when the flow has no such operation."""
    sweep = MergeSweep(make_flow(cut.subject))
    try:
        return try_cuts(sweep.flow, sweep.stations, list(zip(cut.points, cut.shapes, strict=True)))
    except AssertionError as error:
        raise SpecError(f"{cut.name}: {error}") from None


def _whole(order: FlowOrder) -> SweepResult:
    return _part((order, 0, 1))


def _part(work: tuple[FlowOrder, int, int]) -> SweepResult:
    order, part, parts = work
    started = perf_counter()
    sweep = MergeSweep(make_flow(order.name))
    chosen = None if order.sample is None else spread(sweep.ops * len(Torn), order.sample)
    result = sweep.run(part, parts, depth=order.depth, chosen=chosen)
    if order.depth == 1 and order.sample is None:
        sweep.repeat(result, sweep.points(part, parts), order.repeats)
    result.seconds = perf_counter() - started
    return result
