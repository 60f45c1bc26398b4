"""How a paced run tells of its time."""

import pytest

from sim.cli.run import _print_pace

LAG = {"p50": 0.9, "p95": 3.0, "p99": 12.4, "max": 31.0}
SPREAD = {"p50": 0.9, "p95": 8.6, "p99": 12.9, "max": 33.1}


@pytest.mark.parametrize(("connected", "times"), [(10_000, "10000 times"), (9998, "9998 of 10000 times")])
def test_connections_that_came_to_nothing_are_told(capsys, connected, times):
    update = {"count": 3, **SPREAD}
    latency = {"connect": {"count": connected, **SPREAD}, "update": update}
    _print_pace({"speed": 5.0, "sim_time_ratio": 1.0, "lag_ms": LAG, "dialled": 10_000, "latency_ms": latency})
    assert capsys.readouterr().out.splitlines() == [
        "speed 5, sim_time_ratio 1.000, loop lag p50 0.9 ms, p99 12.4 ms, max 31.0 ms",
        f"connect → answer, from the time of intent: {times}, p50 0.9 ms, p95 8.6 ms, p99 12.9 ms, max 33.1 ms",
        "update → answer, from the time of intent: 3 times, p50 0.9 ms, p95 8.6 ms, p99 12.9 ms, max 33.1 ms",
    ]
