"""Networks of a scenario, as typed values: what a device's model says of its radio, made better or worse by name.

A key that a network leaves out is that of the network it `extends`, and at last that of the device's model. Networks
that everybody may name are in models/networks; a scenario's own of the same name take their place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StrictInt, Tag, model_validator

from sim.scenario.references import Finding, mapping, mappings, unknown
from sim.scenario.values import (
    ANYTHING,
    DurationRange,
    DurationUs,
    RateBytesPerS,
    Share,
    Spec,
    matching,
    more_than_nothing,
)
from sim.shipped import models_dir
from sim.units import US_PER_S

NetworkName = Annotated[str, AfterValidator(matching(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}", "a network name"))]
PositiveUs = Annotated[DurationUs, AfterValidator(more_than_nothing)]
Rate = Annotated[RateBytesPerS, AfterValidator(more_than_nothing)]

SHAPES = ("~percentiles", "~range")
"""What pydantic puts into the place of a round trip, and nobody wrote."""


class Rates(Spec):
    """What an application reaches, each way."""

    down_bytes_per_s: Rate = Field(alias="down")
    up_bytes_per_s: Rate = Field(alias="up")


class RoundTrip(Spec):
    """A round trip of half of all packets, and of all but a twentieth; log-normal between and beyond."""

    p50_us: PositiveUs = Field(alias="p50")
    p95_us: PositiveUs = Field(alias="p95")

    @model_validator(mode="after")
    def _order(self) -> RoundTrip:
        if self.p95_us < self.p50_us:
            raise ValueError("'p95' is at least 'p50'")
        return self


class Outage(Spec):
    """No signal, about `every` so often, `for` a time drawn between two."""

    every_us: PositiveUs = Field(alias="every")
    for_us: DurationRange = Field(alias="for")

    @model_validator(mode="after")
    def _fits(self) -> Outage:
        if self.for_us[1] >= self.every_us:
            raise ValueError("an outage is shorter than the time from one to the next ('every')")
        return self


class BearerDrop(Spec):
    """The data connection is dropped about `every` so often, and set up again soon."""

    every_us: PositiveUs = Field(alias="every")


class Cells(Spec):
    """So many cells, each with a `rate` that its devices share when they download."""

    count: Annotated[StrictInt, Field(ge=1, le=100_000)] = 1
    rate_bytes_per_s: Rate = Field(alias="rate")


def _a_second(value: int) -> int:
    if value < US_PER_S:
        raise ValueError("a device stays awake for at least 1s, so that answers reach it")
    return value


class Sleep(Spec):
    """`after` so long without a packet a device hears only `every` so often (eDRX cycle, or PSM's periodic update)."""

    after_us: Annotated[DurationUs, AfterValidator(_a_second)] = Field(alias="after")
    every_us: PositiveUs = Field(alias="every")


def _rates(value: Any) -> Any:
    return value if isinstance(value, dict) else {"down": value, "up": value}


def _shape(value: Any) -> str:
    return SHAPES[0] if isinstance(value, dict | RoundTrip) else SHAPES[1]


Trip = Annotated[Annotated[RoundTrip, Tag(SHAPES[0])] | Annotated[DurationRange, Tag(SHAPES[1])], Discriminator(_shape)]


class Network(Spec):
    """A network. `rtt` is a time, `[least, most]` or `{p50, p95}`; `loss` the share of packets that are sent again."""

    extends: NetworkName | None = None
    rate: Annotated[Rates, BeforeValidator(_rates), ANYTHING] | None = None
    rtt: Trip | None = None
    loss: Annotated[Share, Field(lt=0.5)] | None = None
    outage: Outage | None = None
    bearer_drop: BearerDrop | None = None
    cells: Cells | None = None
    sleep: Sleep | None = None


@cache
def usual_networks() -> Mapping[str, Network]:
    """Networks that everybody may name."""
    text = (models_dir() / "networks" / "usual.yaml").read_text("utf-8")
    return {name: Network.model_validate(body) for name, body in yaml.safe_load(text).items()}


def resolved(name: str, own: Mapping[str, Network]) -> Network:
    """The network of this name with all that it extends; its `extends` is gone. Names were checked before."""
    network = own[name] if name in own else usual_networks()[name]
    if network.extends is None:
        return network
    below = resolved(network.extends, {key: value for key, value in own.items() if key != name})
    given = {key: getattr(network, key) for key in network.model_fields_set if key != "extends"}
    return below.model_copy(update=given)


def network_problems(data: Any) -> Iterator[Finding]:
    """Names of networks that mean nothing, and networks that extend themselves."""
    own = mapping(data, "networks")
    known = [*own, *(name for name in usual_networks() if name not in own)]
    for place, body in mappings(data, "networks"):
        name = str(place[-1])
        others = [other for other in known if other != name or other in usual_networks()]
        yield from unknown((*place, "extends"), "network", body.get("extends"), others)
        if _circles(name, own):
            yield (*place, "extends"), f"{name!r} extends itself in the end", 0
    for place, entry in mappings(data, "fleet"):
        wanted = entry.get("network")
        yield from unknown((*place, "network"), "network", wanted, known)
        for share in wanted if isinstance(wanted, dict) else ():
            yield from unknown((*place, "network", share), "network", share, known)
    for at, fault in mappings(data, "faults"):
        outage = fault.get("cell_outage")
        if isinstance(outage, dict):
            yield from unknown((*at, "cell_outage", "network"), "network", outage.get("network"), known)


def _circles(name: str, own: Mapping[str, Any]) -> bool:
    seen: Collection[str] = ()
    at: Any = name
    while isinstance(at, str) and at in own and isinstance(own[at], dict):
        if at in seen:
            return at == name and at not in usual_networks()
        seen = (*seen, at)
        below = own[at].get("extends")
        if below == at and at in usual_networks():
            return False
        at = below
    return False
