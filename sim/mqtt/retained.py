"""Retained messages, found by topic or by a filter with wildcards.

Rules: no message is kept on a topic that begins with `$`, so that a leading wildcard takes in all. What a search
costs depends on the topics that share the filter's levels, not on all there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.ports import Message


class _Level:
    __slots__ = ("below", "message")

    def __init__(self) -> None:
        self.below: dict[str, _Level] = {}
        self.message: Message | None = None


class Retained:
    """At most `limit` messages, one a topic."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._root = _Level()

    def keep(self, message: Message) -> None:
        """In place of an older one of its topic; a new topic beyond the limit is not kept."""
        if self._count >= self._limit and not self.has(message.topic):
            return
        at = self._root
        for name in message.topic.split("/"):
            at = at.below.setdefault(name, _Level())
        self._count += at.message is None
        at.message = message

    def drop(self, topic: str) -> None:
        """Harmless when there is none."""
        names, path = topic.split("/"), [self._root]
        for name in names:
            if (found := path[-1].below.get(name)) is None:
                return
            path.append(found)
        self._count -= path[-1].message is not None
        path[-1].message = None
        while names and path[-1].message is None and not path[-1].below:
            path.pop()
            del path[-1].below[names.pop()]

    def __bool__(self) -> bool:
        """Whether anything is retained at all."""
        return self._count > 0

    def has(self, topic: str) -> bool:
        return any(True for _ in self.find(topic, hash_takes_parent=False))

    def find(self, topic_filter: str, *, hash_takes_parent: bool) -> Iterator[Message]:
        """What a filter, with wildcards or not, takes in."""
        at = [self._root]
        for name in topic_filter.split("/"):
            if name == "#":
                yield from _below(at, with_themselves=hash_takes_parent)
                return
            if name == "+":
                at = [below for level in at for below in level.below.values()]
            else:
                at = [level.below[name] for level in at if name in level.below]
        yield from (level.message for level in at if level.message is not None)


def _below(levels: list[_Level], *, with_themselves: bool) -> Iterator[Message]:
    left = levels if with_themselves else [below for level in levels for below in level.below.values()]
    while left:
        yield from (level.message for level in left if level.message is not None)
        left = [below for level in left for below in level.below.values()]
