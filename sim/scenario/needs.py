"""What a run asks of this machine: open files, ports, memory. Computed before anything is opened.

Memory is what was measured with benchmarks/fleet_mqtt.py, rounded up; it says whether a fleet fits, not how large it
will be.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import MachineError
from sim.net import room
from sim.net.plain import SOURCES
from sim.scenario.result import RunOptions
from sim.scenario.schema import Scenario
from sim.units import format_size

BASE_FILES = 100
"""Libraries, listeners, logs, the trace."""

BASE_BYTES = 120_000_000
AGENT_BYTES = 20_000
"""ESTIMATE from benchmarks/fleet_mqtt.py: a device with the built-in agent, its jobs and the cloud's records of it."""

SCRIPT_BYTES = 150_000
"""From benchmarks/scripts.py."""

OUTSIDE_BYTES, INSIDE_BYTES, TLS_END_BYTES = 4_000, 16_000, 40_000
"""One MQTT connection: our end alone; both ends and the broker's session; what TLS adds to each end here."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one run. `ports`: connections to one place at a time; `sources`: addresses that they may start from."""

    devices: int
    files_each: int
    files: int
    ports: int
    sources: int
    memory_bytes: int


def needs_of(scenario: Scenario, options: RunOptions) -> Needs:
    """What this scenario needs over this transport."""
    devices = sum(entry.count for entry in scenario.fleet)
    scripts = sum(entry.count for entry in scenario.fleet if entry.agent is None)
    memory = BASE_BYTES + (devices - scripts) * AGENT_BYTES + scripts * SCRIPT_BYTES
    if options.transport == "memory":
        return Needs(devices, 0, BASE_FILES, 0, 1, memory)
    broker, aws = scenario.cloud.broker, scenario.cloud.aws
    outside = broker is not None or aws is not None
    tls = aws is not None or (broker.url.tls if broker is not None else options.tls)
    ends = 1 if outside else 2
    each = (OUTSIDE_BYTES if outside else INSIDE_BYTES) + tls * ends * TLS_END_BYTES
    near = broker is not None and not tls and broker.url.host.startswith("127.")
    sources = SOURCES if near else 1
    return Needs(
        devices,
        ends,
        BASE_FILES + 2 * room.HTTP_CONNECTIONS + ends * devices,
        devices,
        sources,
        memory + each * devices,
    )


def problems(needs: Needs) -> list[str]:
    """Why this machine cannot run it, each with a way out. Raises the limit of open files where that is enough."""
    found = []
    if not room.allow_open_files(needs.files):
        found.append(
            f"{needs.devices} devices need {needs.files} open files, this machine allows {room.open_files()[1]}: "
            "raise the hard limit (ulimit -Hn), " + _fewer(needs)
        )
    if needs.ports > room.ports() * needs.sources:
        found.append(
            f"{needs.ports} connections to one broker need as many ports, this machine has {room.ports()} "
            "(net.ipv4.ip_local_port_range): use fewer devices or --transport memory"
        )
    return found


def make_room(scenario: Scenario, options: RunOptions) -> None:
    """Have this machine allow what the run needs. MachineError says what it lacks."""
    for problem in problems(needs_of(scenario, options)):
        raise MachineError(problem)


def words(needs: Needs) -> str:
    """The needs in one line."""
    files = f"{needs.files} open files" + (f" ({needs.files_each} a device)" if needs.files_each else "")
    return f"{needs.devices} devices: {files}, {needs.ports} ports, about {format_size(needs.memory_bytes)} of memory"


def _fewer(needs: Needs) -> str:
    if needs.files_each > 1:
        return "use fewer devices, a broker outside (cloud.broker, one file a device) or --transport memory"
    return "use fewer devices or --transport memory"
