"""What an empty supply does to its module, and what a good one does then: one timer, for the next of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.kernel.clock import Timer

if TYPE_CHECKING:
    from sim.device.module import Module


SUPPLY_IS_BACK = 3
"""`Power.powerOnReason()` of a start by VBAT."""


class Fuel:
    """Of one module that has a board."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._timer: Timer | None = None

    def look(self) -> None:
        """The supply is another one, or its state has turned."""
        if self._timer is not None:
            self._timer.cancel()
        now_us, board = self._module.clock.now_us, self._module.board
        at_us = board.supply.good_us(now_us) if board.flat else board.supply.empty_us(now_us)
        self._timer = None if at_us is None else self._module.clock.after(at_us - now_us, self._turn)

    def _turn(self) -> None:
        module, board = self._module, self._module.board
        board.flat = not board.flat
        module.trace("battery", empty=board.flat, millivolts=board.battery_mv)
        if board.flat:
            board.owes_start = module.state != "off"
            module.power_cut()
        elif board.owes_start:
            board.owes_start = False
            if module.state == "off":
                module.power_on(SUPPLY_IS_BACK)
        self.look()
