"""A fleet whose devices each run a script: both jobs of the first upgrade, in memory, in one process.

`python benchmarks/scripts.py [--devices N] [--rollout PER_MINUTE] [--json]`. The script is scenarios/apps/naive_ota, of
the same shape as the vendor's sample, with one thing name for all of them (`alias`). CPU seconds of this process count,
not those of the wall: devices per CPU second, building included; and by how much the process grew at its largest, per
device. Images and the package are built before. Beside them counts that do not depend on the machine.

Both jobs reach all devices at once, so that a device does the same whatever the size of the fleet: 82 records. At AWS's
own rate, `--rollout 1000`, a thousand devices poll for up to a minute before their turn, and again until the last one
is done: 115 records each.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from sim.kernel.garbage import rare_collections
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import end_when_finished
from sim.scenario.schema import Scenario
from sim.scenario.world import World
from sim.script.loader import compiled_files
from sim.shipped import scenarios_dir
from sim.trace import Record

AT_ONCE = 600_000
"""Executions a minute, the most that scenarios allow."""


def scenario(devices: int, folder: Path, per_minute: int) -> Scenario:
    """The first upgrade for so many devices, all of which run one script."""
    document = yaml.safe_load(find_scenario("first_upgrade").read_text())
    (entry,) = document["fleet"]
    name = entry.pop("name")
    document["fleet"] = [{**entry, "group": "fleet", "count": devices, "script": "apps/naive_ota", "alias": name}]
    document["cloud"]["rules"] = {"mqtt": "relaxed"}  # AWS takes 500 connections a second
    for job in document["jobs"]:
        job["targets"] = ["fleet"]
        job["jobExecutionsRolloutConfig"] = {"maximumPerMinute": per_minute}
    document["expect"] = [f"executions['SUCCEEDED'] == {2 * devices}"]
    for part in ("apps", "first_upgrade"):
        (folder / part).symlink_to(scenarios_dir() / part)
    source = folder / "fleet.yaml"
    source.write_text(yaml.safe_dump(document))
    return load_scenario(source)


def measure(devices: int, folder: Path, per_minute: int = AT_ONCE) -> dict[str, Any]:
    """One run, to the end of the last job."""
    made = scenario(devices, folder, per_minute)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.process_time()
    world = World(made, RunOptions(transport="memory"))
    built_s = time.process_time()
    records = boots = 0

    def count(record: Record) -> None:
        nonlocal records, boots
        records += 1
        boots += record.kind == "boot"

    world.trace.observe(count)
    world.trace.observe(lambda record: end_when_finished(world, record))
    world.start()
    with rare_collections():
        world.clock.run(made.duration_us)
    ended_s = time.process_time()
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    counts = {status.value: number for status, number in world.account.jobs.counts().items() if number}
    assert counts == {"SUCCEEDED": 2 * devices}, counts
    result = {
        "devices": devices,
        "build_s": round(built_s - began_s, 2),
        "run_s": round(ended_s - built_s, 2),
        "devices_per_s": round(devices / (ended_s - began_s), 1),
        "boots_per_s": round(boots / (ended_s - built_s), 1),
        "kib_per_device": round(grown_kib / devices, 1),
        "records_per_device": round(records / devices, 1),
        "simulated_s": world.clock.now_us / 1_000_000,
        "compiled_files": compiled_files(),
        "trace_hash": world.trace.digest(),
    }
    world.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--rollout", type=int, default=AT_ONCE)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as warm_up, tempfile.TemporaryDirectory() as folder:
        measure(3, Path(warm_up))
        result = measure(arguments.devices, Path(folder), arguments.rollout)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<20}{value}")


if __name__ == "__main__":
    sys.exit(main())
