"""The computers that devices talk to over the network, beside the cloud: `hosts`, as typed values.

A host listens over TCP or UDP, dials a device, or is a web or file server. What it says on a connection is a list of
moves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictInt, model_validator

from sim.scenario.references import Finding, mappings, unknown
from sim.scenario.values import DurationUs, HexBytes, SizeBytes, Spec, exactly_one, matching

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,31}"
HOST_PATTERN = r"(?!.*amazonaws\.com$)[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
FILL_BYTES = 16 * 1024 * 1024  # more would only fill the memory of the machine

PortNumber = Annotated[StrictInt, Field(ge=1, le=65_535)]
HostName = Annotated[str, AfterValidator(matching(HOST_PATTERN, "a host name outside amazonaws.com"))]


class Place(Spec):
    """Where a host listens: a name or an IPv4 address, and a port. With `tls` clients have to shake hands first."""

    host: HostName
    port: PortNumber
    tls: bool = False


class FtpPlace(Spec):
    """Where a file server listens, the bucket that it serves, and who may log in."""

    host: HostName
    port: PortNumber = 21
    bucket: str
    user: Annotated[str, AfterValidator(matching(r"[^\s:@/]+", "a name that fits an address"))] = "anonymous"
    password: Annotated[str, AfterValidator(matching(r"[^\s@/]+", "a word that fits an address"))] = "anonymous"


class UdpPlace(Spec):
    """Where a host takes datagrams."""

    host: HostName
    port: PortNumber


class Dial(Spec):
    """A connection to a listening device, `at` a time after the start, again every `every` until it has come about."""

    device: str
    port: PortNumber
    at_us: DurationUs = Field(default=0, alias="at")
    every_us: Annotated[DurationUs, Field(ge=1)] | None = Field(default=None, alias="every")


class MoveSpec(Spec):
    """One thing to do: wait for bytes (`expect`, `expect_hex`, `receive` so many), `send` them (`send_hex`, or `fill`
    with so many), `wait`, or `then` echo, finish, close, reset."""

    expect: Annotated[str, Field(min_length=1)] | None = None
    expect_hex: Annotated[HexBytes, Field(min_length=1)] | None = None
    receive_bytes: Annotated[SizeBytes, Field(ge=1)] | None = Field(default=None, alias="receive")
    within_us: DurationUs | None = Field(default=None, alias="within")
    send: str | None = None
    send_hex: HexBytes | None = None
    fill_bytes: Annotated[SizeBytes, Field(ge=1, le=FILL_BYTES)] | None = Field(default=None, alias="fill")
    wait_us: DurationUs | None = Field(default=None, alias="wait")
    then: Literal["echo", "finish", "close", "reset"] | None = None

    @model_validator(mode="after")
    def _shape(self) -> MoveSpec:
        awaited = ("expect", "expect_hex", "receive_bytes")
        exactly_one(self, *awaited, "send", "send_hex", "fill_bytes", "wait_us", "then")
        if self.within_us is not None and all(getattr(self, name) is None for name in awaited):
            raise ValueError("'within' goes with 'expect', 'expect_hex' or 'receive'")
        return self


class Path(Spec):
    """What a web server answers to one path. `method` left out: any. `framing` says how the body ends."""

    method: Annotated[str, AfterValidator(matching(r"[A-Z]+", "an HTTP method"))] | None = None
    status: Annotated[StrictInt, Field(ge=100, le=599)] = 200
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    fill_bytes: Annotated[SizeBytes, Field(ge=1, le=FILL_BYTES)] | None = Field(default=None, alias="fill")
    framing: Literal["length", "chunked", "close"] = "length"
    delay_us: DurationUs = Field(default=0, alias="delay")

    @model_validator(mode="after")
    def _one_body(self) -> Path:
        if self.body and self.fill_bytes is not None:
            raise ValueError("give 'body' or 'fill', not both")
        for name, value in self.headers.items():
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or "\n" in value or "\r" in value:
                raise ValueError(f"{name!r} is not a header that HTTP can carry")
        return self


class HostSpec(Spec):
    """One host: `tcp` or `dial` with `moves`, `udp` with `moves`, `http` with `paths`, or `ftp`."""

    tcp: Place | None = None
    udp: UdpPlace | None = None
    dial: Dial | None = None
    http: Place | None = None
    ftp: FtpPlace | None = None
    moves: tuple[MoveSpec, ...] = ()
    paths: dict[str, Path] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shape(self) -> HostSpec:
        exactly_one(self, "tcp", "udp", "dial", "http", "ftp")
        if self.http is not None and self.moves:
            raise ValueError("a web server has 'paths', not 'moves'")
        if self.ftp is not None and self.moves:
            raise ValueError("a file server has a 'bucket', not 'moves'")
        if self.http is None and self.paths:
            raise ValueError("'paths' are a web server's; give 'http'")
        for path in self.paths:
            if not path.startswith("/"):
                raise ValueError(f"{path!r} is not a path: it must begin with /")
        if self.udp is not None and any(m.wait_us is not None or m.then not in (None, "echo") for m in self.moves):
            raise ValueError("datagrams are expected, sent and echoed; there is no connection to wait on or to end")
        return self

    @property
    def place(self) -> Place | UdpPlace | FtpPlace | None:
        """Where it listens; None for one that dials."""
        return self.tcp or self.http or self.udp or self.ftp


HostKey = Annotated[str, AfterValidator(matching(NAME_PATTERN, "a name of a host"))]
Hosts = dict[HostKey, HostSpec]


def host_problems(data: Any, targets: Collection[str]) -> Iterator[Finding]:
    """Devices that do not exist, and places where two listen."""
    taken: dict[tuple[str, Any, Any], str] = {}
    for place, entry in mappings(data, "hosts"):
        for kind in ("tcp", "http", "ftp", "udp", "dial"):
            inner = entry.get(kind)
            if not isinstance(inner, dict):
                continue
            if kind == "dial":
                yield from unknown((*place, kind, "device"), "device or group", inner.get("device"), targets)
                continue
            if kind == "ftp":
                buckets = data.get("cloud", {}).get("buckets", {}) if isinstance(data.get("cloud", {}), dict) else {}
                yield from unknown((*place, kind, "bucket"), "bucket", inner.get("bucket"), list(buckets or ()))
            at = ("udp" if kind == "udp" else "tcp", str(inner.get("host")).lower(), inner.get("port", 21))
            if at in taken:
                yield (*place, kind), f"{taken[at]} listens at {at[1]}, port {at[2]}, already", 0
            taken[at] = str(place[-1])
