"""What needs two places of a scenario: names that are used and must be defined, and what has to fit together.

It looks at the plain data, not at typed values, so that a wrong key elsewhere does not hide a wrong reference. Parts of
a wrong type are passed over: the schema tells of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sim.device.catalogue import known_models, load_model
from sim.device.model import ModelSpec
from sim.errors import SpecError
from sim.scenario import expect
from sim.scenario.document import Place
from sim.scenario.references import Finding, mapping, mappings, unknown
from sim.scenario.schema import Fleet
from sim.scenario.schema_hosts import host_problems
from sim.scenario.schema_networks import network_problems
from sim.scenario.schema_outside import outside_problems
from sim.scenario.schema_steps import around_problems
from sim.scenario.schema_stubs import stub_problems
from sim.scenario.settings import Setting, applied
from sim.scenario.sightings import SEEN_KINDS
from sim.scenario.thresholds import threshold_problems
from sim.scenario.values import DOCUMENT_CHARS, S3Object, parse_s3_url
from sim.update.methods import METHODS, MINI_SUFFIXES


class Names:
    """The names that a scenario defines and uses. `folder` is where paths of it begin."""

    def __init__(self, data: Any, folder: Path) -> None:
        self._data = data
        self._folder = folder
        self._fleet = list(mappings(data, "fleet"))
        self.devices = dict.fromkeys(name for _, entry in self._fleet for name in _device_names(entry))
        groups = [entry["group"] for _, entry in self._fleet if isinstance(entry.get("group"), str)]
        self.targets = self.devices | dict.fromkeys(groups)
        self.packages = [str(place[-1]) for place, _ in mappings(data, "packages")]
        self.jobs = [str(job.get("jobId")) for _, job in mappings(data, "jobs")]
        self.objects = {
            S3Object(str(place[-2]), str(place[-1])): entry
            for bucket, _ in mappings(data, "cloud", "buckets")
            for place, entry in mappings(data, *bucket)
        }

    def problems(self) -> Iterator[Finding]:
        """Everything that does not fit together."""
        yield from self._fleet_problems()
        yield from self._package_problems()
        yield from self._job_problems()
        yield from self._fault_problems()
        yield from network_problems(self._data)
        yield from around_problems(self._data, self.targets)
        yield from stub_problems(self._fleet)
        yield from host_problems(self._data, self.targets)
        for place, message in outside_problems(self._data):
            yield place, message, 0
        groups = [
            entry[key] for _, entry in self._fleet for key in ("group", "name") if isinstance(entry.get(key), str)
        ]
        models = [entry["model"] for _, entry in self._fleet if isinstance(entry.get("model"), str)]
        yield from threshold_problems(self._data, {"job": self.jobs, "group": groups, "model": models})
        yield from self._whatif_problems()
        expects = self._data.get("expect")
        hosts = [str(place[-1]) for place, _ in mappings(self._data, "hosts")]
        names = {"device": self.devices, "job": self.jobs, "host": hosts, "seen": SEEN_KINDS}
        for index, expr in enumerate(expects if isinstance(expects, list) else []):
            for flaw in expect.check(expr, names) if isinstance(expr, str) else ():
                yield ("expect", index), flaw.message, flaw.offset

    def _fleet_problems(self) -> Iterator[Finding]:
        seen: set[str] = set()
        shared: set[str] = set()  # groups whose members have an entry each
        for place, entry in self._fleet:
            members = shared if "name" in entry else ()
            for key in ("name", "group"):
                if isinstance(entry.get(key), str) and entry[key] in seen:
                    if key == "group" and entry[key] in members:
                        continue
                    yield (*place, key), f"the name {entry[key]!r} is already taken", 0
            shared.update(group for group in (entry.get("group"),) if "name" in entry and isinstance(group, str))
            seen.update(name for name in (entry.get("name"), entry.get("group")) if isinstance(name, str))
            if isinstance(entry.get("model"), str):
                yield from _model_problems(place, entry["model"], entry.get("firmware"))

    def _package_problems(self) -> Iterator[Finding]:
        for place, package in mappings(self._data, "packages"):
            for key in ("from", "to"):
                version = package.get(key)
                if isinstance(version, str) and not _owned(version):
                    yield (*place, key), f"{version!r} is not a firmware version of any model", 0
            yield from _method_problems(place, package)
        for bucket, key in self.objects:
            wanted = self.objects[S3Object(bucket, key)].get("package")
            at: Place = ("cloud", "buckets", bucket, key, "package")
            yield from unknown(at, "package", wanted, self.packages)
            if self._is_pair(wanted) and not key.endswith(MINI_SUFFIXES):
                yield (
                    at,
                    f"{wanted!r} is a pair of files: end the keys that hold it in {' and '.join(MINI_SUFFIXES)}",
                    0,
                )
        public = mapping(self._data, "cloud").get("public")
        buckets = list(dict.fromkeys(found.bucket for found in self.objects))
        for index, bucket in enumerate(public if isinstance(public, list) else []):
            yield from unknown(("cloud", "public", index), "bucket", bucket, buckets)

    def _is_pair(self, package: Any) -> bool:
        return isinstance(package, str) and mapping(self._data, "packages", package).get("method") == "minimal"

    def _job_problems(self) -> Iterator[Finding]:
        seen: set[str] = set()
        for place, job in mappings(self._data, "jobs"):
            job_id, targets, source = job.get("jobId"), job.get("targets"), job.get("documentSource")
            if isinstance(job_id, str) and job_id in seen:
                yield (*place, "jobId"), f"the job id {job_id!r} is already taken", 0
            seen.add(str(job_id))
            yield from self._unknown_targets((*place, "targets"), targets)
            steps = job.get("steps")
            for index, step in enumerate(steps if isinstance(steps, list) else []):
                added = mapping(step, "associate").get("targets")
                yield from self._unknown_targets((*place, "steps", index, "associate", "targets"), added)
            if isinstance(source, str):
                yield from self._source_problems((*place, "documentSource"), source)

    def _unknown_targets(self, place: Place, targets: Any) -> Iterator[Finding]:
        for index, target in enumerate(targets if isinstance(targets, list) else []):
            yield from unknown((*place, index), "device or group", target, self.targets)

    def _source_problems(self, place: Place, url: str) -> Iterator[Finding]:
        try:
            wanted = parse_s3_url(url)
        except ValueError:
            return  # told by the schema
        yield from self._unknown_object(place, place, *wanted)
        entry = self.objects.get(wanted, {})
        if "package" in entry:
            yield place, f"{wanted.key} is a firmware package, not a job document", 0
        if message := _not_a_document(entry, self._folder):
            yield place, f"{wanted.key} is not a job document: {message}", 0

    def _unknown_object(self, at_bucket: Place, at_key: Place, bucket: Any, key: Any) -> Iterator[Finding]:
        buckets = {found.bucket for found in self.objects}
        if isinstance(bucket, str) and bucket not in buckets:
            yield from unknown(at_bucket, "bucket", bucket, sorted(buckets))
        else:
            keys = [found.key for found in self.objects if found.bucket == bucket]
            yield from unknown(at_key, f"key of bucket {bucket!r}:", key, keys)

    def _whatif_problems(self) -> Iterator[Finding]:
        asked = mapping(self._data, "whatif")
        yield from unknown(("whatif", "job"), "job", asked.get("job"), self.jobs)
        for way in mapping(asked, "vary"):
            try:
                applied(self._data, [Setting(way, "~")])
            except SpecError as error:
                yield ("whatif", "vary", way), error.problems[0].message, 0

    def _fault_problems(self) -> Iterator[Finding]:
        for at, fault in mappings(self._data, "faults"):
            for kind, body in fault.items():
                if isinstance(body, dict):
                    place = (*at, kind)
                    yield from unknown((*place, "device"), "device or group", body.get("device"), self.targets)
                    yield from self._unknown_partition(place, body)
                    if "bucket" in body:
                        yield from self._unknown_object(
                            (*place, "bucket"), (*place, "key"), body["bucket"], body.get("key")
                        )

    def _unknown_partition(self, place: Place, body: Mapping[str, Any]) -> Iterator[Finding]:
        for _, entry in self._fleet if "partition" in body else ():
            if body.get("device") in (*_device_names(entry), entry.get("group")):
                with suppress(SpecError):  # an unknown model is told at its place
                    known = [partition.name for partition in load_model(str(entry.get("model"))).partitions]
                    yield from unknown((*place, "partition"), "partition", body["partition"], known)
                return


def _device_names(entry: Mapping[str, Any]) -> tuple[str, ...]:
    name, group, size = entry.get("name"), entry.get("group"), entry.get("count")
    if not isinstance(name or group, str):
        return ()
    count = size if isinstance(size, int) else 1
    return Fleet.model_construct(name=name, group=group, count=count, model="", firmware="").devices()


def _model_problems(place: Place, model: str, firmware: Any) -> Iterator[Finding]:
    try:
        spec = load_model(model)
    except SpecError:
        yield from unknown((*place, "model"), "model", model, [row.variant for row in known_models()])
        return
    if isinstance(firmware, str) and not spec.owns_version(firmware):
        yield (*place, "firmware"), f"{firmware!r} is not a firmware version of {model}", 0


def _method_problems(place: Place, package: Mapping[str, Any]) -> Iterator[Finding]:
    """A method that no model of the package's version has."""
    method, version = package.get("method", "differential"), package.get("to")
    owners = _owners(version) if isinstance(version, str) else []
    methods = sorted({name for spec in owners for name in spec.methods})
    if owners and isinstance(method, str) and method in METHODS and method not in methods:
        at = (*place, "method") if "method" in package else place
        yield at, f"{owners[0].variant} does not take {method} upgrades, only {' and '.join(methods)}", 0


def _owners(version: str) -> list[ModelSpec]:
    """The models that this version string belongs to."""
    return [spec for row in known_models() if (spec := load_model(row.variant)).owns_version(version)]


def _owned(version: str) -> bool:
    return bool(_owners(version))


def _not_a_document(entry: Mapping[str, Any], folder: Path) -> str:
    """Why an object cannot be a job document, empty if it can or if the object itself is wrong."""
    text = entry.get("text")
    try:
        if isinstance(entry.get("file"), str):
            text = (folder / entry["file"]).read_text("utf-8")
        if not isinstance(text, str):
            return ""
        json.loads(text)
    except OSError:
        return ""  # told by the schema
    except (ValueError, RecursionError) as error:
        return str(error)
    return f"it has more than {DOCUMENT_CHARS} characters" if len(text) > DOCUMENT_CHARS else ""
