"""A package that was damaged after it was requested, 5,000 times: the bootloader drops it and runs what is there."""

from __future__ import annotations

import pytest
from sweep_rig import packages, small_flow

from sim.boot.bootloader import Bootloader
from sim.boot.journal import Journal, JournalState
from sim.kernel.seeds import stream
from sim.sweep.clean_run import live_until_rest

ROUNDS = 1250


@pytest.mark.parametrize("method", ["differential", "full"])
@pytest.mark.parametrize("block_sectors", [1, 2])
def test_it_is_never_applied_and_never_ends_otherwise(method, block_sectors):
    flow = small_flow(method, block_sectors=block_sectors)
    for _ in flow.ask():
        pass
    nor, area, layout = flow.nor, flow.layout.package, flow.layout
    package, start = packages(method, block_sectors)[0], nor.snapshot()
    images = {name: region.image(0, region.size_bytes) for name, region in layout.images.items()}
    rng = stream(block_sectors, method, "damaged packages")
    codes = set()
    for _ in range(ROUNDS):
        nor.restore(start)
        damaged = bytearray(package)
        for _ in range(rng.randrange(1, 4)):
            first, length = rng.randrange(len(package)), rng.choice((1, 1, 2, 4, 16, 256))
            damaged[first : first + length] = rng.randbytes(len(damaged[first : first + length]))
        if damaged == package:
            continue
        area.load(0, bytes(damaged))
        steps = Bootloader(layout, flow.trust).run()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                outcome = end.value
                break
        codes.add(int(outcome.code))
        assert (outcome.action, outcome.version) == ("run", "V1")
        assert {name: region.image(0, region.size_bytes) for name, region in layout.images.items()} == images
        assert Journal(layout.journal).state == JournalState()
    assert 0 not in codes
    assert {505, 506} & codes
    nor.restore(start)
    assert live_until_rest(flow)
    assert flow.judge(asked=True).detail == "", "undamaged, it is applied"
