"""The faults of a scenario, as typed values: what happens to a device, and what the artifact server does wrong.

An artifact fault names one object. It acts on every answer that carries bytes of it, or on the first `times` of them,
from the time `from` on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator

from sim.flash.torn import Torn
from sim.scenario.values import DurationUs, RateBytesPerS, Share, SizeBytes, Spec, exactly_one

Phase = Literal["download", "verify", "apply", "mini_download", "stream", "app_download", "app_copy"]


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


class PowerLost(Spec):
    """Mains lost, for `off_for`."""

    off_for_us: DurationUs = Field(default=10_000_000, alias="off_for")


class PowerCut(PowerLost):
    """Mains lost at `when`, on a device or on each of a group, or on about a `share` of the group.

    Each device draws for itself, by seed, name and number of the fault. `torn` is what the flash operation in flight
    leaves behind.
    """

    device: str
    share: Share | None = None
    when: When
    torn: Torn = Torn.PREFIX


class SignalLost(Spec):
    """The radio network is gone, for `for`."""

    for_us: DurationUs = Field(alias="for")


class LinkLoss(SignalLost):
    """The radio network is gone at `when` (a time, or a point of a phase); `share` as of a power cut."""

    device: str
    share: Share | None = None
    when: When

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


class ServerFault(Spec):
    """Base of the faults in the answers of the artifact server."""

    bucket: str
    key: str
    times: Annotated[StrictInt, Field(ge=1)] | None = None
    from_us: DurationUs = Field(default=0, alias="from")


class RateLimited(ServerFault):
    """Answers come no faster than `rate`."""

    rate_bytes_per_s: Annotated[RateBytesPerS, Field(ge=1)] = Field(alias="rate")


class Stalled(ServerFault):
    """The server falls silent `for` a time before byte `after` of the object."""

    after_bytes: SizeBytes = Field(alias="after")
    for_us: DurationUs = Field(alias="for")


class Truncated(ServerFault):
    """The connection is closed before byte `after` of the object, though Content-Length promised more."""

    after_bytes: SizeBytes = Field(alias="after")


class ConnectionReset(ServerFault):
    """The connection is reset before byte `after` of the object."""

    after_bytes: SizeBytes = Field(alias="after")


class WrongLength(ServerFault):
    """Content-Length says `says`, more or less than what is sent."""

    says_bytes: SizeBytes = Field(alias="says")


class IgnoredRange(ServerFault):
    """A request for a range is answered 200 with the whole object."""


class HttpStatus(ServerFault):
    """An error answer in place of the object."""

    status: Annotated[StrictInt, Field(ge=400, le=599)]


class Redirected(ServerFault):
    """The object is said to be elsewhere, on this host or another."""

    to: str
    status: Literal[301, 302, 303, 307, 308] = 307


class Fault(Spec):
    """One fault: a mapping with one key, its kind."""

    power_cut: PowerCut | None = None
    link_loss: LinkLoss | None = None
    object_missing: ObjectMissing | None = None
    corrupt_object: CorruptObject | None = None
    url_expired: UrlExpired | None = None
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
