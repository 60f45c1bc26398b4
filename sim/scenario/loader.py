"""From a scenario's name to a checked Scenario, or to all of its errors with their places.

Rules: the only exception that leaves is SpecError, whatever the file holds. Three checks report into one list:
the YAML itself (document.py), each value by its type (schema.py), and what needs two places of the file (here,
on the plain data, so that a wrong key elsewhere does not hide a wrong reference).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sim.device.model import ModelSpec, known_models, load_model
from sim.errors import Problem, SpecError
from sim.scenario import expect
from sim.scenario.document import Document, Place
from sim.scenario.expect import suggest
from sim.scenario.inherited import read_whole
from sim.scenario.matrix import filled, matrix_problems, settings_of
from sim.scenario.references import Finding, mapping, mappings, unknown
from sim.scenario.schema import Fleet, Scenario
from sim.scenario.schema_hosts import host_problems
from sim.scenario.schema_networks import SHAPES, network_problems
from sim.scenario.schema_outside import outside_problems
from sim.scenario.schema_steps import around_problems
from sim.scenario.schema_stubs import stub_problems
from sim.scenario.schema_users import USERS, User
from sim.scenario.settings import Setting, applied
from sim.scenario.sightings import SEEN_KINDS
from sim.scenario.thresholds import threshold_problems
from sim.scenario.values import DOCUMENT_CHARS, S3Object, parse_s3_url
from sim.shipped import scenarios_dir
from sim.update.methods import METHODS, MINI_SUFFIXES

FILE_BYTES = 1_000_000  # a scenario is a page or two; more is a mistake


def find_scenario(name: str) -> Path:
    """The file that `name` means: a path, or the bare name of a scenario that ships with qpyota."""
    given = Path(name)
    shipped = {file.stem: file for file in sorted(scenarios_dir().glob("*.yaml"))}
    try:
        if given.is_file():
            return given
        if name in shipped:
            return shipped[name]
        if given.is_dir():
            raise SpecError(f"{name} is a folder; name the scenario file in it")
    except (OSError, ValueError):  # too long a name, or a NUL in it
        pass
    hint = suggest(given.stem, shipped)
    raise SpecError(f"there is no scenario {name!r}{hint}\nscenarios that ship with qpyota: {', '.join(shipped)}")


def load_scenario(path: Path, settings: Sequence[Setting] = ()) -> Scenario:
    """The scenario in `path` with these settings, fully checked; SpecError holds every problem found."""
    return load_plain(path, settings)[1]


def load_plain(path: Path, settings: Sequence[Setting] = ()) -> tuple[dict[str, Any], Scenario]:
    """The same, with the plain data that it was read from, settings included."""
    document, data = read_whole(path, text_of)
    scenario: Scenario | None = None
    if not document.unreadable:
        data, document.settings = applied(data, settings)
        for place, message, offset in matrix_problems(data):
            _report_finding(document, place, message, offset)
        data = filled(data)
        try:
            scenario = Scenario.model_validate(data, context={"source": path, "settings": tuple(map(str, settings))})
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                report_invalid(document, detail)
        for place, message, offset in _Names(data, path.parent).problems():
            _report_finding(document, place, message, offset)
    problems = document.sorted_problems()
    if problems or scenario is None:
        raise SpecError(problems)
    return data, scenario


def _report_finding(document: Document, place: Place, message: str, offset: int) -> None:
    document.report(place, message, on_key=offset < 0, offset=offset if offset >= 0 else -1 - offset)


def matrix_settings(path: Path) -> list[tuple[Setting, ...]]:
    """What to set for each combination of the file's matrix; of none, and where it cannot be read, one that sets
    nothing."""
    document, data = read_whole(path, text_of)
    return [()] if document.unreadable else list(product(*settings_of(data)))


def has_choices(path: Path, settings: Sequence[Setting] = ()) -> bool:
    """Whether there are several runs in the file, as its matrix with these settings says; it is not checked further."""
    document, data = read_whole(path, text_of)
    return not document.unreadable and bool(settings_of(applied(data, settings)[0]))


def scenario_of(data: Mapping[str, Any], source: Path) -> Scenario:
    """The scenario that plain data is, as if it stood in the file `source`; SpecError tells the first problem."""
    try:
        scenario = Scenario.model_validate(data, context={"source": source})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = tuple(step for step in first["loc"] if step not in SHAPES)
        raise SpecError(f"{'.'.join(map(str, place))}: {_worded(first, place)}") from None
    for place, message, _ in _Names(data, source.parent).problems():
        raise SpecError(f"{'.'.join(map(str, place))}: {message}")
    return scenario


def load_users(path: Path) -> dict[str, User]:
    """Users by name from a file of their own, written as under `cloud.users`; SpecError holds every problem found."""
    document = Document(str(path), text_of(path), "users are a mapping, e.g. 'ann: {thing: meter-1, password: s3cret}'")
    data = document.read()
    users: dict[str, User] = {}
    if not document.unreadable:
        try:
            users = USERS.validate_python(data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                report_invalid(document, detail, dict[str, User])
        if not document.problems and not users:
            document.report((), "there are no users in it")
    if document.problems:
        raise SpecError(document.sorted_problems())
    return users


def text_of(path: Path) -> str:
    """The text of a file that is to be read as YAML; SpecError when there is none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from None
    if len(raw) > FILE_BYTES:
        raise SpecError(f"{path} has {len(raw)} bytes; a scenario has at most {FILE_BYTES}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError([Problem(str(path), line, 1, "the file is not UTF-8")]) from None


# --- what one value says about itself ---------------------------------------------------------------------

_WORDS = {
    "string_type": "this must be text; put it in quotes",
    "int_type": "this must be a whole number",
    "dict_type": "this must be a mapping of keys",
    "model_type": "this must be a mapping of keys",
    "tuple_type": "this must be a list",
    "too_short": "this list must not be empty",
}


def report_invalid(document: Document, detail: ErrorDetails, kind: Any = Scenario) -> None:
    """A problem that pydantic found in a `kind`, at its place and in our words."""
    place = tuple(step for step in detail["loc"] if step not in SHAPES)
    if detail["type"] == "too_short" and detail["input"]:
        return  # pydantic's echo of wrong items, which are told themselves
    if detail["type"] == "extra_forbidden":
        document.report(place, _worded(detail, place, kind), on_key=True)
    elif detail["type"] == "missing":
        document.report(place[:-1], f"key {str(place[-1])!r} is missing", on_key=True)
    else:
        document.report(place, _worded(detail, place))


def _worded(detail: ErrorDetails, place: Place, kind: Any = Scenario) -> str:
    if detail["type"] == "extra_forbidden":
        known = _known_keys(kind, place[:-1])
        return f"unknown key {str(place[-1])!r}" + (suggest(str(place[-1]), known) or f"; there are {', '.join(known)}")
    if detail["input"] is None:
        return "a value is missing here"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] in ("literal_error", "enum"):
        expected = detail["ctx"]["expected"]
        hint = suggest(str(detail["input"]), re.findall(r"'([^']*)'", expected))
        return f"{detail['input']!r} is not {expected}{hint}"
    message = detail["msg"]
    return _WORDS.get(detail["type"], message[:1].lower() + message[1:])


def _known_keys(kind: Any, place: Place) -> list[str]:
    """Keys that may stand in the mapping at `place` inside a `kind`, read off the models."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
        if not place:
            return list(fields)
        return _known_keys(fields.get(str(place[0])), place[1:])
    if get_origin(kind) is Annotated:
        return _known_keys(get_args(kind)[0], place)
    inner = [argument for argument in get_args(kind) if argument not in (..., type(None), str)]
    if not inner:
        return []
    is_optional = type(None) in get_args(kind)
    return _known_keys(inner[-1], place if is_optional else place[1:])


# --- what needs two places of the file --------------------------------------------------------------------


class _Names:
    """The names a scenario defines and uses, from its plain data; parts of a wrong type are passed over."""

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
        for _, entry in self._fleet:
            if body.get("device") in (*_device_names(entry), entry.get("group")) and "partition" in body:
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
