"""One whole device under a power cut: script, radio and cloud included, in memory and from the start for each cut.

The clean run tells what there is to cut, and what the device and the cloud come to. A run with a cut is that run up to
the cut; then power is off for ten seconds, and the device has the rest of the scenario's time to recover. Nothing is
taken from the clean run but its numbers, so a run can be repeated from the name of its cut alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sim.cloud.account import TRACK_SUFFIX
from sim.device.model import ModelSpec
from sim.device.module import Module
from sim.errors import SpecError
from sim.flash.nor import NorSnapshot
from sim.jobs.messages import PENDING, Status
from sim.scenario.result import RunOptions
from sim.scenario.schema import Scenario
from sim.scenario.world import World
from sim.shipped import scenarios_dir
from sim.sweep.facts import Approved, Ending, Facts, judge, look
from sim.sweep.flow import Judgement, sectors_of
from sim.sweep.result import Cut, CutKind
from sim.sweep.slow import torn_seed
from sim.sweep.watched import Op, WatchedNor
from sim.trace import Record

OFF_FOR_US = 10_000_000
SETTLE_US = 120_000_000
"""A run goes on for this long after its last execution became terminal: power may be off, and the device booting."""

BEFORE_FIRMWARE = frozenset({"bootloader", "mini"})
"""States of a device before its volumes are mounted and its application files are copied, and while they are."""

_QUEUED = Status.QUEUED.value
_PENDING = frozenset(status.value for status in PENDING)
_BOOT_RECORDS = frozenset({"power.on", "reset", "boot", "mini.boot"})


@dataclass(frozen=True, slots=True)
class Window:
    """Operations from `first` up to `last` of a clean run, done without the firmware: an update being applied.

    `start`: the flash when the device was reset for it; `before` and `after`: versions that ran before and after it.
    """

    first: int
    last: int
    start: NorSnapshot
    before: str
    after: str


@dataclass(slots=True)
class CleanRun:
    """What the scenario does without a cut. `points`: how many there are of each kind; `ops`: the flash's."""

    device: str
    model: ModelSpec
    approved: Approved
    points: dict[CutKind, int]
    ops: tuple[Op, ...]
    windows: tuple[Window, ...]


@dataclass(slots=True)
class Trial:
    """How one cut ended. `blind`: the sector that the cut tore was overwritten before anything read it, so no other
    shape of the same cut can end otherwise. `ops_after`: flash operations from the return of power on."""

    judgement: Judgement
    blind: bool
    ops_after: int


@dataclass(slots=True)
class _Watch:
    """What is noted while a world runs."""

    booted: list[str] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    before: dict[str, Facts] = field(default_factory=dict)
    effects: dict[str, tuple[Facts, Facts]] = field(default_factory=dict)
    points: dict[CutKind, int] = field(default_factory=lambda: dict.fromkeys(CutKind, 0))
    in_update: list[bool] = field(default_factory=list)
    resets: list[tuple[int, NorSnapshot]] = field(default_factory=list)
    boots: list[tuple[int, str]] = field(default_factory=list)

    def close_job(self, facts: Facts) -> None:
        """The job that was begun last has had its effect."""
        self.facts.append(facts)
        if self.before:
            job, before = list(self.before.items())[-1]
            self.effects[job] = (before, facts)


class DeviceRun:
    """One world of `scenario` with the flash of `device` watched. SpecError when it has none of this name, or when
    the scenario cuts power itself: nobody could tell which cut did what."""

    def __init__(self, scenario: Scenario, seed: int, device: str) -> None:
        if any(fault.power_cut is not None or fault.brown_out is not None for fault in scenario.faults):
            raise SpecError(f"{scenario.name} has power cuts of its own; take them out of `faults` to sweep it")
        self.world = World(scenario, RunOptions(seed=seed, transport="memory"))
        if device not in self.world.devices:
            known = ", ".join(self.world.devices)
            self.world.close()
            raise SpecError(f"{scenario.name} has no device {device!r}; it has {known}")
        self.module = self.world.devices[device]
        self.nor = _swap_flash(self.module)
        self.watch = _Watch()
        self._points: Callable[[CutKind], None] = lambda _: None
        self.world.trace.observe(self._on_record)
        self.module.watch_phases(self._on_phase)

    def on_point(self, call: Callable[[CutKind], None]) -> None:
        """Call this at every point of the kinds boot, mqtt and http."""
        self._points = call

    def play(self) -> None:
        """Let the scenario's time pass."""
        try:
            self.world.start()
            self.world.clock.run(self.world.scenario.duration_us)
        except BaseException:
            self.world.close()
            raise

    def ending(self) -> Ending:
        """How it left the device; the world is taken down."""
        name = self.module.name
        state, facts = self.module.state, look(self.module)
        jobs = self.world.account
        statuses = {
            job: execution.status.value
            for job in jobs.job_ids
            for execution in jobs.jobs.executions(job)
            if execution.thing == name
        }
        self.world.close()
        return Ending(state, facts, tuple(self.watch.booted), statuses)

    def _on_record(self, record: Record) -> None:
        module, watch = self.module, self.watch
        if record.track.endswith(TRACK_SUFFIX):
            if self.world.finished:
                self.world.clock.stop_at(self.world.clock.now_us + SETTLE_US)
            return
        if record.track != module.name:
            return
        if record.kind == "boot":
            watch.booted.append(record.data["version"])
        if record.kind in _BOOT_RECORDS:
            self._point(CutKind.BOOT)
        elif record.kind.startswith("mqtt."):
            self._point(CutKind.MQTT)
        elif record.kind == "http":
            self._point(CutKind.HTTP)

    def _on_phase(self, _phase: str, _progress: float) -> None:
        self._point(CutKind.BOOT)

    def _point(self, kind: CutKind) -> None:
        self.watch.points[kind] += 1
        self._points(kind)


def clean_run(scenario: Scenario, seed: int, device: str) -> CleanRun:
    """The scenario without a cut. SpecError when the device does not come through it."""
    run = DeviceRun(scenario, seed, device)
    module, nor, watch, name = run.module, run.nor, run.watch, run.module.name
    watch.facts.append(look(module))
    nor.watch(logging=True)

    def on_record(record: Record) -> None:
        if record.kind == "execution" and record.track == name + TRACK_SUFFIX:
            _note_execution(watch, record.data["job"], record.data["new"], look(module))
        elif record.track == name and record.kind in ("reset", "power.on"):
            watch.resets.append((len(nor.log), nor.snapshot()))
        elif record.track == name and record.kind == "boot":
            watch.boots.append((len(nor.log), record.data["version"]))

    run.world.trace.observe(on_record)
    owned = _update_sectors(module)
    sector_bytes = nor.part.sector_bytes
    module.storage.watch_ops(
        lambda _kind, address: watch.in_update.append(
            module.state in BEFORE_FIRMWARE and address // sector_bytes in owned
        )
    )
    run.play()
    ops = tuple(nor.log)
    ending = run.ending()
    assert len(ops) == len(watch.in_update)
    if ending.state != "running":
        raise SpecError(
            f"{scenario.name}: without any cut, {name} ends {ending.state}; there is nothing to compare with"
        )
    watch.close_job(ending.facts)
    approved = Approved(tuple(watch.facts), watch.effects, ending.statuses)
    points = {**watch.points, CutKind.FLASH: len(ops)}
    return CleanRun(name, module.model, approved, points, ops, tuple(_windows(watch)))


def try_cut(scenario: Scenario, clean: CleanRun, cut: Cut) -> Trial:
    """The scenario with this cut (or two), judged by the clean run. SpecError when there is no such point."""
    run = DeviceRun(scenario, cut.seed, cut.device)
    armed = _Armed(run, cut)
    run.play()
    ending = run.ending()
    if armed.left:
        raise SpecError(f"{cut.name}: the run ends before power goes {'again' if armed.happened else ''}".rstrip())
    return Trial(judge(clean.approved, ending), armed.blind(clean), run.nor.ops - armed.ops_at_return)


class _Armed:
    """Makes power go where the cut says, and come back."""

    def __init__(self, run: DeviceRun, cut: Cut) -> None:
        self._run, self._cut = run, cut
        self._seen = 0
        self.left = len(cut.points)
        self.happened = 0
        self.ops_at_return = 0
        run.module.power_returns_us = OFF_FOR_US
        run.world.trace.observe(self._on_record)
        if cut.kind is CutKind.FLASH:
            self._arm_flash()
        else:
            run.on_point(self._on_point)

    def blind(self, clean: CleanRun) -> bool:
        """Whether what the (single) cut tore was overwritten unread."""
        nor, cut = self._run.nor, self._cut
        if cut.kind is not CutKind.FLASH or len(cut.points) > 1:
            return False
        sector = clean.ops[cut.points[0]].sector
        return sector in nor.written and sector not in nor.read_first

    def _arm_flash(self) -> None:
        number = len(self._cut.points) - self.left
        point = self._cut.points[number]
        self._run.nor.arm_cut(point, self._cut.shapes[number], torn_seed(number, point))

    def _on_record(self, record: Record) -> None:
        if record.track != self._run.module.name:
            return
        if record.kind == "power.cut":
            self.happened += 1
            self.left -= 1
            self._run.nor.watch()
        elif record.kind == "power.on" and self.happened:
            self.ops_at_return = self._run.nor.ops
            if self.left:
                self._arm_flash()

    def _on_point(self, kind: CutKind) -> None:
        if kind is not self._cut.kind or not self.left:
            return
        if self._seen == self._cut.points[0]:
            self._run.world.clock.after(0, self._run.module.power_cut)
        self._seen += 1


def subject_of(scenario: Scenario) -> str:
    """The scenario as one names it: a shipped one by its bare name, another by its file."""
    return scenario.source.stem if scenario.source.parent == scenarios_dir() else str(scenario.source)


def _note_execution(watch: _Watch, job: str, new: str, facts: Facts) -> None:
    """A job's effect is what changes until the next one is begun: a device may report before or after it acts."""
    if new not in _PENDING:
        watch.facts.append(facts)
    if new == _QUEUED or job in watch.before:
        return
    watch.close_job(facts)
    watch.before[job] = facts


def _windows(watch: _Watch) -> list[Window]:
    """Stretches of operations before the firmware runs, each from the reset that began it."""
    found: list[Window] = []
    flags, first = watch.in_update, 0
    while first < len(flags):
        last = first
        while last < len(flags) and flags[last]:
            last += 1
        if last > first:
            start = next(snapshot for ops, snapshot in reversed(watch.resets) if ops <= first)
            before = [version for ops, version in watch.boots if ops <= first]
            after = [version for ops, version in watch.boots if ops >= last]
            found.append(Window(first, last, start, before[-1], after[0]))
        first = last + 1
    return found


def _update_sectors(module: Module) -> frozenset[int]:
    """What bootloader and mini system write: everything that is no volume."""
    layout = module.layout
    regions = [*layout.firmware.values(), layout.journal, layout.scratch, layout.package]
    regions += [layout.request] if layout.request is not None else []
    return frozenset().union(*map(sectors_of, regions))


def _swap_flash(module: Module) -> WatchedNor:
    """Give a device that is off a watched flash with the same content."""
    assert module.state == "off"
    nor = WatchedNor(module.nor.part)
    nor.restore(module.nor.snapshot())
    module.storage.nor = nor
    return nor
