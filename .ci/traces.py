"""Prints the hash of the trace of a shipped scenario, in memory and over sockets, and of each application of the tests.

One line each. `.ci/pythons` compares what different Pythons print; whatever fails ends it.
"""

import sys
from pathlib import Path

from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

APPS = Path(__file__).parents[1] / "tests" / "script" / "apps"
SHIPPED = find_scenario("first_upgrade")


def main() -> None:
    for transport, path in [
        ("virtual", SHIPPED),
        ("memory", SHIPPED),
        *(("memory", path) for path in sorted(APPS.glob("*/scenario.yaml"))),
    ]:
        result = run_scenario(load_scenario(path), RunOptions(transport=transport), [])
        if not result.passed:
            sys.exit(f"{path} ({transport}) fails on Python {sys.version.split()[0]}")
        print(result.scenario, transport, result.trace_hash, flush=True)


main()
