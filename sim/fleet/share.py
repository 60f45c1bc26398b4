"""Which devices live in which shard, and which scenarios can be shared out at all.

Devices of one cell share its rate, so they stay together; all others go to the shard that has the fewest. A device's
name, numbers and draws are its own, whichever shard it is in.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.errors import SpecError
from sim.scenario.places import Places
from sim.scenario.schema import Scenario
from sim.scenario.schema_artifact_faults import ServerFault


def share_out(scenario: Scenario, places: Places, shards: int) -> list[frozenset[str]]:
    """The devices of each shard. `places` knows where every device is."""
    shares: list[set[str]] = [set() for _ in range(shards)]
    for group in _together(scenario, places):
        min(shares, key=len).update(group)
    return [frozenset(share) for share in shares]


def check_shardable(scenario: Scenario) -> None:
    """SpecError for what cannot be had in several processes."""
    found = []
    if scenario.cloud.broker is not None or scenario.cloud.aws is not None:
        found.append("a broker outside")
    scripts = any(entry.agent is None for entry in scenario.fleet)
    if scripts and any(fault.times is not None for fault in _server_faults(scenario)):
        found.append("scripts that may ask an artifact server which misbehaves a number of `times`")
    if found:
        raise SpecError(f"a run with --shards cannot have {' or '.join(found)}: run it without --shards")


def _together(scenario: Scenario, places: Places) -> Iterator[list[str]]:
    """Devices that must not be parted, in the scenario's order of the first of each."""
    cells: dict[tuple[str, int], list[str]] = {}
    apart: list[list[str]] = []
    shared = {network for network in places.networks if places.network(network).cells is not None}
    for entry in scenario.fleet:
        for name in entry.devices():
            place = places.of(name)
            if place.network in shared:
                group = cells.setdefault((place.network, place.cell), [])
                if not group:
                    apart.append(group)
                group.append(name)
            else:
                apart.append([name])
    yield from sorted(apart, key=len, reverse=True)  # large ones first, and small ones make it even


def _server_faults(scenario: Scenario) -> Iterator[ServerFault]:
    for fault in scenario.faults:
        found = getattr(fault, fault.kind)
        if isinstance(found, ServerFault):
            yield found
