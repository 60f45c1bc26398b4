"""Memory of a fleet's flash: 100,000 devices of 8 MiB, before and after an upgrade, and with some of them cut short.
`python benchmarks/fleet_flash.py [--json] [--devices N]`.

Some devices are upgraded by the real bootloader, step by step; the others take over what these came to, as a fleet
does, and it is checked that both hold the very same chunks. One in twenty is left where power went, at an operation
of its own. Memory is counted by tracemalloc, and up to 32 MiB of it are sim.flash's memo of how data is cut into
sectors, however many devices there are. Exit code 1 if the fleet takes more than 60 MB before or after its upgrade.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tracemalloc
from pathlib import Path
from time import perf_counter
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from sim.device.catalogue import load_model
from sim.flash.nor import Nor
from sim.flash.torn import Torn
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream
from sim.sweep.clean_run import live_until_rest
from sim.sweep.flow import FirmwareFlow
from sim.sweep.matrix import make_flow

FLOW = "EG915U/differential"
DEVICES = 100_000
REALLY_UPGRADED = 2
ONE_CUT_IN = 20
CUT_STATES = 20  # distinct places where power went; every device that was cut is in one of them
LIMIT_BYTES = 60_000_000

Row = dict[str, Any]


def upgrade(flow: FirmwareFlow, nor: Nor) -> None:
    """Do the whole upgrade on this flash, through the flow's own."""
    flow.nor.restore(flow.start)
    for _ in flow.ask():
        pass
    assert live_until_rest(flow)
    nor.restore(flow.nor.snapshot())


def cut_states(flow: FirmwareFlow, ops: int) -> list[Any]:
    """What power cuts at random operations leave."""
    rng = stream(0, "fleet", "cuts")
    states = []
    for _ in range(CUT_STATES):
        flow.nor.restore(flow.start)
        flow.nor.arm_cut(rng.randrange(ops), rng.choice(list(Torn)), rng.randrange(1 << 30))
        try:
            for _ in flow.ask():
                pass
            live_until_rest(flow)
        except PowerLoss:
            states.append(flow.nor.snapshot())
    return states


def measure(devices: int) -> list[Row]:
    """Bytes in use after each stage of the fleet's life."""
    part = load_model(FLOW.partition("/")[0]).part
    rows: list[Row] = []
    tracemalloc.start()
    gc.collect()
    started = tracemalloc.get_traced_memory()[0]

    def note(name: str, began_s: float) -> None:
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - started
        seconds = round(perf_counter() - began_s, 2)
        rows.append({"what": name, "devices": devices, "seconds": seconds, "bytes": used, "each": used // devices})

    began_s = perf_counter()
    flow = make_flow(FLOW)
    assert isinstance(flow, FirmwareFlow)
    fleet = [Nor(part) for _ in range(devices)]
    for nor in fleet:
        nor.restore(flow.start)
    note("before", began_s)

    began_s = perf_counter()
    for nor in fleet[:REALLY_UPGRADED]:
        upgrade(flow, nor)
    after = fleet[0].snapshot()
    assert all(nor.snapshot().chunks == after.chunks for nor in fleet[:REALLY_UPGRADED])
    for nor in fleet[REALLY_UPGRADED:]:
        nor.restore(after)
    note("after", began_s)

    began_s = perf_counter()
    states = cut_states(flow, after.ops - flow.start.ops)
    for number, nor in enumerate(fleet[::ONE_CUT_IN]):
        nor.restore(states[number % len(states)])
    note(f"1 in {ONE_CUT_IN} cut short", began_s)
    tracemalloc.stop()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--devices", type=int, default=DEVICES)
    options = parser.parse_args()
    rows = measure(options.devices)
    if options.json:
        print(json.dumps({"fleet_flash": rows, "limit_bytes": LIMIT_BYTES}, indent=2))
    else:
        for row in rows:
            print(f"{row.pop('what'):20} " + "  ".join(f"{key} {value:,}" for key, value in row.items()))
    return int(max(row["bytes"] for row in rows[:2]) > LIMIT_BYTES)


if __name__ == "__main__":
    sys.exit(main())
