"""One schedule on every transport: the same scenario and seed give the same trace of each device."""

import random

import pytest
from upgrade_bench import DEVICE

VARIANTS = {
    "memory": {"transport": "memory"},
    "virtual over TCP": {"transport": "virtual", "tls": False},
    "virtual over TLS": {"transport": "virtual", "tls": True},
    "paced 60x over TLS": {"transport": "paced", "speed": 60.0},
}


def tracks(done):
    """The trace as text per track, so that a difference can be read."""
    found = {}
    for record in done.records:
        found.setdefault(record.track, []).append(f"{record.at_us} {record.kind} {record.data}")
    return found


def test_every_transport_gives_the_same_trace_twice(bench):
    reference = bench(**VARIANTS["memory"]).run_until_finished()
    assert sorted(reference.world.trace.hashes()) == [
        DEVICE,
        DEVICE + "@cloud",
        "job/jobappota@cloud",
        "job/jobfota@cloud",
    ]
    for name, how in VARIANTS.items():
        for attempt in (1, 2):
            done = bench(**how).run_until_finished()
            assert tracks(done) == tracks(reference), f"{name}, run {attempt}"
            assert done.world.trace.digest() == reference.world.trace.digest()


def test_another_seed_gives_another_trace(bench):
    one, other = bench(seed=1).run_until_finished(), bench(seed=2).run_until_finished()
    assert one.world.trace.digest() != other.world.trace.digest()


@pytest.mark.parametrize("order", range(3))
def test_the_order_of_select_results_does_not_matter(bench, order):
    reference = bench().run_until_finished()
    shuffled = bench(transport="virtual")
    loop, shuffler = shuffled.world.clock.loop, random.Random(order)
    inner = loop._select

    def select(real, timeout):
        events = list(inner(real, timeout))
        shuffler.shuffle(events)
        return events

    loop._select = select
    shuffled.run_until_finished()
    assert tracks(shuffled) == tracks(reference)


@pytest.mark.parametrize("umqtt", ["2021", "upstream"])
def test_transports_agree_for_every_client_generation(bench, umqtt):
    runs = [bench(umqtt=umqtt, duration="5m", **VARIANTS[name]) for name in ("memory", "virtual over TLS")]
    memory, wire = (tracks(one.run_until_finished()) for one in runs)
    assert memory == wire


def test_transports_agree_on_the_firmware_of_2021(bench):
    runs = [bench(umqtt=2021, generation="G21", **VARIANTS[name]) for name in ("memory", "virtual over TLS")]
    memory, wire = (tracks(one.run_until_finished()) for one in runs)
    assert memory == wire


@pytest.mark.parametrize("share_us", [9_000_000, 11_000_000, 60_000_000])
def test_transports_agree_when_power_goes(bench, share_us):
    """The old connection stays open at the broker until the new one takes over; nobody is told."""
    faults = f"[{{power_cut: {{device: {DEVICE}, when: {{at: {share_us}us}}, off_for: 30s}}}}]"
    runs = [bench(faults=faults, **VARIANTS[name]) for name in ("memory", "virtual over TCP", "virtual over TLS")]
    memory, tcp, tls = (tracks(one.run_until_finished()) for one in runs)
    assert memory == tcp == tls
