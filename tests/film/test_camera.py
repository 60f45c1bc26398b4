"""The camera observes: the run cannot tell, and everything that happens is in the film once."""

from __future__ import annotations

import base64
from collections.abc import Callable
from struct import iter_unpack

import pytest
from film_rig import events_of, filmed, ops_of

from sim.film.compare import prefix_digest
from sim.film.entries import COUNTS, Block, unpack_json, unpack_states
from sim.fleet.run import run_judged
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.trace import Record

SHOOT = Callable[..., object]


@pytest.mark.parametrize(
    ("name", "transport"),
    [
        ("first_upgrade", "memory"),
        ("first_upgrade", "virtual"),
        ("power_cut_apply", "memory"),
        ("minimal_upgrade", "virtual"),
        ("rough_night", "memory"),
        ("sensor_node", "memory"),
    ],
)
def test_a_filmed_run_is_the_run(name: str, transport: str, shoot: SHOOT) -> None:
    options = RunOptions(transport=transport)
    plain = run_judged(load_scenario(find_scenario(name)), options)
    film = shoot(name, options=options)
    assert film.result.trace_hash == plain.trace_hash
    assert film.film.result["trace_hash"] == plain.trace_hash


def test_a_film_has_the_same_entries_on_every_transport() -> None:
    """Many devices, whose records share instants: not only the tracks are equal, but their order, too."""
    memory, virtual, paced = (
        filmed("one_device", "duration=20s", options=options).film
        for options in (
            RunOptions(transport="memory"),
            RunOptions(transport="virtual"),
            RunOptions(transport="paced", speed=40),
        )
    )
    assert prefix_digest(memory, memory.n) == prefix_digest(virtual, virtual.n) == prefix_digest(paced, paced.n)
    fleet = [filmed("expired_url", options=RunOptions(transport=name)).film for name in ("memory", "virtual")]
    assert len({prefix_digest(film, film.n) for film in fleet}) == 1
    assert fleet[0].n == fleet[1].n > memory.n


def test_entries_are_numbered_without_gap_and_time_never_goes_back(first_upgrade) -> None:
    film = first_upgrade.film
    entries = [(event.n, event.at_us) for event in events_of(film)]
    entries += [pair for ops in ops_of(film) for pair in zip(ops.n, ops.at_us, strict=True)]
    entries.sort()
    assert [n for n, _ in entries] == list(range(1, film.n + 1))
    times = [at_us for _, at_us in entries]
    assert times == sorted(times)


def test_every_record_is_an_event(shoot: SHOOT) -> None:
    records: list[Record] = []
    scenario = load_scenario(find_scenario("first_upgrade"))
    run_judged(scenario, RunOptions(transport="memory"), [records.append])
    told = events_of(shoot("first_upgrade").film)
    assert [(r.at_us, r.seq, r.kind) for r in records] == [(e.at_us, e.seq, e.kind) for e in told]
    by_cloud = [e.data["track"] for e in told if e.device == -1]
    assert by_cloud == [r.track for r in records if r.track.endswith("@cloud")]


def test_pages_end_as_the_operations_left_them(first_upgrade) -> None:
    """The fold of the operations on the first classes: what is blank at the end was erased last."""
    film = first_upgrade.film
    flash = film.head["flash"]["0"]
    pages = bytearray()
    for count, value in iter_unpack("<HB", base64.b64decode(flash["first"])):
        pages += bytes([value]) * count
    assert len(pages) == flash["bytes"] // flash["page_bytes"]
    assert set(pages) == {0, 1}
    for ops in ops_of(film):
        for page, count, after in zip(ops.page, ops.pages, ops.after, strict=True):
            pages[page : page + count] = bytes([after]) * count
    assert set(pages) == {0, 1, 2, 4}


def test_a_power_cut_at_an_operation_is_a_torn_one(shoot: SHOOT) -> None:
    film = shoot("power_cut_apply").film
    torn = [
        (n, op, after) for ops in ops_of(film) for n, op, after in zip(ops.n, ops.op, ops.after, strict=True) if op > 1
    ]
    cuts = [event.n for event in events_of(film) if event.kind == "power.cut"]
    assert len(torn) == len(cuts) > 0
    for (n, _, after), cut in zip(torn, cuts, strict=True):
        assert after == 3
        assert cut == n + 1


def test_states_are_told_with_the_entry_that_made_them(first_upgrade) -> None:
    film = first_upgrade.film
    names = [state["name"] for state in film.head["states"]]
    told = [unpack_states(block) for group in film.groups for block in group.states]
    shown = [names[number] for states in told for number in states.of.values()]
    assert shown[:3] == ["off", "booting", "running"]
    assert "downloading" in shown
    assert "applying" in shown
    assert shown[-1] == "succeeded"
    numbers = {event.n for event in events_of(film)} | {0}
    assert all(states.n in numbers for states in told)


def test_a_large_fleet_shows_filmed_devices_jobs_and_states(shoot: SHOOT) -> None:
    film = shoot("staged_rollout", "fleet.0.count=201", options=RunOptions(transport="memory")).film
    assert [device["filmed"] for device in film.head["devices"]].count(True) == 20
    tracks = {event.data["track"] for event in events_of(film) if event.device == -1}
    assert all(track.startswith("job/") for track in tracks)
    assert {event.device for event in events_of(film)} == {-1, *range(20)}
    assert len(film._states_before(len(film.groups)).of) == len(film.head["devices"])
    # A look at the states comes with counts of the same moment, so that a grid and a funnel agree.
    looks = [(unpack_states(block).at_us, unpack_json(Block(COUNTS, group.counts[5:]))["t"])
             for group in film.groups for block in group.states]  # fmt: skip
    assert len(looks) > 20
    assert sum(seen == counted for seen, counted in looks) >= len(looks) - 2  # but for the first and the last
