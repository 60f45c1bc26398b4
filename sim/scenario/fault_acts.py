"""What each fault does to the device that it strikes, in simulation time and the same on every transport.

A fault of the next download waits on the device's radio until one comes; it has happened once it spoiled something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sim.device.battery import Supply
from sim.device.module import Module
from sim.device.radio import NO_CELL, Spoil
from sim.errors import SpecError
from sim.flash.defects import Defects
from sim.flash.flawed import FlawedNor
from sim.flash.nor import Torn
from sim.kernel.seeds import key, stream
from sim.ports import HttpFailure, HttpResponse
from sim.scenario.schema_faults import (
    BadBlock,
    BrokerDown,
    BrownOut,
    CellOutage,
    ClockSkew,
    CorruptDownload,
    FsFull,
    LinkLoss,
    LowBattery,
    PowerCut,
    Stall,
    Throttled,
    Truncate,
    UrlExpired,
)
from sim.scenario.triggers import Drawn
from sim.units import US_PER_S

FULL_FILE = "_fs_full"
"""Of the volume that a fault fills."""

RETRY_US = US_PER_S
"""How long what needs a running module waits for one before it looks again."""


@dataclass(slots=True)
class Struck:
    """The device that a fault strikes. `happened` is called when it has; `tears`: at a flash operation, which is the
    next one."""

    module: Module
    drawn: Drawn
    happened: Callable[[], None]
    tears: bool = False

    def tell(self, what: str, **data: Any) -> None:
        """It happens now: for the trace, and for the verdict."""
        self.module.trace("fault", what=what, **data)
        self.happened()

    def lose_power(self, back_us: int, torn: Torn) -> None:
        """Now, or in the middle of the operation that is about to begin."""
        self.module.power_returns_us = back_us
        if self.tears:
            seed = key(self.module.kind.seed, self.module.name, f"fault {self.drawn.number}")
            self.module.nor.arm_cut(0, Torn(torn), seed)
        else:
            self.module.power_cut()

    def back_later(self, for_us: int | None, fn: Callable[[], object]) -> None:
        """Undo it after a time; None: never."""
        if for_us is not None:
            self.module.clock.after(for_us, fn)


def _power_cut(struck: Struck, cut: PowerCut) -> None:
    struck.happened()
    struck.lose_power(cut.off_for_us, cut.torn)


def _brown_out(struck: Struck, dip: BrownOut) -> None:
    struck.tell("brown_out")
    struck.lose_power(dip.for_us, dip.torn)


def _link_loss(struck: Struck, loss: LinkLoss) -> None:
    struck.happened()
    struck.module.radio.lose_signal(loss.for_us)


def _cell_outage(struck: Struck, outage: CellOutage) -> None:
    struck.tell("cell_outage")
    radio = struck.module.radio
    radio.hinder(NO_CELL)
    struck.back_later(outage.for_us, lambda: radio.free(NO_CELL, 0))


def _broker_down(struck: Struck, down: BrokerDown) -> None:
    struck.tell("broker_down")
    radio = struck.module.radio
    radio.set_broker(there=False)
    struck.back_later(down.for_us, lambda: radio.set_broker(there=True))


def _low_battery(struck: Struck, low: LowBattery) -> None:
    struck.tell("low_battery")
    board = struck.module.board
    before = board.supply
    board.supply = Supply(low.voltage_mv, low.level or 0.0, low.level or 0.0)

    def back() -> None:
        board.supply = before

    struck.back_later(low.for_us, back)


def _fs_full(struck: Struck, full: FsFull) -> None:
    module = struck.module
    if module.state != "running" or not module.mounts.has(full.path):
        module.clock.after(RETRY_US, _fs_full, struck, full)
        return
    block_bytes, _, free = module.mounts.statvfs(full.path)
    blocks = max(0, free - full.free_bytes // block_bytes)
    while blocks > 0:  # a file costs some blocks of its own: what fits is found from above
        try:
            module.mounts.write(f"{full.path}/{FULL_FILE}", bytes(blocks * block_bytes))
            break
        except OSError:
            blocks -= 1
    module.take_flash_time_us()  # nobody waited for it
    struck.tell("fs_full", free=module.mounts.statvfs(full.path)[2] * block_bytes)


def _bad_block(struck: Struck, bad: BadBlock) -> None:
    module = struck.module
    place, size = module.model.partitions[bad.partition], module.model.part.sector_bytes
    sectors = place.size_bytes // size
    number = bad.sector if bad.sector is not None else struck.drawn.between(module.name, 0, sectors - 1, "sector")
    if number >= sectors:
        raise SpecError(f"bad_block: {bad.partition} of {module.model.variant} has {sectors} sectors, counted from 0")
    _fail_at_start(struck, place.offset // size + number)


def _fail_at_start(struck: Struck, sector: int) -> None:
    """A running module has windows onto its flash; a part is exchanged between two lives only."""
    module = struck.module
    if module.state not in ("off", "resetting"):
        module.between_lives = lambda: _fail_at_start(struck, sector)
        return
    old = module.nor
    frozen = frozenset({sector})
    if isinstance(old, FlawedNor):
        frozen |= old.defects.frozen_sectors
    flawed = FlawedNor(old.part, Defects(seed=struck.drawn.seed, frozen_sectors=frozen))
    flawed.restore(old.snapshot())
    flawed.on_op, flawed.countdowns = old.on_op, old.countdowns
    module.storage.nor = flawed
    struck.tell("bad_block", sector=sector)


def _throttled(struck: Struck, throttled: Throttled) -> None:
    struck.tell("throttled")
    radio, rate = struck.module.radio, throttled.rate_bytes_per_s
    usual = radio.spec
    slow = replace(
        usual,
        down_bytes_per_s=min(rate, usual.down_bytes_per_s),
        up_bytes_per_s=min(rate, usual.up_bytes_per_s),
    )
    radio.spec = slow

    def back() -> None:
        if radio.spec is slow:
            radio.spec = usual

    struck.back_later(throttled.for_us, back)


def _clock_skew(struck: Struck, skew: ClockSkew) -> None:
    struck.tell("clock_skew")
    struck.module.board.rtc_offset_s += ((skew.ahead_us or 0) - (skew.behind_us or 0)) // US_PER_S


# --- the next download ------------------------------------------------------------------------------------


def _corrupt_download(struck: Struck, corrupt: CorruptDownload) -> None:
    def spoiled(answer: HttpResponse) -> HttpResponse:
        struck.tell("corrupt_download")
        body = bytearray(answer.body)
        chosen = stream(struck.drawn.seed, struck.module.name, f"bits of fault {struck.drawn.number}")
        for bit in chosen.sample(range(8 * len(body)), min(corrupt.flip_bits, 8 * len(body))):
            body[bit // 8] ^= 1 << bit % 8
        return replace(answer, body=bytes(body))

    struck.module.radio.spoil_next(Spoil(spoiled))


def _truncate(struck: Struck, truncate: Truncate) -> None:
    def spoiled(answer: HttpResponse) -> HttpResponse:
        struck.tell("truncate")
        return replace(answer, body=answer.body[: truncate.after_bytes], broken="closed")

    struck.module.radio.spoil_next(Spoil(spoiled))


def _stall(struck: Struck, stall: Stall) -> None:
    def spoiled(answer: HttpResponse) -> HttpResponse:
        struck.tell("stall")
        return answer

    struck.module.radio.spoil_next(Spoil(spoiled, stall.for_us))


def _url_expired(struck: Struck, _expired: UrlExpired) -> None:
    def spoiled(answer: HttpResponse) -> HttpResponse | HttpFailure:
        struck.tell("url_expired")
        return HttpResponse(403, {**answer.headers, "Content-Length": "0"}, b"")

    struck.module.radio.spoil_next(Spoil(spoiled))


ACTS: dict[str, Callable[[Struck, Any], None]] = {
    "power_cut": _power_cut,
    "brown_out": _brown_out,
    "link_loss": _link_loss,
    "cell_outage": _cell_outage,
    "broker_down": _broker_down,
    "low_battery": _low_battery,
    "fs_full": _fs_full,
    "bad_block": _bad_block,
    "corrupt_download": _corrupt_download,
    "truncate": _truncate,
    "stall": _stall,
    "throttled": _throttled,
    "clock_skew": _clock_skew,
    "url_expired": _url_expired,
}
