"""The merge sweep may be believed: it rests on what is tested here, and agrees with the slow way, cut by cut."""

from __future__ import annotations

import pytest
from planted import BUGS, flow_of
from sweep_rig import small_flow

from sim.flash.torn import Torn
from sim.kernel.seeds import stream
from sim.sweep.clean_run import SweepError, clean_run, differing_sectors, live_until_rest
from sim.sweep.merge import MergeSweep, spread
from sim.sweep.result import Verdict, merged, parse_cut
from sim.sweep.slow import try_cuts

METHODS = ["differential", "full", "minimal"]


@pytest.mark.parametrize("block_sectors", [1, 2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_every_cut_of_a_small_flow_ends_well(method, block_sectors):
    sweep = MergeSweep(small_flow(method, block_sectors=block_sectors, past=250))
    result = sweep.run()
    assert (result.cuts, result.counts[Verdict.RECOVERED]) == (5 * sweep.ops, 5 * sweep.ops)
    assert result.passed
    assert result.tried < result.cuts / 5


@pytest.mark.parametrize("method", ["differential", "full"])
def test_a_boot_from_any_station_does_the_very_operations_that_running_through_does(method):
    """The precondition. The stretch that a boot finds without its record in the journal is done again, no more."""
    flow = small_flow(method, block_sectors=1, past=240)
    stations = clean_run(flow)
    nor, end = flow.nor, None
    for number, station in reversed(list(enumerate(stations))):
        if not station.asked:
            continue
        nor.restore(station.snapshot)
        nor.watch(logging=True)
        assert live_until_rest(flow)
        rest = [op for later in stations[number:] for op in later.ops]
        again = (
            []
            if station.label is None or station.label[0] in ("ready", "done", "complete", "clear")
            else (list(stations[number - 1].ops))
        )
        assert nor.log == again + rest, station.label
        end = end or nor.snapshot()
        assert differing_sectors(nor.snapshot(), end) <= flow.scratch
    assert flow.judge(asked=True).verdict is Verdict.RECOVERED


def test_a_mini_system_that_boots_at_any_station_comes_to_the_same_end():
    flow = small_flow("minimal", past=240)
    stations = clean_run(flow)
    for number, station in enumerate(stations):
        if not station.asked:
            continue
        flow.nor.restore(station.snapshot)
        flow.nor.watch(logging=True)
        assert live_until_rest(flow)
        assert flow.judge(asked=True).verdict is Verdict.RECOVERED
        if station.label is not None and station.label[0] == "stream":
            assert flow.nor.log == [op for later in stations[number:] for op in later.ops]


@pytest.mark.parametrize("method", METHODS)
def test_the_slow_way_agrees(method):
    sweep = MergeSweep(small_flow(method, past=250))
    result = sweep.run()
    sweep.repeat(result, range(sweep.ops), 300)
    assert result.repeated == 300


@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug.depth == 1 and bug.flow != "app"][::3], ids=lambda b: b.name
)
def test_the_slow_way_agrees_about_bugs_too(bug, monkeypatch):
    flow = flow_of(bug)
    bug.patch(monkeypatch)
    sweep = MergeSweep(flow)
    result = sweep.run()
    sweep.repeat(result, range(sweep.ops), 150)
    assert not result.passed


def test_the_slow_way_agrees_about_second_cuts(monkeypatch):
    bug = next(bug for bug in BUGS if bug.depth == 2 and not bug.why_not)
    flow = flow_of(bug)
    bug.patch(monkeypatch)
    sweep = MergeSweep(flow)
    chosen = spread(5 * sweep.ops, 40)
    result = sweep.run(depth=2, chosen=chosen)
    bad = {failure.replay: failure.verdict for failure in result.failures}
    assert bad
    assert result.cuts < result.possible
    rng, seen = stream(0, "", "second cuts"), set()
    for index in sorted(chosen):
        first = (index // 5, list(Torn)[index % 5])
        for _ in range(5):
            cuts = (first, (rng.randrange(40), rng.choice(list(Torn))))
            try:
                verdict = try_cuts(flow, sweep.stations, cuts).verdict
            except AssertionError:
                continue  # the recovery has no such operation
            seen.add(verdict)
            assert verdict is bad.get(sweep.cut(cuts).name, Verdict.RECOVERED), sweep.cut(cuts).name
    for name in sorted(bad)[:20]:
        cut = parse_cut(name)
        again = try_cuts(flow, sweep.stations, list(zip(cut.points, cut.shapes, strict=True)))
        assert again.verdict is bad[name]
    assert len(seen) > 1


def test_parts_add_up_to_the_whole():
    whole = MergeSweep(small_flow(past=250)).run()
    parts = merged([MergeSweep(small_flow(past=250)).run(part, 3) for part in range(3)])
    assert (parts.cuts, parts.counts, parts.failures) == (whole.cuts, whole.counts, whole.failures)


def test_a_sample_is_a_part_of_the_whole_and_says_of_how_many():
    sweep = MergeSweep(small_flow())
    result = sweep.run(chosen=spread(5 * sweep.ops, 77))
    assert (result.cuts, result.possible) == (77, 5 * sweep.ops)
    assert spread(10, 20) == frozenset(range(10))
    assert len(spread(1000, 37)) == 37


def test_an_update_that_fails_without_a_cut_is_not_swept(monkeypatch):
    from sim.boot.bootloader import Bootloader

    monkeypatch.setattr(Bootloader, "_replace_block", lambda *_: iter(()))
    with pytest.raises(SweepError, match="fails without any power cut"):
        MergeSweep(small_flow())


def test_a_device_that_never_comes_to_rest_is_bricked(monkeypatch):
    flow = small_flow("full")
    sweep = MergeSweep(flow)

    def restless():
        yield ("nowhere", 0, "")
        return False

    monkeypatch.setattr(flow, "life", restless)
    result = sweep.run()
    assert result.counts[Verdict.BRICKED] == result.cuts
    assert "does not come to rest" in result.failures[0].detail


def test_a_cut_beyond_the_end_is_told():
    sweep = MergeSweep(small_flow())
    with pytest.raises(AssertionError, match="ends before operation"):
        try_cuts(sweep.flow, sweep.stations, [(sweep.ops, Torn.NONE)])
