"""What the artifact server does wrong, as typed values.

A fault names one object. It acts on every answer that carries bytes of it, or on the first `times` of them, from the
time `from` on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from sim.scenario.values import DurationUs, RateBytesPerS, SizeBytes, Spec


class ObjectMissing(Spec):
    """The object is not in the bucket (URLs are still signed, as on AWS)."""

    bucket: str
    key: str


class CorruptObject(Spec):
    """One bit of the object is flipped, at `offset`; in its middle if none is given."""

    bucket: str
    key: str
    offset_bytes: SizeBytes | None = Field(default=None, alias="offset")


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
