"""`sms`: short messages in text mode. There is one card, slot 0; what is sent goes to nobody, but to oneself it comes.

Limits and answers from the vendor's page. PDU mode is not emulated. A module that is not registered cannot send.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from sim.device.mail import deliver
from sim.device.messages import MOST
from sim.device.sim_card import READY
from sim.script.modules import inert
from sim.script.namespace import lazy_namespace
from sim.script.runtime import ScriptRuntime

NUMBER_CHARS, MESSAGE_BYTES, LONG_PARTS = 20, 140, 4
"""Of a number; of one message, and as how many of them a long one goes at most (four to six, by series)."""

CARD, DEVICE, BOTH = "SM", "ME", "MT"
ONE, ALL = 0, 4
"""Ways to delete."""

SENDING_US = 2_000_000
"""ESTIMATE: a message takes a few seconds over LTE's signalling; no public figure."""

DEAL_MODES = 4


def make(rt: ScriptRuntime) -> ModuleType:
    slot = rt.module.sim
    box = slot.messages

    def ready() -> bool:
        rt.me()
        return slot.status == READY

    def delete(index: int, mode: int = ONE) -> int:
        if not ready() or mode not in (ONE, ALL):
            return -1
        if mode == ALL:
            box.kept.clear()
            return 0
        return 0 if box.kept.pop(index, None) is not None else -1

    def search(index: int) -> Any:
        """(number, text, bytes of the text as UCS-2), as in the vendor's example."""
        found = box.kept.get(index) if ready() else None
        return -1 if found is None else (found.number, found.text, 2 * len(found.text))

    def set_places(*places: str) -> int:
        if not ready() or len(places) != 3 or any(place not in (CARD, DEVICE, BOTH) for place in places):
            return -1
        box.places[:] = places
        return 0

    def set_center(number: Any) -> int:
        if not ready() or not _is_number(number):
            return -1
        box.center = number
        return 0

    def set_callback(callback: Callable[[Any], object]) -> int:
        """`callback([slot, index, storage])` when a message has come."""
        rt.me()
        if not callable(callback):
            return -1
        box.on_message = lambda index: rt.callback(callback, [0, index, box.places[2]])
        return 0

    return lazy_namespace(
        "sms",
        {name: partial(make_it, rt) for name, make_it in inert.makers("sms").items()},
        sendTextMsg=partial(_send, rt),
        deleteMsg=delete,
        searchTextMsg=search,
        getMsgNums=lambda: len(box.kept) if ready() else -1,
        setSaveLoc=set_places,
        getSaveLoc=lambda: tuple([place, len(box.kept), MOST] for place in box.places) if ready() else -1,
        getCenterAddr=lambda: box.center if ready() else -1,
        setCenterAddr=set_center,
        setCallback=set_callback,
        setRcvDealmode=lambda mode: 0 if ready() and mode in range(DEAL_MODES) else -1,
    )


def _send(rt: ScriptRuntime, number: Any, text: Any, mode: Any = "GSM") -> int:
    rt.me()
    module = rt.module
    if not (_is_number(number) and isinstance(text, str) and _fits(text, str(mode).upper())):
        return -1
    if module.sim.status != READY or not module.radio.registered:
        return -1
    rt.sleep_us(SENDING_US)
    rt.trace("sms.out", number=number, text=text)
    if number.lstrip("+") == module.sim.card.number.lstrip("+"):
        rt.clock.after(SENDING_US, deliver, module, module.sim.card.number, text)
    return 0


def _fits(text: str, coding: str) -> bool:
    size = len(text) * 2 if coding == "UCS2" else (len(text) * 7 + 7) // 8
    coded = coding == "UCS2" or (coding == "GSM" and text.isascii())
    return coded and 0 < size <= MESSAGE_BYTES * LONG_PARTS


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NUMBER_CHARS and value.lstrip("+").isdigit()
