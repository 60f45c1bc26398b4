"""What happens around the devices of a scenario, as typed values: steps at given times, and who sits on serial lines.

A step is one thing that happens at a time, to a device or to each of a group; `power_cut` and `link_loss` are the
faults of the same name. A state that a step brings about lasts until another step changes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, model_validator

from sim.device.sim_card import PIN_WANTED, STATES
from sim.scenario.expect import suggest
from sim.scenario.references import Finding, mapping, mappings, unknown
from sim.scenario.schema_faults import PowerLost, SignalLost
from sim.scenario.values import (
    ANYTHING,
    DurationUs,
    HexBytes,
    Metres,
    Millivolts,
    Number,
    Share,
    Spec,
    exactly_one,
    matching,
)

Level = Annotated[StrictInt, Field(ge=0, le=1)]
Degrees = StrictFloat | StrictInt
Port = Annotated[StrictInt, Field(ge=0, le=4)]

SIM_STATUSES = range(22)
"""`sim.getStatus()`, by the vendor's page."""

NETWORK = {"none": 0, "home": 1, "searching": 2, "denied": 3, "unknown": 4, "roaming": 5}
"""Names of what the network makes of a subscriber → state."""


class PinStep(Spec):
    """Pin `gpio` is driven to `level`; with `for`, it goes back to the other level after that."""

    gpio: Annotated[StrictInt, Field(ge=1, le=47)]
    level: Level
    for_us: DurationUs | None = Field(default=None, alias="for")


class AdcStep(Spec):
    """A voltage on an analogue input."""

    channel: Annotated[StrictInt, Field(ge=0, le=3)]
    voltage_mv: Millivolts = Field(alias="voltage")


class BatteryStep(Spec):
    """A steady `voltage`; or a cell of a `level`, which goes to another within `over` when `to` is given."""

    voltage_mv: Millivolts | None = Field(default=None, alias="voltage")
    level: Share | None = None
    to: Share | None = None
    over_us: DurationUs | None = Field(default=None, alias="over")

    @model_validator(mode="after")
    def _one_shape(self) -> BatteryStep:
        if self.model_fields_set not in ({"voltage_mv"}, {"level"}, {"level", "to", "over_us"}):
            raise ValueError("'battery' is {voltage}, {level} or {level, to, over}")
        return self


def _sim_state(value: Any) -> int:
    """A name of `STATES`, or a number as `sim.getStatus()` gives it."""
    if isinstance(value, int) and not isinstance(value, bool) and value in SIM_STATUSES:
        return value
    if isinstance(value, str) and value in STATES:
        return STATES[value]
    hint = suggest(str(value), STATES) or f"; there are {', '.join(STATES)}, and 0 to {SIM_STATUSES[-1]}"
    raise ValueError(f"{value!r} is not a state of a SIM card{hint}")


class SimStep(Spec):
    """The SIM card; one in state `pin` asks for `pin` at each start until a program has it stop that."""

    status: Annotated[int, BeforeValidator(_sim_state), ANYTHING] = Field(alias="state")
    pin: Annotated[str, Field(pattern=r"^[0-9]{4,15}$")] | None = None

    @model_validator(mode="after")
    def _pin(self) -> SimStep:
        if self.pin is not None and self.status != PIN_WANTED:
            raise ValueError("'pin' goes with the state 'pin' only")
        return self


class Waypoint(Spec):
    """A place, in degrees, reached `after` a time from the step on."""

    after_us: DurationUs = Field(alias="after")
    latitude: Annotated[Degrees, Field(ge=-90, le=90)]
    longitude: Annotated[Degrees, Field(ge=-180, le=180)]
    altitude_m: Metres = Field(default=0.0, alias="altitude")


class GnssStep(Spec):
    """Where the device is: a place, a `track` of places, or `fix: false` for too few satellites."""

    latitude: Annotated[Degrees, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[Degrees, Field(ge=-180, le=180)] | None = None
    altitude_m: Metres = Field(default=0.0, alias="altitude")
    track: Annotated[tuple[Waypoint, ...], Field(min_length=2)] | None = None
    fix: StrictBool = True

    @model_validator(mode="after")
    def _one_shape(self) -> GnssStep:
        given = self.model_fields_set - {"altitude_m"}
        if given not in ({"latitude", "longitude"}, {"track"}, {"fix"}) or (given == {"fix"} and self.fix):
            raise ValueError("'gnss' is {latitude, longitude, altitude}, {track} or {fix: false}")
        times = [point.after_us for point in self.track or ()]
        if times != sorted(set(times)) or (times and times[0]):
            raise ValueError("a track begins with 'after: 0s', and each of its points is later than the one before")
        return self


class I2cStep(Spec):
    """A chip on a bus, and what its registers hold; `absent` takes it away. A bus of pins is its clock pin."""

    bus: Annotated[StrictInt, Field(ge=0, le=47)] = 0
    address: Annotated[StrictInt, Field(ge=0, le=127)]
    registers: dict[Number, HexBytes] = Field(default_factory=dict)
    absent: StrictBool = False


class UartStep(Spec):
    """Bytes that arrive on a serial port, as text or in hex."""

    port: Port
    send: str | None = None
    send_hex: HexBytes | None = None

    @model_validator(mode="after")
    def _one(self) -> UartStep:
        exactly_one(self, "send", "send_hex")
        return self

    @property
    def data(self) -> bytes:
        """What arrives."""
        return self.send_hex if self.send_hex is not None else (self.send or "").encode()


class SmsStep(Spec):
    """A short message that somebody sends to the device; it comes when the device can be reached."""

    number: Annotated[str, AfterValidator(matching(r"\+?[0-9]{3,20}", "a telephone number"))] = Field(alias="from")
    text: Annotated[str, Field(min_length=1, max_length=160)]


class SignalStep(Spec):
    """Signal strength as `net.csqQueryPoll()` counts it: 0 to 31, 99 for unknown."""

    csq: Annotated[StrictInt, Field(ge=0, le=99)]

    @model_validator(mode="after")
    def _scale(self) -> SignalStep:
        if 31 < self.csq < 99:
            raise ValueError("csq is 0 to 31, or 99 for unknown")
        return self


class PowerKeyStep(Spec):
    """The power key is pressed, and released after `for`."""

    for_us: DurationUs = Field(default=600_000, alias="for")


def _moment(text: str) -> str:
    try:
        moment_s(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date and time like 2030-01-01T08:30:00") from None
    return text


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex(" ")
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case tuple():
            return [_plain(inner) for inner in value]
    return value


def moment_s(text: str) -> int:
    """A date and time, taken as UTC → Unix time in whole seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class DeviceStep(Spec):
    """One thing that happens to `device` (or each of a group) `at` a time; again `every` so often, `times` in all."""

    device: str
    at_us: DurationUs = Field(alias="at")
    every_us: Annotated[DurationUs, Field(ge=1)] | None = Field(default=None, alias="every")
    times: Annotated[StrictInt, Field(ge=1)] | None = None
    pin: PinStep | None = None
    adc: AdcStep | None = None
    battery: BatteryStep | None = None
    sim: SimStep | None = None
    network: Literal["none", "home", "searching", "denied", "unknown", "roaming"] | None = None
    signal: SignalStep | None = None
    gnss: GnssStep | None = None
    i2c: I2cStep | None = None
    rtc: Annotated[str, AfterValidator(_moment)] | None = None
    usb: Literal["plugged", "unplugged"] | None = None
    uart: UartStep | None = None
    sms: SmsStep | None = None
    power: Literal["on", "off"] | None = None
    power_key: PowerKeyStep | None = None
    power_cut: PowerLost | None = None
    link_loss: SignalLost | None = None

    @model_validator(mode="after")
    def _shape(self) -> DeviceStep:
        exactly_one(self, *KINDS)
        if self.times is not None and self.every_us is None:
            raise ValueError("'times' needs 'every'")
        return self

    @property
    def kind(self) -> str:
        """Which thing happens."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    def said(self) -> Any:
        """The thing with its units in its names, for the trace."""
        return _plain(self.model_dump(exclude_unset=True, include={self.kind})[self.kind])


KINDS = tuple(name for name in DeviceStep.model_fields if name not in ("device", "at_us", "every_us", "times"))


def _pattern(text: str) -> str:
    try:
        found = re.compile(text.encode()).match(b"")
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    if found is not None:
        raise ValueError(f"{text!r} also matches nothing at all, so it would answer for ever")
    return text


class ExchangeSpec(Spec):
    """`expect` (a regular expression) or `expect_hex` from the program; `send` or `send_hex` after `delay`, or nothing.

    Without `times` it takes place as often as it is asked for.
    """

    expect: Annotated[str, AfterValidator(_pattern)] | None = None
    expect_hex: HexBytes | None = None
    send: str | None = None
    send_hex: HexBytes | None = None
    delay_us: DurationUs = Field(default=0, alias="delay")
    times: Annotated[StrictInt, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _shape(self) -> ExchangeSpec:
        exactly_one(self, "expect", "expect_hex")
        if self.expect_hex == b"":
            raise ValueError("'expect_hex' needs at least one byte")
        if self.send is not None and self.send_hex is not None:
            raise ValueError("give 'send' or 'send_hex', not both")
        return self

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """What the program has to write."""
        text = re.escape(self.expect_hex) if self.expect_hex is not None else (self.expect or "").encode()
        return re.compile(text, re.DOTALL)

    @property
    def answer(self) -> bytes:
        """What it gets for that."""
        return self.send_hex if self.send_hex is not None else (self.send or "").encode()


class PeerSpec(Spec):
    """Who sits at the other end of a serial port of a device, or of each of a group."""

    device: str
    port: Port
    exchanges: Annotated[tuple[ExchangeSpec, ...], Field(min_length=1)]


def around_problems(data: Any, targets: Collection[str]) -> Iterator[Finding]:
    """Names in steps and peers that mean nothing, and serial lines with a third end."""
    taken: set[tuple[str, int]] = set()
    outside = {
        (str(entry.get("name") or entry.get("group")), int(port))
        for _, entry in mappings(data, "fleet")
        for port in mapping(entry, "uart")
        if port.isdigit()
    }
    for key in ("steps", "peers"):
        for place, entry in mappings(data, key):
            yield from unknown((*place, "device"), "device or group", entry.get("device"), targets)
    for place, entry in mappings(data, "peers"):
        device, port = entry.get("device"), entry.get("port")
        if isinstance(device, str) and isinstance(port, int):
            if (device, port) in taken:
                yield (*place, "port"), f"port {port} of {device} has a peer already", 0
            elif (device, port) in outside:
                yield (*place, "port"), f"port {port} of {device} leads outside; it cannot have a peer, too", 0
            taken.add((device, port))
