"""Tapes of made-up films, and what they come to when they are folded the slow way: what the page has to agree with."""

from __future__ import annotations

import base64
import random
import struct
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sim.film.entries import END, Event, Ops, States, pack_events, pack_json

SECTOR_BYTES = 4096
PAGE_BYTES = 256
PER_SECTOR = SECTOR_BYTES // PAGE_BYTES
ERASED, OLD, NEW, TORN = 0, 1, 2, 3
STATES = ("off", "booting", "running", "downloading", "applying", "succeeded", "failed")


@dataclass
class Op:
    n: int
    t_us: int
    device: int
    first: int
    pages: int
    op: int
    cls: int


def flash_block(ops: list[Op]) -> bytes:
    packed = Ops(ops[0].device)
    for op in ops:
        for column, value in zip(packed.columns, (op.n, op.t_us, op.first, op.pages, op.op, op.cls), strict=True):
            column.append(value)
    return packed.pack().packed()


@dataclass
class Tape:
    """A film of `devices` with `sectors` of flash each; `entries` of them are made, from a seed."""

    seed: int
    devices: int = 2
    sectors: int = 64
    entries: int = 3000
    ops: list[Op] = field(default_factory=list)
    events: list[list[Any]] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    ticks: list[tuple[float, int, dict[int, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        states = [0] * self.devices
        t_us = n = tick = 0
        while n < self.entries:
            chunk: list[Op] = []
            events: list[list[Any]] = []
            for _ in range(dice.randint(1, 60)):
                n, t_us = n + 1, t_us + dice.choice((0, 40, 1000, 90_000))
                if dice.random() < 0.1:
                    kind = dice.choice(("mqtt.out", "http", "boot", "log", "power.cut"))
                    events.append([n, t_us, dice.randrange(self.devices), n, kind, {"text": "x"}, f"sentence {n}"])
                else:
                    chunk.append(self._op(dice, n, t_us))
            self.events += events
            self.ops += chunk
            if events:
                self.blocks.append(pack_events([Event(*row) for row in events]).packed())
            for _, of_one in groupby(sorted(chunk, key=lambda op: (op.device, op.n)), key=lambda op: op.device):
                self.blocks.append(flash_block(list(of_one)))
            changed = {device: dice.randrange(len(STATES)) for device in range(self.devices) if dice.random() < 0.5}
            for device, state in changed.items():
                states[device] = state
            whole = tick % 50 == 0
            told = dict(enumerate(states)) if whole else changed
            self.blocks.append(States(t_us, n, told, whole).pack().packed())
            self.ticks.append((t_us, n, told))
            tick += 1
        self.blocks.append(pack_json(END, {"verdict": "PASSED"}).packed())

    def _op(self, dice: random.Random, n: int, t_us: int) -> Op:
        device, sector = dice.randrange(self.devices), dice.randrange(self.sectors)
        op = dice.choice((0, 1, 1, 1, 1, 2, 3))
        if op in (0, 2):
            return Op(n, t_us, device, sector * PER_SECTOR, PER_SECTOR, op, ERASED if op == 0 else TORN)
        first = sector * PER_SECTOR + dice.randrange(PER_SECTOR)
        return Op(n, t_us, device, first, 1, op, NEW if op == 1 else TORN)

    @property
    def tape(self) -> bytes:
        return b"".join(self.blocks)

    @property
    def head(self) -> dict[str, Any]:
        half = self.sectors * PER_SECTOR // 2
        first = base64.b64encode(struct.pack("<HBHB", half, OLD, half, ERASED)).decode()
        size = self.sectors * SECTOR_BYTES
        flash = {
            "part": "W25Q", "bytes": size, "sector_bytes": SECTOR_BYTES, "page_bytes": PAGE_BYTES, "endurance": 100_000,
            "partitions": [
                {"name": "boot", "offset": 0, "bytes": size // 4, "use": "boot loader"},
                {"name": "fota", "offset": size // 4, "bytes": size // 2, "use": "downloads"},
            ],
            "first": first,
        }  # fmt: skip
        names = [f"dev-{number}" for number in range(self.devices)]
        return {
            "format": 1, "id": 1, "title": "made up", "growing": False, "start_s": 0,
            "states": [{"name": name, "label": name} for name in STATES],
            "devices": [{"name": name, "group": "g", "model": "EG915U", "filmed": True} for name in names],
            "flash": {str(number): flash for number in range(self.devices)},
        }  # fmt: skip

    def flash_at(self, device: int, n: int) -> tuple[list[int], list[int]]:
        """Page classes and wear after entry n, one operation after the other."""
        half = self.sectors * PER_SECTOR // 2
        classes, wear = [OLD] * half + [ERASED] * half, [0] * self.sectors
        for op in self.ops:
            if op.device == device and op.n <= n:
                classes[op.first : op.first + op.pages] = [op.cls] * op.pages
                if op.op in (0, 2):
                    wear[op.first // PER_SECTOR] += 1
        return classes, wear

    def states_at(self, t_us: float, n: int) -> list[int]:
        """The state of each device when all ticks up to there have passed."""
        states = [0] * self.devices
        for at_us, last, changed in self.ticks:
            if at_us <= t_us and last <= n:
                for device, state in changed.items():
                    states[device] = state
        return states
