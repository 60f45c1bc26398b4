"""What the air does to one packet: how long it takes beyond the rate, and how often it had to be sent.

One draw tells both, so that a packet costs one draw in every network and accounted pings can be skipped. The links are
reliable: a lost packet is sent again when its time-out is over, and costs that time.
"""

from __future__ import annotations

from math import exp, log, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.device.model import RadioSpec

RTO_US, MOST_RTO_US = 1_000_000, 60_000_000
"""RFC 6298: a retransmission time-out is a second at first, doubles each time, and may be held to a minute."""

MOST_RESENDS = 8
"""A packet that is lost so often gets through: what is worse is an outage, not loss."""

SEGMENT_BYTES = 1_400
"""ESTIMATE: payload of a full TCP segment on a cellular bearer (MTU 1,500 less headers and tunnels)."""

UNITS = 1 << 53
"""Draws for `delay` are below this."""

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)


def spread_of(p50_us: int, p95_us: int) -> float:
    """The log-normal distribution with these percentiles → standard deviation of its logarithm."""
    return log(p95_us / p50_us) / _Z95


def reached_bytes_per_s(rate_bytes_per_s: int, rtt_us: int, loss: float) -> int:
    """What a long transfer reaches where this share of packets is lost.

    Mathis, Semke, Mahdavi, Ott 1997: SEGMENT / RTT * sqrt(3/2) / sqrt(loss).
    """
    if not loss or not rtt_us:
        return rate_bytes_per_s
    bound = SEGMENT_BYTES * 1_000_000 / rtt_us * sqrt(1.5 / loss)
    return max(1, min(rate_bytes_per_s, round(bound)))


def delay(spec: RadioSpec, half_us: int, draw: int) -> tuple[int, int]:
    """`half_us` of the way, and a draw below 2**53 → microseconds, and how often the packet was lost."""
    share, lost = (draw + 0.5) / UNITS, 0
    while share < spec.loss and lost < MOST_RESENDS:
        share, lost = share / spec.loss, lost + 1
    if lost < MOST_RESENDS:
        share = (share - spec.loss) / (1 - spec.loss)
    waited_us = sum(min(RTO_US << number, MOST_RTO_US) for number in range(lost))
    if spec.spread:
        share = min(max(share, 1e-12), 1 - 1e-12)
        return waited_us + round(half_us * exp(spec.spread * _NORMAL.inv_cdf(share))), lost
    return waited_us + half_us + int(share * (spec.jitter_us + 1)), lost
