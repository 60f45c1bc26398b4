"""What shards cost: a faulty scenario of 500 devices in one process, over sockets in virtual time, and in shards.

    python benchmarks/shards.py [--devices 500] [--shards 1,2,5] [--no-sockets]

Every line has the digest over the final job table and the traces of all tracks: they are to be equal, and the exit code
says whether they are. Barriers are windows of time that the hub waited for.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from sim.fleet.hub import Hub, ShardPlan
from sim.fleet.run import run_judged
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.schema import Scenario
from sim.trace import Record

FAULTS = """
faults:
  - power_cut: { device: current, share: 30%, when: { op: flash.erase, nth: 3 }, off_for: 20s }
  - power_cut: { device: current, share: 10%, when: { at: 700s }, off_for: 5s }
  - power_cut: { device: outdated, share: 20%, when: { at: 95s }, off_for: 30s }
  - link_loss: { device: current, share: 30%, when: { at: 660s }, for: 40s }
  - broker_down: { at: 330s, for: 20s }
"""


def scenario_of(devices: int, folder: Path) -> Scenario:
    """The staged rollout with so many devices, two thirds of which the package fits, and much that goes wrong."""
    text = find_scenario("staged_rollout").read_text()
    text = text[: text.index("expect:")] + FAULTS
    text = text.replace("count: 20", f"count: {devices // 3}").replace("count: 40", f"count: {devices - devices // 3}")
    path = folder / "faulty.yaml"
    path.write_text(text)
    return load_scenario(path)


def digest_of(result: RunResult, executions: dict[str, list[object]]) -> str:
    """Of the job table and of all traces."""
    told = [result.trace_hash, result.executions, result.virtual_s, sorted(executions.items())]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


class Watched:
    """A run that is timed; `barriers` is 0 where there are none."""

    def __init__(self, scenario: Scenario, options: RunOptions, shards: int = 0) -> None:
        self.executions: dict[str, list[object]] = {}
        self.barriers = 0
        began_s = time.perf_counter()
        if shards:
            result = run_judged(scenario, options, [self.see], run=self.sharded(shards))
        else:
            result = run_judged(scenario, options, [self.see])
        self.wall_s = time.perf_counter() - began_s
        self.result, self.digest = result, digest_of(result, self.executions)

    def see(self, record: Record) -> None:
        """Keep the last status of each execution."""
        if record.kind == "execution":
            self.executions[f"{record.track} {record.data['job']}"] = [record.data["new"], record.data["version"]]

    def sharded(self, shards: int) -> Callable[..., RunResult]:
        """A run in processes; its time begins when all of them are there."""

        def run(scenario: Scenario, options: RunOptions, observers: object, attendants: object) -> RunResult:
            hub = Hub(scenario, options, ShardPlan(shards))
            first: list[float] = []
            hub.on_window = lambda _: first or first.append(time.perf_counter())
            try:
                result = hub.run(observers, attendants)  # type: ignore[arg-type]
                self.barriers, self.running_s = hub.windows, time.perf_counter() - first[0]
                return result
            finally:
                hub.close()

        return run


def main() -> int:
    """Print the table; 1 when digests differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--shards", default="1,2,5")
    parser.add_argument("--no-sockets", action="store_true")
    given = parser.parse_args()
    memory = RunOptions(transport="memory")
    digests = set()
    with TemporaryDirectory() as folder:
        scenario = scenario_of(given.devices, Path(folder))
        ways = [("memory", memory, 0)]
        ways += [] if given.no_sockets else [("virtual", RunOptions(transport="virtual"), 0)]
        ways += [(f"{shards} shard{'s' * (shards != '1')}", memory, int(shards)) for shards in given.shards.split(",")]
        for name, options, shards in ways:
            done = Watched(scenario, options, shards)
            digests.add(done.digest)
            line = f"{name:10} {done.digest}  {done.wall_s:6.1f} s  simulated {done.result.virtual_s:.0f} s"
            if shards:
                line += f"  {done.barriers} barriers, {done.barriers / done.running_s:.0f} a second"
            print(line + f"  {done.result.executions}", flush=True)
    print("all equal" if len(digests) == 1 else "NOT EQUAL")
    return len(digests) - 1


if __name__ == "__main__":
    sys.exit(main())
