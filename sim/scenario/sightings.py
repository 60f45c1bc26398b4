"""How often something happened, for `seen[KIND]` of expect lines: an observer that counts records of a few kinds.

It is there only in a run whose expressions ask for it. Kinds are a closed list, so that a slip of the pen cannot count
nothing and hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sim.scenario.views import SeenView
from sim.trace import Record, Trace
from sim.units import US_PER_S

SEEN_KINDS = {
    "boot": "a device began to run its application",
    "fault": "something struck a device",
    "http": "an answer of a web server, a refusal among them",
    "link.lost": "a device lost the network",
    "log": "a line of a script's log",
    "mqtt.connack": "the broker took a connection, or refused it",
    "mqtt.connect": "a device tried to connect to the broker",
    "mqtt.in": "a message to a device",
    "mqtt.out": "a message from a device",
    "power.cut": "a device lost its power",
    "print": "a line that a script printed",
    "reset": "a device restarted itself",
    "traceback": "an exception that nobody caught",
    "update.refused": "a package that a module did not take",
    "update.requested": "a package that is to be installed at the next start",
}
"""Kinds of records that can be asked for, and what each is."""

_NAMED = re.compile(r"""\bseen\s*\[\s*(['"])(?P<kind>[a-z.]+)\1\s*\]""")


def kinds_in(expressions: Iterable[str]) -> frozenset[str]:
    """The kinds that checked expressions ask for."""
    return frozenset(match["kind"] for line in expressions for match in _NAMED.finditer(line))


class Sightings:
    """Counts records of these kinds. Time goes on only, so that a second is over when the next one begins."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._counts = dict.fromkeys(sorted(kinds), 0)
        self._second: dict[str, tuple[int, int]] = {}
        self._most = dict.fromkeys(self._counts, 0)

    def listen(self, trace: Trace) -> None:
        """Count what it tells from now on."""
        trace.observe(self._saw, self._counts)

    def _saw(self, record: Record) -> None:
        kind = record.kind
        self._counts[kind] += 1
        second, number = record.at_us // US_PER_S, 1
        known = self._second.get(kind)
        if known is not None and known[0] == second:
            number += known[1]
        self._second[kind] = (second, number)
        self._most[kind] = max(self._most[kind], number)

    def views(self) -> dict[str, SeenView]:
        """What was counted, by kind."""
        return {kind: SeenView(count, self._most[kind]) for kind, count in self._counts.items()}
