"""The whole first upgrade, on each transport, in one run: seconds, and ratio to memory mode (1.00).

`python benchmarks/end_to_end.py [--json] [--runs N]`. Firmware images and the package are built once, before.
Counts beside the seconds: records of the trace, flash operations, simulated seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

VARIANTS = {
    "memory": RunOptions(transport="memory"),
    "virtual, TCP": RunOptions(transport="virtual", tls=False),
    "virtual, TLS": RunOptions(transport="virtual", tls=True),
    "paced 600x, TLS": RunOptions(transport="paced", speed=600.0),
}


def measure(options: RunOptions, runs: int) -> dict[str, Any]:
    """Median wall seconds of some runs, with the counts of the last."""
    scenario = load_scenario(find_scenario("first_upgrade"))
    seconds, records = [], []
    for _ in range(runs):
        records = []
        start = time.perf_counter()
        result = run_scenario(scenario, options, [records.append])
        seconds.append(time.perf_counter() - start)
        assert result.passed, result
    return {
        "seconds": sorted(seconds)[len(seconds) // 2],
        "records": len(records),
        "simulated_s": result.virtual_s,
        "trace_hash": result.trace_hash,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    start = time.perf_counter()
    measure(VARIANTS["memory"], 1)
    first_s = time.perf_counter() - start
    rows = {name: measure(options, arguments.runs) for name, options in VARIANTS.items()}
    base_s = rows["memory"]["seconds"]
    for row in rows.values():
        row["ratio"] = row["seconds"] / base_s
    assert len({row["trace_hash"] for row in rows.values()}) == 1, "the transports disagree"
    if arguments.json:
        print(json.dumps({"first_run_s": first_s, "rows": rows}))
        return
    print(f"first run in memory, firmware and package built: {first_s:.2f} s")
    print(f"{'transport':<18}{'records':>9}{'simulated':>11}{'seconds':>10}{'ratio':>8}")
    for name, row in rows.items():
        print(f"{name:<18}{row['records']:>9}{row['simulated_s']:>10.1f}s{row['seconds']:>10.3f}{row['ratio']:>8.2f}")


if __name__ == "__main__":
    main()
