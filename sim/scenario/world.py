"""A scenario made real: one clock, one account, one network, and the devices with their factory content.

Building it has no effects in time; `start` schedules the power-ons, jobs and faults. Whatever a device or the
account does afterwards is theirs.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from sim.boot.bootloader import Trust
from sim.cloud.account import Account
from sim.device.agent import Agent
from sim.device.identity import make_identity
from sim.device.model import load_model
from sim.device.module import Module, Program, Setting
from sim.errors import SpecError
from sim.flash.filesystem import build_volume
from sim.kernel.clock import Clock
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.scenario.faults import DeviceFault, device_faults
from sim.scenario.packages import firmware, flip_bit, object_bytes, stand_ins
from sim.scenario.result import RunOptions
from sim.scenario.schema import Fleet, Job, Scenario
from sim.scenario.wiring import Wiring
from sim.script.runtime import ScriptProfile, ScriptRuntime
from sim.trace import Trace
from sim.units import format_size

DEFAULT_SPEED = 1.0
"""Virtual seconds per wall second in paced mode when nobody says otherwise."""


class World:
    """Everything of one run. `devices` by name, in the scenario's order."""

    def __init__(self, scenario: Scenario, options: RunOptions) -> None:
        self.scenario = scenario
        self.options = options
        self.seed = scenario.seed if options.seed is None else options.seed
        self.clock = Clock(options.transport, options.speed or DEFAULT_SPEED)
        self.trace = Trace(lambda: self.clock.now_us)
        self.account = Account(self.clock, self.trace, self.seed)
        self.devices: dict[str, Module] = {}
        self.faults: list[DeviceFault] = []
        self._wiring = Wiring(self.clock, self.account, options)
        try:
            self._fill_buckets()
            self._wiring.open()
            for entry in scenario.fleet:
                self._make_devices(entry)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Schedule everything that the scenario says will happen."""
        for device in self.devices.values():
            self.clock.after(0, device.power_on)
        for job in self.scenario.jobs:
            self.clock.after(job.at_us, self._create_job, job)
        self.faults = list(device_faults(self.scenario, self.clock, self.devices))
        for fault in self.faults:
            fault.arm()

    @property
    def finished(self) -> bool:
        """Every job was created and every execution is terminal."""
        created = len(self.account.job_ids) == len(self.scenario.jobs)
        return bool(self.scenario.jobs) and created and self.account.jobs.all_terminal()

    def close(self) -> None:
        """Free every socket and file system."""
        for device in self.devices.values():
            device.discard()
        self._wiring.close()
        self.clock.close()

    def _fill_buckets(self) -> None:
        faults = self.scenario.faults
        missing = {(f.object_missing.bucket, f.object_missing.key) for f in faults if f.object_missing}
        corrupt = {
            (f.corrupt_object.bucket, f.corrupt_object.key): f.corrupt_object for f in faults if f.corrupt_object
        }
        self.account.artifacts.public = frozenset(self.scenario.cloud.public)
        self.account.expired = frozenset((f.url_expired.bucket, f.url_expired.key) for f in faults if f.url_expired)
        for bucket, objects in self.scenario.cloud.buckets.items():
            for name, stored in objects.items():
                if (bucket, name) in missing:
                    continue
                data = object_bytes(self.scenario, stored, name)
                if (bucket, name) in corrupt:
                    data = flip_bit(data, corrupt[bucket, name].offset_bytes)
                self.account.artifacts.put(bucket, name, data)

    def _make_devices(self, entry: Fleet) -> None:
        model = load_model(entry.model)
        images = firmware(model, entry.firmware).images
        files = _script_files(entry.script)
        trust = Trust(DEVELOPMENT_PUBLIC_KEY, stand_ins(self.scenario))
        profile = ScriptProfile(umqtt=self.options.umqtt or entry.umqtt)

        def program(module: Module) -> Program:
            return Agent(module) if entry.agent is not None else ScriptRuntime(module, profile)

        for name in entry.devices():
            self.account.register(name)
            issued = self.account.things.register(name)
            identity = make_identity(self.seed, name, issued.certificate_pem, issued.private_key_pem)
            setting = Setting(name, model, identity, trust, self.seed)
            module = Module(self.clock, self.trace, self._wiring.network, setting, program)
            for partition, image in images.items():
                module.layout.firmware[partition].load(0, image)
            for point, region in module.regions.volumes.items():
                region.load(0, _volume(region.size_bytes, files if point == "/usr" else {}, f"{name}: {point}"))
            self.devices[name] = module

    def _create_job(self, job: Job) -> None:
        targets = [name for target in job.targets for name in self.scenario.things(target)]
        expires_s = job.presigned.expires_s if job.presigned is not None else None
        self.account.create_job(job.job_id, self._document(job), targets, expires_s)

    def _document(self, job: Job) -> str:
        if job.document is not None:
            return job.document
        assert job.document_source is not None
        bucket, key = job.document_source
        data = self.account.artifacts.get(bucket, key)
        if data is None:
            raise SpecError(
                f"job {job.job_id}: there is no object {key!r} in bucket {bucket!r} to read its document from"
            )
        return data.decode()


def _volume(size_bytes: int, files: dict[str, bytes], what: str) -> bytes:
    try:
        return build_volume(size_bytes, files)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        have = sum(map(len, files.values()))
        raise SpecError(
            f"{what} holds {format_size(size_bytes)}, less than its files need ({format_size(have)} in {len(files)} "
            "files, each in whole blocks of 4 KiB); take some out of the script folder"
        ) from None


def _script_files(folder: Path | None) -> dict[str, bytes]:
    """Files of a script folder by their path on /usr."""
    if folder is None:
        return {}
    return {"/" + str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}


def _files(folder: Path) -> Iterable[Path]:
    skipped = ("__pycache__",)
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return (path for path in found if not any(part in skipped for part in path.parts))
