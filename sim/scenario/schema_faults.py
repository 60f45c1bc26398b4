"""The faults of a scenario, as typed values: what happens to devices, and what the artifact server does wrong.

A fault of devices names a `device` or a group and a moment (`when`); a `share` of the group is drawn, each device for
itself, or `together`. It happens once, or again `every` so often, `times` in all.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt, model_validator

from sim.flash.torn import Torn
from sim.scenario.schema_artifact_faults import (
    ConnectionReset,
    CorruptObject,
    HttpStatus,
    IgnoredRange,
    ObjectMissing,
    RateLimited,
    Redirected,
    Stalled,
    Truncated,
    WrongLength,
)
from sim.scenario.values import (
    CountRange,
    DurationUs,
    Millivolts,
    RateBytesPerS,
    Share,
    SizeBytes,
    Spec,
    exactly_one,
    more_than_nothing,
)

Phase = Literal["download", "verify", "apply", "mini_download", "stream", "app_download", "app_copy"]

Op = Literal["flash.erase", "flash.program", "http.chunk", "mqtt.pub"]

Event = Literal[
    "job.QUEUED", "job.IN_PROGRESS", "job.SUCCEEDED", "job.FAILED", "job.REJECTED", "job.TIMED_OUT", "job.CANCELED",
    "power.on", "boot", "reset", "mini.boot", "mqtt.connect", "mqtt.connack", "update.requested", "app.staged",
]  # fmt: skip
"""The status of a device's execution becomes this; or a record of this kind is in the device's trace."""


class When(Spec):
    """The moment of a fault: a time; the nth operation (of a phase); a point of a phase; or the nth event.

    `nth` counts from 1, among the operations of that kind, in that phase if one is given; of a range each device draws
    its own.
    """

    at_us: DurationUs | None = Field(default=None, alias="at")
    op: Op | None = None
    nth: CountRange | None = None
    phase: Phase | None = None
    progress: Share | None = None
    event: Event | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> When:
        shapes = ({"at_us"}, {"op", "nth"}, {"op", "phase", "nth"}, {"phase", "progress"}, {"event"}, {"event", "nth"})
        if self.model_fields_set not in shapes:
            raise ValueError("'when' is {at}, {op, nth}, {op, phase, nth}, {phase, progress}, {event} or {event, nth}")
        return self


class PowerLost(Spec):
    """Mains lost, for `off_for`."""

    off_for_us: DurationUs = Field(default=10_000_000, alias="off_for")


class SignalLost(Spec):
    """The radio network is gone, for `for`."""

    for_us: DurationUs = Field(alias="for")


class Repeated(Spec):
    """Something that happens once, or again `every` so often, `times` in all."""

    every_us: Annotated[DurationUs, AfterValidator(more_than_nothing)] | None = Field(default=None, alias="every")
    times: Annotated[StrictInt, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _again(self) -> Repeated:
        if self.times is not None and self.every_us is None:
            raise ValueError("'times' needs 'every'")
        return self


class Selected(Repeated):
    """About a `share` of the devices, all if it is left out.

    Each draws for itself, by seed, name and number of the fault; `together: all` is one draw for all of them,
    `together: cell` one for those in the same cell of the same network.
    """

    share: Share | None = None
    together: Literal["all", "cell"] | None = None

    @model_validator(mode="after")
    def _shared(self) -> Selected:
        if self.together is not None and self.share is None:
            raise ValueError("'together' needs 'share'")
        return self


class DeviceFaultSpec(Selected):
    """A fault of a `device`, or of each of a group, at a moment."""

    device: str
    when: When


class PowerCut(PowerLost, DeviceFaultSpec):
    """Mains lost. `torn` is what the flash operation in flight leaves behind."""

    torn: Torn = Torn.PREFIX


class BrownOut(DeviceFaultSpec):
    """The supply dips, and the module starts again once it is back, `for` later."""

    for_us: DurationUs = Field(default=200_000, alias="for")
    torn: Torn = Torn.PREFIX


class LinkLoss(SignalLost, DeviceFaultSpec):
    """The radio network is gone."""


class CellOutage(SignalLost, Repeated):
    """A cell of a `network` is gone with all devices in it: number `cell`, from 0, or one that is drawn."""

    network: str
    cell: Annotated[StrictInt, Field(ge=0)] | None = None
    at_us: DurationUs = Field(alias="at")


class BrokerDown(SignalLost, Repeated):
    """The broker closes every connection and takes no new one."""

    at_us: DurationUs = Field(alias="at")


class LowBattery(DeviceFaultSpec):
    """The supply sinks to the `level` of a cell or to a `voltage`, for good or `for` a time."""

    level: Share | None = None
    voltage_mv: Millivolts | None = Field(default=None, alias="voltage")
    for_us: DurationUs | None = Field(default=None, alias="for")

    @model_validator(mode="after")
    def _one(self) -> LowBattery:
        exactly_one(self, "level", "voltage_mv")
        return self


class FsFull(DeviceFaultSpec):
    """The volume at `path` is filled until no more than `free` is left, in whole blocks."""

    free_bytes: SizeBytes = Field(default=0, alias="free")
    path: Literal["/usr"] = "/usr"


class BadBlock(DeviceFaultSpec):
    """A sector of a `partition` neither erases nor programs any more, from the next start on. `sector`: from 0."""

    partition: str
    sector: Annotated[StrictInt, Field(ge=0)] | None = None


class CorruptDownload(DeviceFaultSpec):
    """The next bytes that the device downloads come with so many bits flipped."""

    flip_bits: Annotated[StrictInt, Field(ge=1, le=1000)] = 1


class Truncate(DeviceFaultSpec):
    """The next download ends `after` so many bytes of its answer."""

    after_bytes: SizeBytes = Field(default=0, alias="after")


class Stall(DeviceFaultSpec):
    """The next download stands still `for` a time before its end; a client whose patience is less gives up."""

    for_us: DurationUs = Field(alias="for")


class Throttled(DeviceFaultSpec):
    """The operator holds the device to a `rate`, both ways, for good or `for` a time."""

    rate_bytes_per_s: Annotated[RateBytesPerS, AfterValidator(more_than_nothing)] = Field(alias="rate")
    for_us: DurationUs | None = Field(default=None, alias="for")


class ClockSkew(DeviceFaultSpec):
    """The real-time clock is suddenly `ahead` or `behind`."""

    ahead_us: DurationUs | None = Field(default=None, alias="ahead")
    behind_us: DurationUs | None = Field(default=None, alias="behind")

    @model_validator(mode="after")
    def _one(self) -> ClockSkew:
        exactly_one(self, "ahead_us", "behind_us")
        return self


class UrlExpired(Selected):
    """Presigned URLs have expired by the time they are used: all of an object (`bucket`, `key`), or the next one that a
    `device` uses, as of any fault of devices."""

    bucket: str | None = None
    key: str | None = None
    device: str | None = None
    when: When | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> UrlExpired:
        given = self.model_fields_set
        if given != {"bucket", "key"} and (not {"device", "when"} <= given or given & {"bucket", "key"}):
            raise ValueError("'url_expired' is {bucket, key}, or {device, when} as of other faults of devices")
        return self


class Fault(Spec):
    """One fault: a mapping with one key, its kind."""

    power_cut: PowerCut | None = None
    brown_out: BrownOut | None = None
    link_loss: LinkLoss | None = None
    cell_outage: CellOutage | None = None
    broker_down: BrokerDown | None = None
    low_battery: LowBattery | None = None
    fs_full: FsFull | None = None
    bad_block: BadBlock | None = None
    corrupt_download: CorruptDownload | None = None
    truncate: Truncate | None = None
    stall: Stall | None = None
    throttled: Throttled | None = None
    clock_skew: ClockSkew | None = None
    url_expired: UrlExpired | None = None
    object_missing: ObjectMissing | None = None
    corrupt_object: CorruptObject | None = None
    rate_limited: RateLimited | None = None
    stalled: Stalled | None = None
    truncated: Truncated | None = None
    connection_reset: ConnectionReset | None = None
    wrong_length: WrongLength | None = None
    ignored_range: IgnoredRange | None = None
    http_status: HttpStatus | None = None
    redirected: Redirected | None = None

    @model_validator(mode="after")
    def _one(self) -> Fault:
        exactly_one(self, *type(self).model_fields)
        return self

    @property
    def kind(self) -> str:
        """Which fault it is."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def on_devices(self) -> DeviceFaultSpec | UrlExpired | None:
        """What is to happen to devices that are named; None for a fault of anything else."""
        body = getattr(self, self.kind)
        named = isinstance(body, DeviceFaultSpec) or (isinstance(body, UrlExpired) and body.device is not None)
        return body if named else None
