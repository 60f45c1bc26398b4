"""The way of a short message to a module: delivered when it can be, tried again until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.device.messages import KEPT_US, RETRY_US, Message
from sim.device.sim_card import READY

if TYPE_CHECKING:
    from sim.device.module import Module


def deliver(module: Module, number: str, text: str, tried_us: int = 0) -> None:
    """Somebody sends this module a message."""
    slot, reached = module.sim, None
    if module.state in ("starting", "running") and module.radio.registered and slot.status == READY:
        reached = slot.messages.put(Message(number, text, module.clock.epoch_s))
    if reached is not None:
        module.trace("sms.in", number=number, place=reached)
    elif tried_us + RETRY_US <= KEPT_US:
        module.clock.after(RETRY_US, deliver, module, number, text, tried_us + RETRY_US)
    else:
        module.trace("sms.lost", number=number)
