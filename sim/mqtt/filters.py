"""Topic names and topic filters of MQTT, and an index that finds who wants a topic.

Rules: matching is MQTT 3.1.1 §4.7 (a filter that begins with a wildcard does not see `$` topics). An exact
filter costs one look-up; only filters with a wildcard are walked.
"""

from __future__ import annotations

MAX_TOPIC_BYTES = 65_535
"""What an MQTT string can hold."""


def valid_topic(topic: str) -> bool:
    """Whether a client may publish to a topic of this form."""
    return bool(topic) and not any(c in topic for c in "+#\0") and _fits(topic)


def valid_filter(topic_filter: str) -> bool:
    """`#` only as the last whole level, `+` only as a whole level."""
    if not topic_filter or "\0" in topic_filter or not _fits(topic_filter):
        return False
    levels = topic_filter.split("/")
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        return False
    return all(level == "+" or "+" not in level for level in levels)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid filter takes in a valid topic."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index == len(levels):
            return False
        if level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


def _fits(text: str) -> bool:
    try:
        return len(text.encode()) <= MAX_TOPIC_BYTES
    except UnicodeEncodeError:
        return False


class FilterIndex:
    """Which subscriber holds which filter, with the QoS granted."""

    __slots__ = ("_exact", "_wild")

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, int]] = {}
        self._wild: dict[str, dict[str, int]] = {}

    def add(self, subscriber: str, topic_filter: str, qos: int) -> None:
        """A repeated filter takes the new QoS."""
        self._table(topic_filter).setdefault(topic_filter, {})[subscriber] = qos

    def remove(self, subscriber: str, topic_filter: str) -> None:
        table = self._table(topic_filter)
        holders = table.get(topic_filter)
        if holders is not None and holders.pop(subscriber, None) is not None and not holders:
            del table[topic_filter]

    def find(self, topic: str) -> dict[str, int]:
        """Each subscriber that wants `topic` once, with its highest QoS, oldest filter first."""
        found = dict(self._exact.get(topic, ()))
        for topic_filter, holders in self._wild.items():
            if matches(topic_filter, topic):
                for subscriber, qos in holders.items():
                    found[subscriber] = max(qos, found.get(subscriber, 0))
        return found

    def _table(self, topic_filter: str) -> dict[str, dict[str, int]]:
        return self._wild if "+" in topic_filter or "#" in topic_filter else self._exact
