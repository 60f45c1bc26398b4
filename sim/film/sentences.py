"""One sentence for each record: what happened, and why."""

from __future__ import annotations

from typing import Any


def say(kind: str, data: dict[str, Any], name: str) -> str:
    """A sentence on a record of this track."""
    return f"{name}: {kind}{' ' * bool(data)}{', '.join(map(str, data.values()))[:100]}."
