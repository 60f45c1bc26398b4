"""Names, each with a QoS: of subscribers, or of filters.

Most have exactly one, which is a pair then; a dictionary takes three times as much. None is empty.
"""

from __future__ import annotations

Held = dict[str, int] | tuple[str, int] | None


def with_one(held: Held, name: str, qos: int) -> Held:
    """With this name too; a repeated one takes the new QoS."""
    if held is None or (isinstance(held, tuple) and held[0] == name):
        return name, qos
    if isinstance(held, tuple):
        return {held[0]: held[1], name: qos}
    held[name] = qos
    return held


def without(held: Held, name: str) -> Held:
    """Without this name; harmless when it is not among them."""
    if isinstance(held, dict):
        held.pop(name, None)
        return held or None
    return None if held is not None and held[0] == name else held


def all_of(held: Held) -> dict[str, int]:
    """Each name and its QoS; a dictionary of the caller's own."""
    if held is None:
        return {}
    return {held[0]: held[1]} if isinstance(held, tuple) else dict(held)


def count(held: Held) -> int:
    return len(held) if isinstance(held, dict) else held is not None


def qos_of(held: Held, name: str) -> int | None:
    """None when it is not among them."""
    if isinstance(held, dict):
        return held.get(name)
    return held[1] if held is not None and held[0] == name else None
