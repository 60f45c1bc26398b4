"""Serial ports of a scenario that lead out of the run. They live in real time, so only the paced transport will do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sim.device.module import Module
from sim.errors import SpecError
from sim.kernel.clock import Clock
from sim.scenario.result import Transport
from sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from sim.net.serial import SerialLines


def open_serial_ends(
    scenario: Scenario, clock: Clock, transport: Transport, devices: dict[str, Module]
) -> SerialLines | None:
    """Open the scenario's serial ports, and say in the trace where; None when it has none."""
    entries = [entry for entry in scenario.fleet if entry.uart]
    if not entries:
        return None
    if transport != "paced":
        raise SpecError(
            f"serial ports of {entries[0].name or entries[0].group} lead outside, where time is real, which the "
            f"{transport} transport's is not: use --transport paced, or qpyota up"
        )
    from sim.net.serial import SerialLines

    lines = SerialLines(clock)
    try:
        for entry in entries:
            for name in entry.devices():
                for port, end in sorted(entry.uart.items()):
                    module = devices[name]
                    feed = partial(module.board.arrive_uart, port)
                    line = (name, port)
                    send = lines.open_tcp(line, end.port, feed) if end.port else lines.open_pty(line, feed)
                    module.board.uart(port).peer = send
                    module.trace("uart.outside", port=port, address=lines.addresses[line])
    except BaseException:
        lines.close()
        raise
    return lines
