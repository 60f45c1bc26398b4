"""Diagrams of docs/architecture.md, drawn from the code's own tables. Run as a program it writes them there anew.

A diagram stands between two marks that name it; what is outside of the marks people write.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.jobs.execution import TRANSITIONS, Actor
from sim.jobs.messages import Status

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
_MARKED = re.compile(r"(<!-- diagram: (\w+) -->\n).*?(<!-- end of diagram -->\n)", re.DOTALL)


def renewed(text: str) -> str:
    """The page with its diagrams as the code has them now."""
    drawn = {"layers": layers, "executions": executions}
    return _MARKED.sub(lambda found: found[1] + _fenced(drawn[found[2]]()) + found[3], text)


def _fenced(lines: Iterator[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```\n"])


def layers() -> Iterator[str]:
    """What may import what, from import-linter's contract: each box those below it."""
    contracts: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    (rows,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    yield "flowchart TB"
    for number, row in enumerate(rows):
        yield f'  l{number}["{row}"]'
    yield "  " + " --> ".join(f"l{number}" for number in range(len(rows)))


def executions() -> Iterator[str]:
    """Statuses of a job execution, and who may change one into another."""
    yield "stateDiagram-v2"
    yield f"  [*] --> {Status.QUEUED}"
    for (old, new), actors in TRANSITIONS.items():
        who = ", ".join(actor.value.replace(", forced", " by force") for actor in Actor if actor in actors)
        yield f"  {old} --> {new}: {who}"
    for status in Status:
        if all(old is not status for old, _ in TRANSITIONS):
            yield f"  {status} --> [*]"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
