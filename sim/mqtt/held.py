"""Names, each with a QoS: of subscribers, or of filters.

Most have exactly one, at QoS 0, and are that name then; or a pair. A dictionary takes four times as much. None is
empty.
"""

from __future__ import annotations

Held = dict[str, int] | tuple[str, int] | str | None


def with_one(held: Held, name: str, qos: int) -> Held:
    """With this name too; a repeated one takes the new QoS."""
    if isinstance(held, dict):
        held[name] = qos
        return held
    if held is not None:
        more = {**all_of(held), name: qos}
        if len(more) > 1:
            return more
    return (name, qos) if qos else name


def without(held: Held, name: str) -> Held:
    """Without this name; harmless when it is not among them."""
    if isinstance(held, dict):
        held.pop(name, None)
        return held or None
    return None if qos_of(held, name) is not None else held


def all_of(held: Held) -> dict[str, int]:
    """Each name and its QoS; a dictionary of the caller's own."""
    if held is None:
        return {}
    if isinstance(held, str):
        return {held: 0}
    return {held[0]: held[1]} if isinstance(held, tuple) else dict(held)


def count(held: Held) -> int:
    """How many names."""
    return len(held) if isinstance(held, dict) else held is not None


def qos_of(held: Held, name: str) -> int | None:
    """None when it is not among them."""
    if isinstance(held, str):
        return 0 if held == name else None
    if isinstance(held, dict):
        return held.get(name)
    return held[1] if held is not None and held[0] == name else None
