"""A rollout of a firmware upgrade to a big fleet of built-in agents, in memory, in one process, for 24 virtual hours.

`python benchmarks/fleet.py [--devices N] [--no-faults] [--json]`. Six families, one differential package each, a job
each, after ten minutes, at AWS's exponential pace up to 1,000 a minute; within the first nine, devices are switched on
one after another. Two devices of a hundred are struck by a random fault: mostly a
power cut at a drawn flash operation, any of the upgrade, torn in one of three ways; else a lost signal, or a download
that is broken off or comes with a flipped bit. In the end the images of each struck device are compared, byte for byte,
with what an undisturbed device has.

Figures: CPU and wall seconds of the run; growth of resident memory per device, between the end of building packages and
the end of the run; events and records; and how long stock SimPy takes, in the same process, for as many bare timeouts
of as many processes. Events that were stepped are told apart from those that were accounted for: the pings of devices
at rest. Records are counted and not hashed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import simpy
import yaml

from sim.device.module import Module
from sim.kernel.garbage import rare_collections
from sim.scenario import world as worlds
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.schema import Scenario
from sim.scenario.world import World
from sim.trace import Record, Trace

Ops = dict[str, dict[str, int]]
Images = dict[str, tuple[bytes, ...]]
"""By group: the sectors of all images."""

FAMILIES = {
    "EG915U": ("EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"),
    "EC800G": ("EC800GCNLDR01A01M08_OCPU_QPY", "EC800GCNLDR01A02M08_OCPU_QPY"),
    "EC600E": ("EC600ECNLCR02A01M04_OCPU_QPY", "EC600ECNLCR02A02M04_OCPU_QPY"),
    "EC200A": ("EC200AEUHAR01A24M16_OCPU_QPY", "EC200AEUHAR01A25M16_OCPU_QPY"),
    "EC600NCNLC": ("EC600NCNLCR01A01M16_OCPU_QPY", "EC600NCNLCR01A02M16_OCPU_QPY"),
    "BG95": ("BG95M3LAR02A01M08_OCPU_QPY", "BG95M3LAR02A02M08_OCPU_QPY"),
}
FAULTS = (
    ("power_cut", 0.6, {"op": "flash.program"}, {"torn": "prefix"}),
    ("power_cut", 0.3, {"op": "flash.program"}, {"torn": "random"}),
    ("power_cut", 0.3, {"op": "flash.erase"}, {"torn": "suffix"}),
    ("power_cut", 0.2, {"phase": "apply", "progress": "40%"}, {}),
    ("link_loss", 0.3, {"phase": "download", "progress": "50%"}, {"for": "90s"}),
    ("truncate", 0.2, {"phase": "download", "progress": "0%"}, {"after": "5000B"}),
    ("corrupt_download", 0.1, {"phase": "download", "progress": "0%"}, {}),
)
"""Kind, percent of the devices, moment (one at a flash operation draws which one), what else it takes."""

HURTS = {"truncate", "corrupt_download"}
"""Faults after which an upgrade fails, and the old firmware has to be there."""

EVENTS_A_PING = 8
"""What an idle device's PINGREQ and its answer take when they are stepped (ADR 0085)."""

RAMP = "9m"
"""Devices get their power one after another within this: nobody's fleet is switched on in one microsecond. All are
online when the jobs begin."""

KEEPALIVE_S = 1200
DAY_US = 24 * 3600 * 1_000_000
PACE = {
    "maximumPerMinute": 1000,
    "exponentialRate": {
        "baseRatePerMinute": 50,
        "incrementFactor": 2,
        "rateIncreaseCriteria": {"numberOfNotifiedThings": 1000},
    },
}


def scenario(devices: int, folder: Path, ops: Ops | None = None) -> Scenario:
    """So many devices in equal shares; the first families have one more where it does not come out even. `ops`: how
    many operations of each kind a family's upgrade takes; without it nothing is struck."""
    fleet, packages, objects, jobs, faults = [], {}, {}, [], []
    for number, (model, (old, new)) in enumerate(FAMILIES.items()):
        count = devices // len(FAMILIES) + (number < devices % len(FAMILIES))
        name = model.lower()
        fleet.append({"group": name, "count": count, "model": model, "firmware": old, "agent": "modelled"})
        fleet[-1]["start"] = {"ramp": RAMP}
        packages[name] = {"method": "differential", "from": old, "to": new}
        objects[f"{name}.pack"] = {"package": name}
        faults += random_faults(name, ops[name]) if ops else []
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
        "faults": faults,
        "expect": [f"executions['SUCCEEDED'] <= {devices}"],
    }
    source = folder / "fleet.yaml"
    source.write_text(yaml.safe_dump(document))
    return load_scenario(source)


def random_faults(group: str, ops: dict[str, int]) -> list[dict[str, Any]]:
    """What strikes a family."""
    found = []
    for kind, percent, when, more in FAULTS:
        drawn = {"nth": [1, ops[when["op"]]]} if "op" in when else {}
        found.append({kind: {"device": group, "share": f"{percent}%", "when": {**when, **drawn}, **more}})
    return found


def count_ops(folder: Path) -> Ops:
    """Operations of an undisturbed upgrade, by family and kind. Packages are made on the way, and kept."""
    world = World(scenario(len(FAMILIES), folder), RunOptions(transport="memory"))
    found: Ops = {}
    for module, name in zip(world.devices.values(), FAMILIES, strict=True):
        counts = found[name.lower()] = {"flash.program": 0, "flash.erase": 0}
        module.storage.watch_ops(partial(_count, counts))
    world.start()
    world.clock.run(DAY_US)
    world.close()
    return found


def _count(counts: dict[str, int], kind: str, _address: int) -> None:
    counts[kind] += 1


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


@dataclass
class Struck:
    """What became of the devices that were struck: by kind of fault, how many; and how many of them are exact."""

    faults: dict[str, int]
    exact: int
    wrong: list[str]


def judge(world: World, old: Images) -> Struck:
    """Compare each struck device's images with those of an undisturbed one: the new ones where the upgrade succeeded,
    and where it failed, which only a spoiled download explains, the `old` ones."""
    struck: dict[str, list[str]] = {}
    for fault in world.faults:
        if fault.done:
            struck.setdefault(fault._module.name, []).append(fault.kind)
    new: Images = {}
    for name, module in world.devices.items():
        if name not in struck:
            new.setdefault(group_of(name), images(module))
    jobs = world.account.jobs
    ends = {it.thing: str(it.status) for name in FAMILIES for it in jobs.executions(name.lower())}
    versions = {name.lower(): pair for name, pair in FAMILIES.items()}
    found = Struck({}, 0, [])
    for name, kinds in struck.items():
        for kind in kinds:
            found.faults[kind] = found.faults.get(kind, 0) + 1
        module, group, done = world.devices[name], group_of(name), ends[name] == "SUCCEEDED"
        explained = done or (ends[name] == "FAILED" and not HURTS.isdisjoint(kinds))
        right = explained and module.state == "running" and module.version == versions[group][done]
        if right and images(module) == (new if done else old)[group]:
            found.exact += 1
        else:
            found.wrong.append(f"{name}: {' and '.join(kinds)}, {ends[name]}, runs {module.version or module.state}")
    return found


def group_of(name: str) -> str:
    """The group of a device, which is its family."""
    return name.rpartition("-")[0]


def images(module: Module) -> tuple[bytes, ...]:
    """The sectors of its firmware, of all partitions."""
    regions = module.layout.images.values()
    return tuple(sector for it in regions for sector in module.nor.sectors(it.start, it.size_bytes))


def measure(devices: int, folder: Path, *, faults: bool = True) -> dict[str, Any]:
    """One run to the end of its day."""
    ops = count_ops(folder)
    worlds.Trace = lambda now_us, **_: Trace(now_us, digests=False)  # type: ignore[misc,assignment,attr-defined]
    made, before = scenario(devices, folder, ops if faults else None), resident_bytes()
    built_s = time.process_time()
    world = World(made, RunOptions(transport="memory"))
    built_s = time.process_time() - built_s
    records = 0

    def count(_record: Record) -> None:
        nonlocal records
        records += 1

    world.trace.observe(count)
    old: Images = {}
    for name, module in world.devices.items():
        if group_of(name) not in old:
            old[group_of(name)] = images(module)
    world.start()
    began_s, began_wall_s = time.process_time(), time.monotonic()
    with rare_collections():
        world.clock.run(DAY_US)
    run_s, wall_s = time.process_time() - began_s, time.monotonic() - began_wall_s
    events = next(world.clock.env._eid)
    grown = resident_bytes() - before
    done = {str(status): count for status, count in world.account.jobs.counts().items() if count}
    struck = judge(world, old)
    pings = devices * (DAY_US // (KEEPALIVE_S * 1_000_000) - 1)
    bare_s = bare_timeouts_s(devices, events)
    return {
        "devices": devices,
        "executions": done,
        "struck": struck.faults,
        "struck_and_exact": struck.exact,
        "struck_and_wrong": struck.wrong,
        "build_cpu_s": round(built_s, 1),
        "run_cpu_s": round(run_s, 1),
        "run_wall_s": round(wall_s, 1),
        "cpu_ms_per_device": round(run_s / devices * 1000, 2),
        "memory_kb_per_device": round(grown / devices / 1000, 1),
        "events_per_device": round(events / devices, 1),
        "ping_events_per_device": round(pings * EVENTS_A_PING / devices, 1),
        "records_per_device": round(records / devices, 1),
        "simpy_bare_timeouts_s": round(bare_s, 1),
        "times_bare_timeouts": round(run_s / bare_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--no-faults", action="store_true", help="strike nobody")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.devices, Path(folder), faults=not options.no_faults)
    if options.json:
        json.dump(found, sys.stdout)
        return
    for name, value in found.items():
        print(f"{name:>22}  {value}")


if __name__ == "__main__":
    main()
