"""`sim`: the card, as long as it is there and unlocked. A locked one answers -1 to everything but the way out."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.device.sim_card import READY
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

INSERTED, REMOVED = 1, 2
INDICES, MOST_READ = range(1, 501), 20
NAME_CHARS, NUMBER_CHARS = 30, 20
"""Limits of the phone book, from the vendor's page."""


def make(rt: ScriptRuntime) -> ModuleType:
    slot = rt.module.sim

    def told(text: str) -> Callable[[], str | int]:
        def answer() -> str | int:
            rt.me()
            return text if slot.status == READY else -1

        return answer

    def asked(method: Callable[..., bool], texts: int) -> Callable[..., int]:
        def call(*values: Any) -> int:
            rt.me()
            if len(values) != texts:
                raise TypeError(f"function takes {texts} positional arguments but {len(values)} were given")
            return 0 if all(isinstance(value, str) for value in values) and method(*values) else -1

        return call

    def set_sim_det(switch: int, level: int) -> int:
        rt.me()
        if switch not in (0, 1) or level not in (0, 1):
            return -1
        slot.detects, slot.insert_level = bool(switch), level
        return 0

    def set_callback(callback: Callable[[int], object]) -> int:
        """`callback(1)` when a card is inserted, `callback(2)` when it is removed; needs `setSimDet(1, …)`."""
        rt.me()
        if not callable(callback):
            return -1
        slot.on_change = lambda there: rt.callback(callback, INSERTED if there else REMOVED)
        return 0

    return namespace(
        "sim",
        getStatus=lambda: slot.status,
        getImsi=told(slot.card.imsi),
        getIccid=told(slot.card.iccid),
        getPhoneNumber=told(slot.card.number),
        verifyPin=asked(slot.verify, 1),
        enablePin=asked(lambda pin: slot.lock(pin, True), 1),
        disablePin=asked(lambda pin: slot.lock(pin, False), 1),
        changePin=asked(slot.change, 2),
        unblockPin=asked(slot.unblock, 2),
        setSimDet=set_sim_det,
        getSimDet=lambda: (int(slot.detects), slot.insert_level),
        setCallback=set_callback,
        getCurSimid=lambda: 0,
        switchCard=lambda _number: -1,
        setSwitchcardCallback=lambda callback: 0 if callable(callback) else -1,
        genericAccess=lambda _number, _command: -1,
        **_phonebook(rt),
    )


def _phonebook(rt: ScriptRuntime) -> dict[str, Callable[..., Any]]:
    slot = rt.module.sim

    def write(storage: int, index: int, name: str, number: str) -> int:
        rt.me()
        if slot.status != READY or index not in INDICES or len(name) > NAME_CHARS or len(number) > NUMBER_CHARS:
            return -1
        slot.phonebook[storage, index] = name, number
        return 0

    def read(storage: int, start: int, end: int, name: str) -> Any:
        """(how many, [(index, name, number), …]); `start` 0 asks for names that begin with `name`."""
        rt.me()
        if slot.status != READY or not 0 <= start <= end or end - start > MOST_READ:
            return -1
        entries = [
            (index, *entry)
            for (kept, index), entry in sorted(slot.phonebook.items())
            if kept == storage and (entry[0].startswith(name) if start == 0 else start <= index <= end)
        ]
        return len(entries), entries

    return {"readPhonebook": read, "writePhonebook": write}
