"""What a broker allows its clients: Amazon's limits, or as much as MQTT and this machine can take.

Figures of `AWS` are from "AWS IoT Core message broker and protocol limits and quotas" and "MQTT" of the developer
guide, unless marked. `RELAXED` follows MQTT 3.1.1 and keeps only the bounds that protect the broker itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

UNLIMITED = 1 << 62

TOPIC_OVERHEAD_BYTES = 260
"""What a PUBLISH carries beside its payload: two lengths or ids of two bytes, and a topic of AWS's size."""

_KIB = 1024
_WEEK_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class BrokerRules:
    """Limits of one broker. Rates are counted in whole seconds that begin with the first of their kind."""

    keepalive_min_s: int
    keepalive_max_s: int
    """0: no upper limit, and 0 s from a client means for ever. Else 0 s means this many."""
    payload_limit_bytes: int
    packet_limit_bytes: int
    """What may follow a fixed header."""
    client_id_limit_bytes: int
    topic_limit_bytes: int
    slashes_limit: int
    """In a topic or filter, that of a leading `$aws/` not counted."""
    filters_per_subscribe: int
    filters_per_connection: int
    hash_takes_parent: bool
    """Whether `a/#` takes in `a`, as MQTT has it and Amazon has not."""
    retained_to_wildcards: bool
    """Whether a filter with a wildcard gets retained messages when it is made."""
    qos_2_subscribes: bool
    """Whether a SUBSCRIBE that asks for QoS 2 is answered (with QoS 1) or not at all."""
    publishes_per_s: int
    """Of one connection; more are dropped, and at QoS 1 not acknowledged."""
    deliveries_per_s: int
    """Towards one connection; QoS 0 beyond it is dropped."""
    reconnect_after_s: int
    """How long after a CONNECT the same client id may not send another."""
    connects_per_account_s: int
    in_flight_limit: int
    """QoS 1 messages on their way to one client; more wait."""
    waiting_limit: int
    """QoS 1 messages that wait for one client; the newest beyond it are dropped, as mosquitto does."""
    retained_limit: int
    """Topics with a retained message; a new one beyond it is sent on but not kept."""
    session_expiry_s: int
    """How long a lasting session outlives its connection."""

    def keepalive_s(self, asked_s: int) -> int:
        """The keepalive that counts for a client which asked for this one; 0: none."""
        if not self.keepalive_max_s:
            return max(asked_s, self.keepalive_min_s) if asked_s else 0
        return min(max(asked_s or self.keepalive_max_s, self.keepalive_min_s), self.keepalive_max_s)

    def patience_us(self, asked_s: int) -> int:
        """How long a client may be silent: one and a half times its keepalive. 0: for ever."""
        return self.keepalive_s(asked_s) * 1_500_000

    def takes_topic(self, topic: str) -> bool:
        """Whether a topic or filter is short enough."""
        size_bytes = len(topic) if topic.isascii() else len(topic.encode())
        if size_bytes > self.topic_limit_bytes:
            return False
        slashes = topic.count("/")
        return slashes <= self.slashes_limit or slashes - topic.startswith("$aws/") <= self.slashes_limit


AWS = BrokerRules(
    keepalive_min_s=30,
    keepalive_max_s=1200,
    payload_limit_bytes=128 * _KIB,
    packet_limit_bytes=128 * _KIB + TOPIC_OVERHEAD_BYTES,
    client_id_limit_bytes=128,
    topic_limit_bytes=256,
    slashes_limit=7,
    filters_per_subscribe=8,
    filters_per_connection=50,
    hash_takes_parent=False,
    retained_to_wildcards=False,
    qos_2_subscribes=False,
    publishes_per_s=100,
    deliveries_per_s=100,
    reconnect_after_s=1,
    connects_per_account_s=3000,
    in_flight_limit=100,
    waiting_limit=1000,  # ESTIMATE: mosquitto's default; Amazon names none
    retained_limit=10_000,  # ESTIMATE: Amazon allows 500,000 an account
    session_expiry_s=3600,
)

RELAXED = BrokerRules(
    keepalive_min_s=0,
    keepalive_max_s=0,
    payload_limit_bytes=UNLIMITED,
    packet_limit_bytes=1024 * _KIB,  # what the device's client takes; MQTT itself: 256 MiB
    client_id_limit_bytes=65_535,
    topic_limit_bytes=65_535,
    slashes_limit=UNLIMITED,
    filters_per_subscribe=UNLIMITED,
    filters_per_connection=10_000,
    hash_takes_parent=True,
    retained_to_wildcards=True,
    qos_2_subscribes=True,
    publishes_per_s=UNLIMITED,
    deliveries_per_s=UNLIMITED,
    reconnect_after_s=0,
    connects_per_account_s=UNLIMITED,
    in_flight_limit=1000,
    waiting_limit=1000,
    retained_limit=10_000,
    session_expiry_s=_WEEK_S,
)


class Pace:
    """Counts what happens within a second."""

    __slots__ = ("_count", "_limit", "_since_us")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._since_us = -1_000_000
        self._count = 0

    def allows(self, time_us: Callable[[], int]) -> bool:
        """Count one more, unless this second is full."""
        now_us = time_us()
        if now_us - self._since_us >= 1_000_000:
            self._since_us, self._count = now_us, 0
        if self._count >= self._limit:
            return False
        self._count += 1
        return True


def pace_of(limit: int) -> Pace | None:
    """A pace of one's own, if there is a limit to it."""
    return None if limit >= UNLIMITED else Pace(limit)
