"""The scenario language, as typed values. Reading files and pointing at errors is the loader's work.

Rules: every quantity has its unit in the text and in the field's name; unknown keys are errors; AWS words
keep AWS's spelling in YAML. Paths are relative to the scenario file, and are absolute once validated. What
one value can say about itself is checked here; what needs two places of the file is checked in the loader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictInt,
    ValidationInfo,
    model_validator,
)

from sim.errors import SpecError
from sim.flash.torn import Torn
from sim.pack.opaque import load_note
from sim.units import parse_duration_us, parse_share, parse_size_bytes

DOCUMENT_CHARS = 32_768  # AWS IoT Jobs limit of a job document
NAME_PATTERN = r"[a-zA-Z0-9:_-]{1,128}"  # AWS thing names
BUCKET_PATTERN = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"  # S3 bucket names
JOB_PATTERN = r"[a-zA-Z0-9_-]{1,64}"  # AWS job ids
_BUCKET_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-][a-z0-9-]+\.amazonaws\.com")
_PATH_HOST = re.compile(r"s3[.-][a-z0-9-]+\.amazonaws\.com")


class S3Object(NamedTuple):
    """One object of the embedded artifact server."""

    bucket: str
    key: str


def parse_s3_url(url: str) -> S3Object:
    """`https://BUCKET.s3.REGION.amazonaws.com/KEY`, or the path form → bucket and key; else ValueError."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    host = parts.hostname or ""
    if parts.scheme == "https" and path:
        if _PATH_HOST.fullmatch(host) and "/" in path:
            bucket, key = path.split("/", 1)
            return S3Object(bucket, key)
        if match := _BUCKET_HOST.fullmatch(host):
            return S3Object(match["bucket"], path)
    raise ValueError(f"{url!r} is not an S3 URL like https://BUCKET.s3.REGION.amazonaws.com/KEY")


def _existing(path: str, info: ValidationInfo) -> Path:
    """The absolute path, taken from the scenario's folder."""
    if not path or "\0" in path:
        raise ValueError(f"{path!r} is not a path")
    base: Path = info.context["source"].parent if info.context else Path()
    found = (base / path).resolve()
    if not found.exists():
        raise ValueError(f"there is no {path!r} beside the scenario, in {base}")
    return found


def _file(path: str, info: ValidationInfo) -> Path:
    found = _existing(path, info)
    if not found.is_file():
        raise ValueError(f"{path!r} is not a file")
    return found


def _folder(path: str, info: ValidationInfo) -> Path:
    found = _existing(path, info)
    if not found.is_dir():
        raise ValueError(f"{path!r} is not a folder")
    return found


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}: it must match {pattern}")
        return text

    return check


def _document(value: Any) -> str:
    """A job document as JSON text, whether it was written as text or as YAML values."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError as error:
            raise ValueError(f"the job document is not JSON: {error}") from None
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    if len(text) > DOCUMENT_CHARS:
        raise ValueError(f"the job document has {len(text)} characters; AWS allows {DOCUMENT_CHARS}")
    return text


def _exactly_one(model: BaseModel, *names: str) -> None:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        words = [type(model).model_fields[name].alias or name for name in names]
        raise ValueError(f"give exactly one of {', '.join(words)}")


DurationUs = Annotated[int, BeforeValidator(parse_duration_us)]
SizeBytes = Annotated[int, BeforeValidator(parse_size_bytes)]
Share = Annotated[float, BeforeValidator(parse_share)]
FilePath = Annotated[Path, BeforeValidator(_file)]
FolderPath = Annotated[Path, BeforeValidator(_folder)]
ThingName = Annotated[str, AfterValidator(_matching(NAME_PATTERN, "a thing name"))]
JobId = Annotated[str, AfterValidator(_matching(JOB_PATTERN, "a job id"))]
BucketName = Annotated[str, AfterValidator(_matching(BUCKET_PATTERN, "a bucket name"))]
S3Url = Annotated[S3Object, BeforeValidator(parse_s3_url)]
JobDocument = Annotated[str, BeforeValidator(_document)]
UmqttProfile = Annotated[Literal["current", "2021", "upstream"], BeforeValidator(_text)]
Phase = Literal["download", "verify", "apply", "mini_download", "stream", "app_download", "app_copy"]


class Spec(BaseModel):
    """Base of all parts of a scenario: frozen, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fleet(Spec):
    """Devices of one kind: one by `name`, or `count` of them in a `group`.

    `script` is a folder copied to /usr, whose main.py runs on boot; `agent: modelled` is the built-in application
    in its place. The network is the one of the model.
    """

    name: ThingName | None = None
    group: ThingName | None = None
    count: Annotated[StrictInt, Field(ge=1, le=100_000)] = 1
    model: str
    firmware: str
    script: FolderPath | None = None
    agent: Literal["modelled"] | None = None
    umqtt: UmqttProfile = "current"

    @model_validator(mode="after")
    def _named(self) -> Fleet:
        if self.name is None and self.group is None:
            raise ValueError("a fleet entry needs 'name' (one device) or 'group' (any number)")
        if self.name is not None and self.count > 1:
            raise ValueError("'name' is for one device; use 'group' with 'count'")
        if self.script is not None and self.agent is not None:
            raise ValueError("a fleet entry has a 'script' or an 'agent', not both")
        return self

    def devices(self) -> tuple[str, ...]:
        """Names of the devices, which are also their thing names: `NAME`, or `GROUP-00001` and on."""
        if self.name is not None:
            return (self.name,)
        return tuple(f"{self.group}-{index:05}" for index in range(1, self.count + 1))


class Package(Spec):
    """A firmware package to build: `from` one version `to` another (differential, minimal), or `to` alone (full).

    A minimal one is a pair of files: bucket keys that hold it end in `.mini_1` and `.mini_2`. `wrapped` alone is a
    vendor's own package: the note that `qpyota pkg wrap` wrote, which tells method and versions.
    """

    method: Literal["differential", "full", "minimal"] = "differential"
    from_version: str | None = Field(default=None, alias="from")
    to_version: str = Field(default="", alias="to")
    wrapped: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _told_by_note(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict) or "wrapped" not in data:
            return data
        if len(data) > 1:
            raise ValueError("'wrapped' stands alone: its note tells the method and the versions")
        path = _file(str(data["wrapped"]), info)
        try:
            note, _ = load_note(path)
        except SpecError as error:
            raise ValueError(str(error)) from None
        base = note.base_version or None
        return {"method": note.method, "from": base, "to": note.target_version, "wrapped": path}

    @model_validator(mode="after")
    def _base(self) -> Package:
        if not self.to_version:
            raise ValueError("a package needs 'to', the version it leads to")
        if (self.method == "full") != (self.from_version is None):
            needs = "has no 'from'" if self.method == "full" else "needs 'from', its base version"
            raise ValueError(f"a {self.method} package {needs}")
        return self


class Object(Spec):
    """Content of one bucket key: a built package, a file beside the scenario, or text."""

    package: str | None = None
    file: FilePath | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Object:
        _exactly_one(self, "package", "file", "text")
        return self


class Cloud(Spec):
    """The embedded cloud's content: bucket → key → object. Objects of `public` buckets need no signed URL."""

    buckets: dict[BucketName, dict[str, Object]] = {}
    public: tuple[str, ...] = ()


class PresignedUrlConfig(Spec):
    """AWS's own keys; `roleArn` is accepted and not looked at, since the embedded cloud has no roles."""

    role_arn: str | None = Field(default=None, alias="roleArn")
    expires_s: Annotated[StrictInt, Field(ge=60, le=3600)] = Field(default=3600, alias="expiresInSec")


class Job(Spec):
    """A CreateJob call made `at` a time after the start; `targets` are device names or groups.

    `document` is JSON text; an S3 URL in `documentSource` is read once, when the job is created.
    """

    job_id: JobId = Field(alias="jobId")
    at_us: DurationUs = Field(default=0, alias="at")
    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    document: JobDocument | None = None
    document_source: S3Url | None = Field(default=None, alias="documentSource")
    presigned: PresignedUrlConfig | None = Field(default=None, alias="presignedUrlConfig")

    @model_validator(mode="after")
    def _one(self) -> Job:
        _exactly_one(self, "document", "document_source")
        return self


class When(Spec):
    """The moment of a fault: a time; the nth flash operation (of a phase); or a point of a phase.

    `nth` counts from 1, among the operations of that kind, in that phase if one is given.
    """

    at_us: DurationUs | None = Field(default=None, alias="at")
    op: Literal["flash.erase", "flash.program"] | None = None
    nth: Annotated[StrictInt, Field(ge=1)] | None = None
    phase: Phase | None = None
    progress: Share | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> When:
        given = self.model_fields_set
        shapes = ({"at_us"}, {"op", "nth"}, {"op", "phase", "nth"}, {"phase", "progress"})
        if given not in shapes:
            raise ValueError("'when' is {at}, {op, nth}, {op, phase, nth} or {phase, progress}")
        return self


class PowerCut(Spec):
    """Mains lost at `when`, for `off_for`, on a device or on each of a group.

    `torn` is what the flash operation in flight leaves behind.
    """

    device: str
    when: When
    torn: Torn = Torn.PREFIX
    off_for_us: DurationUs = Field(default=10_000_000, alias="off_for")


class LinkLoss(Spec):
    """The radio network is gone at `when` (a time, or a point of a phase), for `for`."""

    device: str
    when: When
    for_us: DurationUs = Field(alias="for")

    @model_validator(mode="after")
    def _not_an_op(self) -> LinkLoss:
        if self.when.op is not None:
            raise ValueError("'when' of a link_loss is {at} or {phase, progress}")
        return self


class ObjectMissing(Spec):
    """The object is not in the bucket (URLs are still signed, as on AWS)."""

    bucket: str
    key: str


class CorruptObject(Spec):
    """One bit of the object is flipped, at `offset`; in its middle if none is given."""

    bucket: str
    key: str
    offset_bytes: SizeBytes | None = Field(default=None, alias="offset")


class UrlExpired(Spec):
    """Every presigned URL of the object has expired by the time it is used."""

    bucket: str
    key: str


class Fault(Spec):
    """One fault: a mapping with one key, its kind."""

    power_cut: PowerCut | None = None
    link_loss: LinkLoss | None = None
    object_missing: ObjectMissing | None = None
    corrupt_object: CorruptObject | None = None
    url_expired: UrlExpired | None = None

    @model_validator(mode="after")
    def _one(self) -> Fault:
        _exactly_one(self, "power_cut", "link_loss", "object_missing", "corrupt_object", "url_expired")
        return self


class Scenario(Spec):
    """A whole scenario. `duration` is the limit of simulated time."""

    version: Literal[1]
    name: Annotated[str, AfterValidator(_matching(r"[a-z0-9][a-z0-9_-]{0,63}", "a scenario name"))]
    description: str = ""
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 1
    duration_us: DurationUs = Field(default=3_600_000_000, alias="duration")
    fleet: Annotated[tuple[Fleet, ...], Field(min_length=1)]
    packages: dict[str, Package] = {}
    cloud: Cloud = Cloud()
    jobs: tuple[Job, ...] = ()
    faults: tuple[Fault, ...] = ()
    expect: tuple[str, ...] = ()
    _source: Path = PrivateAttr(default=Path())

    def model_post_init(self, context: Any) -> None:
        """Remember which file this is."""
        if context:
            self._source = context["source"]

    @property
    def source(self) -> Path:
        """The file it was read from."""
        return self._source

    def things(self, target: str) -> tuple[str, ...]:
        """Device names behind a job's target: the device itself, or the members of the group."""
        return tuple(name for entry in self.fleet for name in entry.devices() if target in (entry.group, name))
