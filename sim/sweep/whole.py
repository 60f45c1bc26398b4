"""A whole device, cut wherever power may go: at every flash operation, boot phase, MQTT message or HTTP answer.

Flash operations before the firmware runs (bootloader, mini system) go through the merge sweep, from the flash that the
clean run had there; a few of them are repeated on the whole device, which must agree. Every other cut is a run of its
own. There a torn sector that was overwritten unread speaks for all five shapes at once. Work is shared out among
processes by number, so the result does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from sim.boot.bootloader import Trust
from sim.device.model import ModelSpec
from sim.flash.torn import Torn
from sim.kernel.seeds import stream
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.scenario.loader import load_scenario
from sim.scenario.packages import firmware, object_bytes, stand_ins
from sim.scenario.processes import in_processes
from sim.scenario.schema import Scenario
from sim.scenario.values import parse_s3_url
from sim.sweep.device import CleanRun, Trial, Window, clean_run, subject_of, try_cut
from sim.sweep.flow import FirmwareFlow, Judgement, Steps, Upgrade
from sim.sweep.merge import MergeSweep, spread
from sim.sweep.result import Cut, CutKind, Failure, SweepResult, Verdict, merged
from sim.sweep.watched import WatchedNor

WINDOW_TRIALS = 6
"""Cuts of each window that are repeated on the whole device."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to sweep: the scenario's file, its seed, the device, where power goes, how deep, and how many first cuts
    (None: all)."""

    source: str
    seed: int
    device: str
    kind: CutKind
    depth: int = 1
    sample: int | None = None


def sweep_device(order: Order, jobs: int = 1) -> SweepResult:
    """Sweep one device of the scenario, in `jobs` processes."""
    started = perf_counter()
    parts = [(order, part, jobs) for part in range(jobs)]
    result = merged(in_processes(_part, parts, jobs))
    result.failures.sort(key=lambda failure: _by_point(failure.replay))
    result.seconds = perf_counter() - started
    return result


def replay_device(scenario: Scenario, cut: Cut) -> Judgement:
    """Do exactly this cut. SpecError when the scenario has no such point."""
    return try_cut(scenario, clean_run(scenario, cut.seed, cut.device), cut).judgement


class WindowFlow(FirmwareFlow):
    """An update that a scenario's device was reset for, from there on."""

    def __init__(self, scenario: Scenario, model: ModelSpec, window: Window) -> None:
        nor = WatchedNor(model.part)
        nor.restore(window.start)
        upgrade = Upgrade(firmware(model, window.before), firmware(model, window.after), ())
        super().__init__(scenario.name, "differential", nor, model.regions(nor).boot_layout, upgrade)
        self.trust = Trust(DEVELOPMENT_PUBLIC_KEY, stand_ins(scenario))
        self.files = _Buckets(scenario)

    def _place(self, upgrade: Upgrade) -> None:
        kept = self.nor.snapshot()
        super()._place(upgrade)
        self.start = kept

    def ask(self) -> Steps:
        yield from ()


class _Buckets(Mapping[str, bytes]):
    """The scenario's objects by the URLs that lead to them, signed or not."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def __getitem__(self, url: str) -> bytes:
        bucket, key = parse_s3_url(urlsplit(url)._replace(query="").geturl())
        return object_bytes(self._scenario, self._scenario.cloud.buckets[bucket][key], key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _part(work: tuple[Order, int, int]) -> SweepResult:
    """One process's share of the sweep."""
    order, part, parts = work
    scenario = load_scenario(Path(order.source))
    return _Share(scenario, order, part, parts).sweep()


class _Share:
    def __init__(self, scenario: Scenario, order: Order, part: int, parts: int) -> None:
        self.scenario, self.order, self.part, self.parts = scenario, order, part, parts
        self.clean: CleanRun = clean_run(scenario, order.seed, order.device)
        self.points = self.clean.points[order.kind]
        self.shapes = tuple(Torn) if order.kind is CutKind.FLASH else ()
        self.result = SweepResult(
            scenario.name, self.clean.model.family, f"every:{order.kind}", depth=order.depth, ops=self.points
        )
        count = self.points * (len(self.shapes) or 1)
        self.chosen = None if order.sample is None else spread(count, order.sample)

    def sweep(self) -> SweepResult:
        windows = self.clean.windows if self.order.kind is CutKind.FLASH else ()
        for window in windows:
            self._sweep_window(window)
        inside = {point for window in windows for point in range(window.first, window.last)}
        outside = [point for point in range(self.points) if point not in inside]
        for point in outside[self.part :: self.parts]:
            self._try_point(point)
        return self.result

    # -- the merge sweep of what happens before the firmware runs

    def _sweep_window(self, window: Window) -> None:
        sweep = MergeSweep(WindowFlow(self.scenario, self.clean.model, window))
        assert sweep.ops == window.last - window.first, "the bench does not do what the device did"
        first, last = window.first * len(Torn), window.last * len(Torn)
        chosen = None if self.chosen is None else frozenset(n - first for n in self.chosen if first <= n < last)
        found = sweep.run(self.part, self.parts, depth=self.order.depth, chosen=chosen)
        found.failures = [
            Failure(self._name_in(window, failure.replay), failure.verdict, failure.detail)
            for failure in found.failures
        ]
        bad = {failure.replay: failure.verdict for failure in found.failures}
        merged([self.result, found])
        if self.order.depth == 1:
            for index in sorted(spread(last - first, WINDOW_TRIALS))[self.part :: self.parts]:
                self._repeat(first + index, bad)

    def _repeat(self, index: int, bad: Mapping[str, Verdict]) -> None:
        """One of the window's cuts on the whole device. What the cloud makes of it, only this can tell."""
        cut = self._cut((index // len(Torn),), (self.shapes[index % len(Torn)],))
        judgement = try_cut(self.scenario, self.clean, cut).judgement
        self.result.repeated += 1
        same = judgement.verdict is bad.get(cut.name, Verdict.RECOVERED)
        assert same or judgement.verdict in (Verdict.UNTRUE, Verdict.LOST), f"{cut.name} really ends {judgement}"
        if not same:
            self.result.counts[Verdict.RECOVERED] -= 1
            self.result.counts[judgement.verdict] += 1
            self.result.failures.append(Failure(cut.name, judgement.verdict, judgement.detail))

    def _name_in(self, window: Window, name: str) -> str:
        *_, points, shapes = name.split(":")
        first, *second = map(int, points.split("+"))
        return self._cut((window.first + first, *second), tuple(map(Torn, shapes.split("+")))).name

    # -- runs of the whole device

    def _try_point(self, point: int) -> None:
        if not self.shapes:
            self.result.possible += 1
            if self.chosen is None or point in self.chosen:
                self._count(self._cut((point,), ()))
            return
        blind: Judgement | None = None
        for number, shape in enumerate(self.shapes):
            self.result.possible += self.order.depth == 1
            if self.chosen is not None and point * len(Torn) + number not in self.chosen:
                continue
            cut = self._cut((point,), (shape,))
            if self.order.depth == 2:
                self._try_again(cut)
            elif blind is not None:
                self._note(cut, blind)
            else:
                trial = self._count(cut)
                blind = trial.judgement if trial.blind else None

    def _try_again(self, cut: Cut) -> None:
        """A second cut somewhere in the recovery from the first; drawn, for each run is one of its own."""
        ops = try_cut(self.scenario, self.clean, cut).ops_after
        self.result.possible += ops * len(Torn)
        if ops:
            rng = stream(cut.seed, cut.device, f"second cut after {cut.name}")
            second, shape = rng.randrange(ops), rng.choice(self.shapes)
            self._count(self._cut((*cut.points, second), (*cut.shapes, shape)))

    def _count(self, cut: Cut) -> Trial:
        trial = try_cut(self.scenario, self.clean, cut)
        self.result.tried += 1
        self._note(cut, trial.judgement)
        return trial

    def _note(self, cut: Cut, judgement: Judgement) -> None:
        self.result.count(judgement.verdict)
        if judgement.verdict is not Verdict.RECOVERED:
            self.result.failures.append(Failure(cut.name, judgement.verdict, judgement.detail))

    def _cut(self, points: tuple[int, ...], shapes: tuple[Torn, ...]) -> Cut:
        return Cut(subject_of(self.scenario), self.order.seed, self.clean.device, self.order.kind, points, shapes)


def _by_point(name: str) -> tuple[list[int], str]:
    *_, points, shapes = name.split(":")
    return [int(point) for point in points.split("+")], shapes
