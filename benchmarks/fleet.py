"""A rollout of a firmware upgrade to a big fleet of built-in agents, in memory, in one process, for 24 virtual hours.

`python benchmarks/fleet.py [--devices N] [--json]`. Six families, one differential package each, a job each, at AWS's
exponential pace up to 1,000 a minute. CPU and wall seconds of the run; growth of resident memory per device, between
the end of building packages and the end of the run; events and records; and how long stock SimPy takes, in the same
process, for as many bare timeouts of as many processes. Records are counted and not hashed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import simpy
import yaml

from sim.kernel.garbage import rare_collections
from sim.scenario import world as worlds
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.schema import Scenario
from sim.scenario.world import World
from sim.trace import Record, Trace

FAMILIES = {
    "EG915U": ("EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"),
    "EC800G": ("EC800GCNLDR01A01M08_OCPU_QPY", "EC800GCNLDR01A02M08_OCPU_QPY"),
    "EC600E": ("EC600ECNLCR02A01M04_OCPU_QPY", "EC600ECNLCR02A02M04_OCPU_QPY"),
    "EC200A": ("EC200AEUHAR01A24M16_OCPU_QPY", "EC200AEUHAR01A25M16_OCPU_QPY"),
    "EC600NCNLC": ("EC600NCNLCR01A01M16_OCPU_QPY", "EC600NCNLCR01A02M16_OCPU_QPY"),
    "BG95": ("BG95M3LAR02A01M08_OCPU_QPY", "BG95M3LAR02A02M08_OCPU_QPY"),
}
DAY_US = 24 * 3600 * 1_000_000
PACE = {
    "maximumPerMinute": 1000,
    "exponentialRate": {
        "baseRatePerMinute": 50,
        "incrementFactor": 2,
        "rateIncreaseCriteria": {"numberOfNotifiedThings": 1000},
    },
}


def scenario(devices: int, folder: Path) -> Scenario:
    """So many devices in equal shares; the first families have one more where it does not come out even."""
    fleet, packages, objects, jobs = [], {}, {}, []
    for number, (model, (old, new)) in enumerate(FAMILIES.items()):
        count = devices // len(FAMILIES) + (number < devices % len(FAMILIES))
        name = model.lower()
        fleet.append({"group": name, "count": count, "model": model, "firmware": old, "agent": "modelled"})
        packages[name] = {"method": "differential", "from": old, "to": new}
        objects[f"{name}.pack"] = {"package": name}
        url = f"${{aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/{name}.pack}}"
        file = {"fileName": f"{name}.pack", "fileVersion": new, "fileSource": {"url": url}}
        jobs.append(
            {
                "jobId": name,
                "at": "10m",
                "targets": [name],
                "presignedUrlConfig": {"expiresInSec": 3600},
                "jobExecutionsRolloutConfig": PACE,
                "document": [{"operation": "FOTA", "files": [file]}],
            }
        )
    document = {
        "version": 1,
        "name": "fleet",
        "duration": "24h",
        "fleet": fleet,
        "packages": packages,
        "cloud": {"buckets": {"firmware": objects}, "rules": {"mqtt": "relaxed"}},
        "jobs": jobs,
        "expect": [f"executions['SUCCEEDED'] == {devices}"],
    }
    source = folder / "fleet.yaml"
    source.write_text(yaml.safe_dump(document))
    return load_scenario(source)


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def bare_timeouts_s(processes: int, events: int) -> float:
    """CPU seconds of stock SimPy for so many timeouts, spread over so many processes."""
    env = simpy.Environment()
    each = max(1, events // processes)

    def story(offset: int) -> Any:
        for step in range(each):
            yield env.timeout(offset % 97 + step % 7 + 1)

    for number in range(processes):
        env.process(story(number))
    began_s = time.process_time()
    env.run()
    return time.process_time() - began_s


def measure(devices: int, folder: Path) -> dict[str, Any]:
    """One run to the end of its day."""
    worlds.Trace = lambda now_us: Trace(now_us, digests=False)  # type: ignore[misc,assignment,attr-defined]
    measured = scenario(6, folder)
    World(measured, RunOptions(transport="memory")).close()  # packages are made and kept
    made, before = scenario(devices, folder), resident_bytes()
    built_s = time.process_time()
    world = World(made, RunOptions(transport="memory"))
    built_s = time.process_time() - built_s
    records = 0

    def count(_record: Record) -> None:
        nonlocal records
        records += 1

    world.trace.observe(count)
    world.start()
    began_s, began_wall_s = time.process_time(), time.monotonic()
    with rare_collections():
        world.clock.run(DAY_US)
    run_s, wall_s = time.process_time() - began_s, time.monotonic() - began_wall_s
    events = next(world.clock.env._eid)
    grown = resident_bytes() - before
    done = {str(status): count for status, count in world.account.jobs.counts().items() if count}
    bare_s = bare_timeouts_s(devices, events)
    return {
        "devices": devices,
        "executions": done,
        "build_cpu_s": round(built_s, 1),
        "run_cpu_s": round(run_s, 1),
        "run_wall_s": round(wall_s, 1),
        "cpu_ms_per_device": round(run_s / devices * 1000, 2),
        "memory_kb_per_device": round(grown / devices / 1000, 1),
        "events_per_device": round(events / devices, 1),
        "records_per_device": round(records / devices, 1),
        "simpy_bare_timeouts_s": round(bare_s, 1),
        "times_bare_timeouts": round(run_s / bare_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.devices, Path(folder))
    if options.json:
        json.dump(found, sys.stdout)
        return
    for name, value in found.items():
        print(f"{name:>22}  {value}")


if __name__ == "__main__":
    main()
