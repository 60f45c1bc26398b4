"""A scenario made real: one clock, one account, one network, and the devices with their factory content.

Building it has no effects in time; `start` schedules the power-ons, jobs and faults. Whatever a device or the
account does afterwards is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from sim.boot.bootloader import Trust
from sim.cloud.account import Account, job_track
from sim.device.module import Module
from sim.device.peer import Peer
from sim.errors import QpyotaError, SpecError
from sim.jobs.messages import PENDING
from sim.kernel.clock import Clock
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.ports import Address
from sim.scenario.artifact_faults import server_faults
from sim.scenario.faults import DeviceFault, device_faults
from sim.scenario.fleet import Ground, make_devices
from sim.scenario.hosts import Host, open_hosts
from sim.scenario.needs import make_room
from sim.scenario.packages import flip_bit, object_bytes, stand_ins
from sim.scenario.part import WHOLE, Part
from sim.scenario.places import Places
from sim.scenario.result import RunOptions
from sim.scenario.schema import Fleet, Scenario
from sim.scenario.schema_jobs import Job, Step
from sim.scenario.schema_users import logins
from sim.scenario.serial_ends import open_serial_ends
from sim.scenario.stage import Stage, Wired
from sim.scenario.steps import Steps, device_peers, device_steps
from sim.scenario.triggers import Watchers
from sim.scenario.truth import Truth
from sim.scenario.views import DeviceView
from sim.scenario.wiring import Wiring
from sim.trace import Trace
from sim.units import US_PER_S

if TYPE_CHECKING:
    from sim.net.serial import SerialLines

DEFAULT_SPEED = 1.0
"""Virtual seconds per wall second in paced mode when nobody says otherwise."""


class Happening(Protocol):
    """Something that is to happen in a run; `str` says what. `done`: what came of it is over, too."""

    begun: bool
    done: bool


class World:
    """Everything of one run. `devices` by name, in the scenario's order.

    On a `stage` where the scenario began before, its buckets, things and finished orders are there already, and the
    faults of its devices are over.
    """

    def __init__(self, scenario: Scenario, options: RunOptions, stage: Stage | None = None, part: Part = WHOLE) -> None:
        self.scenario = scenario
        self.part = part
        self.options = options
        self.seed = scenario.seed if options.seed is None else options.seed
        self._staged = stage is not None
        stage = stage or _own_stage(scenario, options, self.seed, digests=part.cloud)
        self.clock, self.trace, self.account = stage.clock, stage.trace, stage.account
        self._wiring, self._known = stage.wiring, stage.known
        self._elapsed_us = stage.elapsed_us or 0
        self.devices: dict[str, Module] = {}
        self.lost: dict[str, None] = {}
        """Devices whose process was lost for good, in a run that goes on without them."""
        self.views: dict[str, DeviceView] = {}
        """What each device has come to, wherever it lives; once the run is over."""
        self.faults: list[DeviceFault] = []
        self.steps: list[Steps] = []
        self.peers: list[tuple[str, Peer]] = []
        self._serial: SerialLines | None = None
        self.hosts: list[Host] = []
        self.injections: list[Happening] = []
        """What people do to this run besides; it does not end before."""
        self.end_at: Callable[[int], object] = self.clock.stop_at
        """End the run when its time is this, before all else of that instant."""
        self.once_over: Callable[[int, Callable[[], None]], object] = self._once_over
        """Have something done when everything of this instant has happened, and nothing of the next."""
        self.ending = False
        """Its end has been set."""
        self.cut_short = False
        """Somebody ended it before its time: what had not happened by then is nobody's fault."""
        self._to_do = sum(1 + len(job.steps) - self.account.orders.get(job.job_id, 0) for job in scenario.jobs)
        gate = self.account.gate
        gate.logins = {**gate.logins, **logins(scenario.cloud.users)}
        try:
            self._set_faults()
            if stage.elapsed_us is None:
                self._fill_buckets()
            make_room(scenario, options)
            self._wiring.part = part
            self._wiring.open()
            trust = Trust(DEVELOPMENT_PUBLIC_KEY, stand_ins(self.scenario))
            places = Places(scenario.networks, self.seed)
            self.ground = Ground(self.clock, self.trace, self._wiring, self.seed, trust, places)
            for entry in scenario.fleet:
                self._add(entry)
            if stage.elapsed_us is None:
                self.faults = list(device_faults(scenario, self.devices, places, self.seed))
            self.steps = list(device_steps(scenario, self.clock, self.devices))
            self.peers = list(device_peers(scenario, self.clock, self.devices))
            streams = self._wiring.network.streams
            self.hosts = open_hosts(scenario, streams, self.account, self.devices, self._elapsed_us)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Schedule everything that the scenario says will happen, and let the outside have its serial lines."""
        self._tell_of_sockets()
        self._serial = open_serial_ends(self.scenario, self.clock, self.options.transport, self.devices)
        for entry in self.scenario.fleet:
            for name, at_us in self.ground.places.starts(entry):
                if name not in self.devices:
                    continue
                self.clock.after(max(0, at_us - self._elapsed_us), _power_up, self.devices[name])
        for device in self.devices.values():
            self.ground.places.begin(device, self._elapsed_us)
        for job in self.scenario.jobs if self.part.cloud else ():
            steps = sorted(job.steps, key=lambda step: step.at_us)
            orders = [(job.at_us, partial(self._create_job, job))]
            orders += [(step.at_us, partial(self._take_step, job, step)) for step in steps]
            for at_us, order in orders[self.account.orders.get(job.job_id, 0) :]:
                self.clock.after(max(0, at_us - self._elapsed_us), self._give, job, order)
        watchers = Watchers(self.trace)
        for fault in self.faults:
            fault.arm(watchers)
        for step in self.steps:
            step.arm(self._elapsed_us)

    def _once_over(self, at_us: int, fn: Callable[[], None]) -> None:
        self.clock.first_at(at_us + 1, fn)

    def _tell_of_sockets(self) -> None:
        """In real time a port that a device listens on can be reached from outside: say where."""

        def tell(owner: str, at: Address, real: tuple[str, int]) -> None:
            if owner in self.devices:
                self.trace.aside(owner, "tcp.outside", port=at.port, address=f"{real[0]}:{real[1]}")

        if self.options.transport == "paced":
            self._wiring.network.streams.on_listen = tell

    @property
    def truth(self) -> Truth | None:
        """How paced time went; None where time is not the wall's."""
        stopwatch = self._wiring.stopwatch
        if self.options.transport != "paced" or stopwatch is None:
            return None
        loop = self.clock.loop
        spreads = {"connect": stopwatch.connected, **dict(sorted(stopwatch.latency.items()))}
        latency = {name: {"count": it.count, **it.summary_ms()} for name, it in spreads.items() if it.count}
        return Truth(
            speed=loop.speed or 1.0,
            sim_time_ratio=loop.pace.ratio,
            lag_ms=loop.pace.lag.summary_ms(),
            cpu_while_late=loop.pace.cpu_while_late,
            dialled=stopwatch.dialled,
            asked=stopwatch.asked,
            answered=stopwatch.answered,
            latency_ms=latency,
        )

    @property
    def problems(self) -> list[str]:
        """What the network came to lack during the run."""
        return self._wiring.problems

    @property
    def serial_addresses(self) -> dict[str, str]:
        """`DEVICE UARTn` → where that line can be reached from outside."""
        lines = {} if self._serial is None else self._serial.addresses
        return {f"{name} UART{port}": address for (name, port), address in lines.items()}

    @property
    def wiring(self) -> Wired:
        """The way between its devices and its cloud."""
        return self._wiring

    @property
    def finished(self) -> bool:
        """Every job was created, every step taken, and every execution is terminal."""
        all_taken = not self._to_do and all(step.done for step in self.steps)
        all_taken = all_taken and all(one.done for one in self.injections)
        return (
            bool(self.scenario.jobs) and all_taken and (self.account.jobs.all_terminal() or self._only_lost_are_left())
        )

    def _only_lost_are_left(self) -> bool:
        jobs, lost = self.account.jobs, self.lost
        running = [job_id for job_id in self.account.job_ids if jobs.progress(job_id) is not None] if lost else []
        return bool(running) and all(
            it.thing in lost for job_id in running for it in jobs.executions(job_id) if it.status in PENDING
        )

    def close(self) -> None:
        """Free every socket and file system."""
        for device in self.devices.values():
            device.discard()
        if self._serial is not None:
            self._serial.close()
        self._wiring.close()
        self.clock.close()

    def _set_faults(self) -> None:
        began_s = self.clock.start_s - self._elapsed_us // US_PER_S
        faults = self.scenario.faults
        self.account.artifacts.public = frozenset(self.scenario.cloud.public)
        self.account.artifacts.faults = tuple(server_faults(self.scenario, began_s))
        expired = [fault.url_expired for fault in faults if fault.url_expired is not None]
        self.account.expired = frozenset((one.bucket, one.key) for one in expired if one.bucket and one.key)

    def _fill_buckets(self) -> None:
        faults = self.scenario.faults
        missing = {(f.object_missing.bucket, f.object_missing.key) for f in faults if f.object_missing}
        corrupt = {
            (f.corrupt_object.bucket, f.corrupt_object.key): f.corrupt_object for f in faults if f.corrupt_object
        }
        for bucket, objects in self.scenario.cloud.buckets.items():
            for name, stored in objects.items():
                if (bucket, name) in missing:
                    continue
                data = object_bytes(self.scenario, stored, name)
                if (bucket, name) in corrupt:
                    data = flip_bit(data, corrupt[bucket, name].offset_bytes)
                self.account.artifacts.put(bucket, name, data)

    def _add(self, entry: Fleet) -> None:
        part = self.part
        for name in entry.devices():
            if name not in self._known and (part.cloud or part.has(name)):
                self.account.register(name, entry.group or "")
            if part is not WHOLE:
                self.ground.places.place(entry, name)
        self.devices.update(make_devices(entry, self.ground, self.options, self.part))

    def _give(self, job: Job, order: Callable[[], None]) -> None:
        """An order of the scenario. A cloud that others change too may refuse it, which is no reason to end it."""
        self._to_do -= 1
        try:
            order()
        except QpyotaError as error:
            if not self._staged:
                raise SpecError(f"job {job.job_id}: {error}") from None
            self.trace.emit(job_track(job.job_id), "order.refused", reason=str(error))

    def _create_job(self, job: Job) -> None:
        members = job.members(self._document(job), self.arns(job.targets), self.clock.epoch_s)
        self.account.order("create", job.job_id, members)

    def _take_step(self, job: Job, step: Step) -> None:
        operation, members = step.request
        if "targets" in members:
            members = {**members, "targets": self.arns(members["targets"])}
        self.account.order(operation, job.job_id, members)

    def arns(self, targets: Sequence[str]) -> list[str]:
        """What AWS calls the things and groups of these names."""
        arns = self.account.jobs.arns
        found: list[str] = []
        for target in targets:
            group = arns.group(target)
            is_group = self.account.registry.exists(group)
            found += [group] if is_group else [arns.thing(name) for name in self.scenario.things(target)]
        return found

    def _document(self, job: Job) -> str:
        if job.document is not None:
            return job.document
        assert job.document_source is not None
        bucket, key = job.document_source
        data = self.account.artifacts.get(bucket, key)
        if data is None:
            raise SpecError(f"there is no object {key!r} in bucket {bucket!r} to read its document from")
        return data.decode()


def _power_up(device: Module) -> None:
    """A step may have done so before."""
    if device.state == "off":
        device.power_on()


def _own_stage(scenario: Scenario, options: RunOptions, seed: int, *, digests: bool) -> Stage:
    clock = Clock(options.transport, options.speed or DEFAULT_SPEED)
    trace = Trace(clock, digests=digests)
    account = Account(clock, trace, seed, scenario.cloud.rules.jobs)
    return Stage(clock, trace, account, Wiring(clock, account, options, scenario.cloud))
