"""Topic names and topic filters of MQTT, and an index that finds who wants a topic.

Rules: matching is MQTT 3.1.1 §4.7 (a filter that begins with a wildcard does not see `$` topics), except that
Amazon's `a/#` does not take in `a`. An exact filter costs one look-up; those with a wildcard stand in a tree of
levels, so that what a topic costs depends on the filters that could match it and not on all there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.mqtt.held import Held, all_of, with_one, without

MAX_TOPIC_BYTES = 65_535
"""What an MQTT string can hold."""


def valid_topic(topic: str) -> bool:
    """Whether a client may publish to a topic of this form."""
    return bool(topic) and "+" not in topic and "#" not in topic and "\0" not in topic and _fits(topic)


def valid_filter(topic_filter: str) -> bool:
    """`#` only as the last whole level, `+` only as a whole level."""
    if not topic_filter or "\0" in topic_filter or not _fits(topic_filter):
        return False
    if not _has_wildcard(topic_filter):
        return True
    levels = topic_filter.split("/")
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        return False
    return all(level == "+" or "+" not in level for level in levels)


def matches(topic_filter: str, topic: str, *, hash_takes_parent: bool = True) -> bool:
    """Whether a valid filter takes in a valid topic."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return hash_takes_parent or index < len(levels)
        if index == len(levels):
            return False
        if level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


def _fits(text: str) -> bool:
    if text.isascii():
        return len(text) <= MAX_TOPIC_BYTES
    try:
        return len(text.encode()) <= MAX_TOPIC_BYTES
    except UnicodeEncodeError:
        return False


class _Level:
    """One level of the filters that have a wildcard somewhere."""

    __slots__ = ("below", "holders")

    def __init__(self) -> None:
        self.below: dict[str, _Level] = {}
        self.holders: dict[str, int] = {}


class FilterIndex:
    """Which subscriber holds which filter, with the QoS granted. `hash_takes_parent`: `a/#` takes in `a`."""

    __slots__ = ("_exact", "_hash_takes_parent", "_wild")

    def __init__(self, *, hash_takes_parent: bool = True) -> None:
        self._hash_takes_parent = hash_takes_parent
        self._exact: dict[str, Held] = {}
        self._wild = _Level()

    def add(self, subscriber: str, topic_filter: str, qos: int) -> None:
        """A repeated filter takes the new QoS."""
        if not _has_wildcard(topic_filter):
            self._exact[topic_filter] = with_one(self._exact.get(topic_filter), subscriber, qos)
            return
        at = self._wild
        for name in topic_filter.split("/"):
            at = at.below.setdefault(name, _Level())
        at.holders[subscriber] = qos

    def remove(self, subscriber: str, topic_filter: str) -> None:
        """Harmless when there is no such filter."""
        if not _has_wildcard(topic_filter):
            left = without(self._exact.pop(topic_filter, None), subscriber)
            if left is not None:
                self._exact[topic_filter] = left
            return
        path = [self._wild]
        names = topic_filter.split("/")
        for name in names:
            if (found := path[-1].below.get(name)) is None:
                return
            path.append(found)
        path[-1].holders.pop(subscriber, None)
        while names and not path[-1].holders and not path[-1].below:
            path.pop()
            del path[-1].below[names.pop()]

    def find(self, topic: str) -> dict[str, int]:
        """Each subscriber that wants `topic` once, with its highest QoS."""
        held = self._exact.get(topic)
        found = {} if held is None else all_of(held)
        if self._wild.below:
            for holders in self._walk(topic):
                for subscriber, qos in holders.items():
                    found[subscriber] = max(qos, found.get(subscriber, 0))
        return found

    def _walk(self, topic: str) -> Iterator[dict[str, int]]:
        at = [self._wild]
        wildcards_count = topic[:1] != "$"
        for name in topic.split("/"):
            here, at = at, []
            for level in here:
                if (below := level.below.get(name)) is not None:
                    at.append(below)
                if wildcards_count:
                    if (below := level.below.get("+")) is not None:
                        at.append(below)
                    if (below := level.below.get("#")) is not None:
                        yield below.holders
            wildcards_count = True
        for level in at:
            yield level.holders
            if self._hash_takes_parent and (below := level.below.get("#")) is not None:
                yield below.holders


def _has_wildcard(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter
