"""The scenario language, as typed values. Reading files and pointing at errors is the loader's work.

Rules: every quantity has its unit in the text and in the field's name; unknown keys are errors; AWS words
keep AWS's spelling in YAML. What one value can say about itself is checked here and in the schema_* files; what needs
two places of the file is checked in the loader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StrictInt, ValidationInfo, model_validator

from sim.errors import SpecError
from sim.pack.opaque import load_note
from sim.scenario.schema_faults import Fault
from sim.scenario.schema_hosts import Hosts
from sim.scenario.schema_jobs import Job
from sim.scenario.schema_networks import Network, NetworkName
from sim.scenario.schema_outside import AwsIot, OutsideBroker
from sim.scenario.schema_reports import Report, Thresholds
from sim.scenario.schema_rules import Rules
from sim.scenario.schema_steps import DeviceStep, PeerSpec
from sim.scenario.schema_stubs import StubsSpec
from sim.scenario.schema_users import User, UserName
from sim.scenario.schema_whatif import WhatIf
from sim.scenario.values import (
    ANYTHING,
    TEXT,
    BucketName,
    DurationUs,
    FilePath,
    FolderPath,
    Generation,
    LineEnd,
    Millivolts,
    Number,
    RuntimeName,
    Share,
    ShareRange,
    Spec,
    ThingName,
    UmqttProfile,
    exactly_one,
    matching,
    parse_file,
    parse_line_end,
)

UART_PORTS = range(5)
"""UART0 to UART4."""


class Battery(Spec):
    """A steady `voltage`, or a cell of a `level`, drawn for each device when it is a range."""

    voltage_mv: Millivolts | None = Field(default=None, alias="voltage")
    level: ShareRange | None = None

    @model_validator(mode="after")
    def _one(self) -> Battery:
        exactly_one(self, "voltage_mv", "level")
        return self


class Start(Spec):
    """When devices get their power: one after another within `ramp`, and each up to `jitter` later."""

    ramp_us: DurationUs = Field(default=0, alias="ramp")
    jitter_us: DurationUs = Field(default=0, alias="jitter")


def _shares(value: Any) -> Any:
    return {value: "100%"} if isinstance(value, str) else value


def _whole(shares: dict[str, float]) -> dict[str, float]:
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"the shares come to {sum(shares.values()) * 100:g}%, not to 100%")
    return shares


NetworkShares = Annotated[dict[str, Share], BeforeValidator(_shares), AfterValidator(_whole), ANYTHING]


class Fleet(Spec):
    """Devices of one kind: one by `name`, or `count` of them in a `group`. Named ones may share a group.

    `script` is a folder copied to /usr, whose main.py runs on boot, `backup` one for /bak; `agent: modelled` is the
    built-in application in its place. `stubs` are answers of modules that are not emulated. `uart` leads serial ports
    out of a paced run: to a `pty`, or to `tcp:PORT` of this machine. `generation`
    is the firmware that a script sees, the model's own when it is left out; `umqtt` another MQTT client than the
    generation's. `alias` is the thing name that stands in the script, in whose place each device's own name goes over
    the network. `runtime` is what interprets the script. `network` is one name, or names with shares that come to
    100%, drawn for each device.
    """

    name: ThingName | None = None
    group: ThingName | None = None
    count: Annotated[StrictInt, Field(ge=1, le=100_000)] = 1
    model: str
    firmware: str
    script: FolderPath | None = None
    backup: FolderPath | None = None
    agent: Literal["modelled"] | None = None
    generation: Generation | None = None
    umqtt: UmqttProfile | None = None
    alias: ThingName | None = None
    uart: dict[Number, Annotated[LineEnd, BeforeValidator(parse_line_end), TEXT]] = Field(default_factory=dict)
    stubs: StubsSpec = Field(default_factory=dict)
    runtime: RuntimeName = "greenlet"
    network: NetworkShares | None = None
    battery: Battery | None = None
    start: Start = Start()

    _devices: tuple[str, ...] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _named(self) -> Fleet:
        if self.name is None and self.group is None:
            raise ValueError("a fleet entry needs 'name' (one device) or 'group' (any number)")
        if self.name is not None and self.count > 1:
            raise ValueError("'name' is for one device; use 'group' with 'count'")
        if self.script is not None and self.agent is not None:
            raise ValueError("a fleet entry has a 'script' or an 'agent', not both")
        if any(end.port for end in self.uart.values()) and self.count > 1:
            raise ValueError("one TCP port is for one device: use 'pty', which each device has its own of, or 'name'")
        if any(port not in UART_PORTS for port in self.uart):
            raise ValueError(f"serial ports are {UART_PORTS[0]} to {UART_PORTS[-1]}")
        if self.alias is not None and self.script is None:
            raise ValueError("'alias' is the thing name that a 'script' has; without a script there is none")
        return self

    def devices(self) -> tuple[str, ...]:
        """Names of the devices, which are also their thing names: `NAME`, or `GROUP-00001` and on."""
        if self._devices is None:
            named = tuple([f"{self.group}-{index:05}" for index in range(1, self.count + 1)])
            self._devices = named if self.name is None else (self.name,)
        return self._devices


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
        path = parse_file(str(data["wrapped"]), info)
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
        exactly_one(self, "package", "file", "text")
        return self


class Cloud(Spec):
    """The embedded cloud's content: bucket → key → object. Objects of `public` buckets need no signed URL.

    `users` are those who may come with a password in place of a certificate.
    `broker` has devices and the Jobs service meet on a broker outside; with `aws` there is no cloud of ours at all.
    """

    buckets: dict[BucketName, dict[str, Object]] = Field(default_factory=dict)
    public: tuple[str, ...] = ()
    rules: Rules = Rules()
    users: dict[UserName, User] = Field(default_factory=dict)
    broker: OutsideBroker | None = None
    aws: AwsIot | None = None


class Shards(Spec):
    """Of a run whose devices are in several processes (`--shards`): what happens when one is lost for good.

    The run stops and is incomplete, or goes on without its devices, which do not count as failed.
    """

    on_loss: Literal["stop", "continue"] = "stop"


class Scenario(Spec):
    """A whole scenario. `duration` is the limit of simulated time. `extends` and `matrix` are used up by the loader."""

    version: Literal[1]
    name: Annotated[str, AfterValidator(matching(r"[a-z0-9][a-z0-9_-]{0,63}", "a scenario name"))]
    description: str = ""
    extends: str | None = None
    matrix: dict[str, Any] = Field(default_factory=dict)
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 1
    duration_us: DurationUs = Field(default=3_600_000_000, alias="duration")
    fleet: Annotated[tuple[Fleet, ...], Field(min_length=1)]
    networks: dict[NetworkName, Network] = Field(default_factory=dict)
    packages: dict[str, Package] = Field(default_factory=dict)
    cloud: Cloud = Cloud()
    jobs: tuple[Job, ...] = ()
    faults: tuple[Fault, ...] = ()
    steps: tuple[DeviceStep, ...] = ()
    peers: tuple[PeerSpec, ...] = ()
    hosts: Hosts = Field(default_factory=dict)
    expect: tuple[str, ...] = ()
    thresholds: Thresholds = Field(default_factory=dict)
    report: Report = Report()
    whatif: WhatIf | None = None
    shards: Shards = Shards()
    _source: Path = PrivateAttr(default=Path())
    _settings: tuple[str, ...] = PrivateAttr(default=())

    def model_post_init(self, context: Any) -> None:
        """Remember which file this is, and what was set besides."""
        if context:
            self._source = context["source"]
            self._settings = context.get("settings", ())

    @property
    def source(self) -> Path:
        """The file it was read from."""
        return self._source

    @property
    def settings(self) -> tuple[str, ...]:
        """What the command line put in place of the file's values, as `WAY=VALUE`."""
        return self._settings

    def things(self, target: str) -> tuple[str, ...]:
        """Device names behind a job's target: the device itself, or the members of the group."""
        return tuple(name for entry in self.fleet for name in entry.devices() if target in (entry.group, name))
