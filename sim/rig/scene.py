"""What a rig holds: one clock, one account, one network in memory, and devices that come one after another.

All of it is touched on the rig's thread only. Devices, faults and jobs are checked as those of a scenario are, by the
same code and with the same words; what they do afterwards is what they do in a scenario with this seed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sim.boot.bootloader import Trust
from sim.cloud.account import SCENARIO_RULES, Account
from sim.device.catalogue import load_model
from sim.device.module import Module
from sim.errors import SpecError
from sim.kernel.clock import Clock
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.rig.histories import Histories
from sim.scenario.artifact_faults import server_faults
from sim.scenario.explain.evidence import Evidence, Watch
from sim.scenario.faults import DeviceFault, numbered_fault
from sim.scenario.fleet import Ground, make_devices
from sim.scenario.loader import scenario_of
from sim.scenario.packages import flip_bit
from sim.scenario.places import Places
from sim.scenario.result import RunOptions
from sim.scenario.runner import explanations
from sim.scenario.schema import Cloud, Fleet, Scenario
from sim.scenario.schema_jobs import Job
from sim.scenario.triggers import Watchers
from sim.scenario.wiring import Wiring
from sim.trace import Record, Trace

RECORDS_KEPT = 200_000
"""The latest of the trace; older ones are forgotten."""

_PRINTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "print": lambda data: str(data["text"]),
    "log": lambda data: f"{data['level']}:{data['name']}:{data['text']}",
    "traceback": lambda data: "\n".join(
        [*(f"  {place}" for place in data["where"]), f"{data['error']}: {data['text']}"]
    ),
}
"""Records of what a script prints, and how it reads on the console."""

OPTIONS = RunOptions(transport="memory")
Keys = Mapping[str, Any]
"""Keys of a scenario, with plain values."""


class Scene:
    """`seed` is the root of all random streams, as a scenario's is."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = Clock("memory")
        self.trace = Trace(self.clock)
        self.records: deque[Record] = deque(maxlen=RECORDS_KEPT)
        self.told = 0
        """How many records there were: while it stays, nothing observable has changed."""
        self.histories = Histories()
        self.account = Account(self.clock, self.trace, seed, SCENARIO_RULES)
        self.trace.observe(self._keep)
        self.histories.listen(self.trace)
        self._watch = Watch(())
        self._watch.listen(self.trace)
        self._watchers = Watchers(self.trace)
        self._wiring = Wiring(self.clock, self.account, OPTIONS, Cloud())
        self._wiring.open()
        places = Places({}, seed)
        self._ground = Ground(self.clock, self.trace, self._wiring, seed, Trust(DEVELOPMENT_PUBLIC_KEY), places)
        self.devices: dict[str, Module] = {}
        self.faults: list[DeviceFault] = []
        self._data: dict[str, Any] = {"version": 1, "name": "rig", "fleet": [], "faults": []}
        self._spoiled: dict[str, list[str]] = {}
        self._waiting_for_power: set[str] = set()
        self._lines: dict[str, list[str]] = {}

    def add_devices(self, keys: Keys, folder: Path) -> Fleet:
        """Make the devices of a fleet entry; they get power now, or as its `start` says. Paths are relative to
        `folder`. SpecError."""
        known = load_model(str(keys.get("model")))
        made = {"firmware": known.example_version, **keys}
        for name in ("script", "backup"):
            if made.get(name) is not None:
                path = made[name] = str((folder / made[name]).resolve())
                if not Path(path).is_dir():
                    raise SpecError(f"{name}: there is no folder {path}")
        scenario = self._checked("fleet", made, folder)
        entry = scenario.fleet[-1]
        for name in entry.devices():
            self._watch.evidence[name] = Evidence(name)
            self.account.register(name, entry.group or "")
        modules = make_devices(entry, self._ground, OPTIONS)
        self._data["fleet"].append(made)
        self.devices.update(modules)
        self._waiting_for_power.update(modules)
        for name, at_us in self._ground.places.starts(entry):
            self.clock.after(at_us, self._power_up, name)
        for module in modules.values():
            self._ground.places.begin(module, 0)
        return entry

    def add_fault(self, kind: str, keys: Keys) -> list[DeviceFault]:
        """Set up a fault of a scenario, `{kind: keys}`; on whom it is. SpecError."""
        data = {kind: dict(keys)}
        scenario = self._checked("faults", data, Path())
        self._data["faults"].append(data)
        place = keys.get("bucket", ""), keys.get("key", "")
        self._spoiled.setdefault(place[0], []).append(place[1])
        if kind == "corrupt_object":
            content = self.account.artifacts.get(*place) or b""
            fault = scenario.faults[-1].corrupt_object
            assert fault is not None
            self.account.artifacts.put(*place, flip_bit(content, fault.offset_bytes))
        elif kind == "object_missing":
            bucket = self.account.artifacts.buckets[place[0]]
            self.account.artifacts.buckets.delete_object(bucket, place[1], None, self.clock.epoch_s)
        elif kind == "url_expired" and place[0]:
            self.account.expired |= {place}
        one = scenario.model_copy(update={"faults": scenario.faults[-1:]})
        self.account.artifacts.faults += tuple(server_faults(one, self.clock.start_s))
        number = len(scenario.faults) - 1
        made = list(numbered_fault(scenario, number, self.devices, self._ground.places, self.seed))
        for device_fault in made:
            device_fault.arm(self._watchers)
        self.faults += made
        return made

    def create_job(self, job_id: str, targets: list[str], keys: Keys) -> None:
        """CreateJob, as a scenario's job. SpecError, or JobError when the cloud refuses it."""
        row = {"jobId": job_id, "targets": targets, **keys}
        if not self._data["fleet"]:
            raise SpecError("there is no device yet that a job could be for")
        job = self._checked("jobs", row, Path()).jobs[-1]
        assert job.document is not None
        self.account.order("create", job_id, job.members(job.document, self._arns(job), self.clock.epoch_s))

    def all_targets(self) -> list[str]:
        """Groups and single devices that were added, in that order."""
        return [str(row.get("group") or row["name"]) for row in self._data["fleet"]]

    def at_rest(self, name: str) -> bool:
        """Whether nothing is left to do for a device: no job, no update, no start that is still to come."""
        module = self.devices[name]
        if name in self._waiting_for_power:
            return False
        if module.state == "off":
            return module.power_returns_us is None
        if module.bricked:
            return True
        jobs = self.account.jobs
        handed_out = all((jobs.progress(job_id) or ("", 0))[1] == 0 for job_id in self.histories.jobs)
        return module.state == "running" and module.phase == "idle" and handed_out and not jobs.pending(name)

    def explained(self) -> list[str]:
        """A sentence on each device that is in a known trap."""
        return list(explanations(self.devices, self._watch).values())

    def printed(self, name: str) -> str:
        """What the script of a device has printed, with its log and its tracebacks."""
        return "".join(self._lines.get(name, ()))

    def close(self) -> None:
        """Free what the file systems hold."""
        for module in self.devices.values():
            module.discard()
        self._wiring.close()
        self.clock.close()

    def _keep(self, record: Record) -> None:
        self.records.append(record)
        self.told += 1
        if record.kind in _PRINTED:
            self._lines.setdefault(record.track, []).append(_PRINTED[record.kind](record.data) + "\n")

    def _power_up(self, name: str) -> None:
        self._waiting_for_power.discard(name)
        if self.devices[name].state == "off":
            self.devices[name].power_on()

    def _arns(self, job: Job) -> list[str]:
        arns, groups = self.account.jobs.arns, self.account.registry.groups.by_name
        return [arns.group(target) if target in groups else arns.thing(target) for target in job.targets]

    def _objects(self) -> dict[str, dict[str, Any]]:
        """What faults may name: the objects that are there, and those that earlier faults took away."""
        found = {}
        for bucket in self.account.artifacts.buckets:
            keys = [*bucket.keys(), *self._spoiled.get(bucket.name, ())]
            found[bucket.name] = {key: {"text": ""} for key in keys}
        return found

    def _checked(self, key: str, row: Keys, folder: Path) -> Scenario:
        """The scenario of all that was added so far, with one thing more. SpecError tells what is wrong with it."""
        data = {**self._data, key: [*self._data.get(key, ()), dict(row)]}
        data["cloud"] = {"buckets": self._objects()}
        try:
            return scenario_of(data, folder / "rig")
        except SpecError as error:
            raise SpecError(str(error).removeprefix(f"{key}.{len(data[key]) - 1}").lstrip(".: ")) from None
