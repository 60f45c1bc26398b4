"""A branch is its parent up to the injection, to the entry, and repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from film_rig import events_of, filmed, ops_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.errors import SpecError
from sim.film.compare import first_difference, prefix_digest
from sim.film.entries import COUNTS, Event, Ops, pack_events, pack_json
from sim.film.film import Film
from sim.film.injections import Injections, parse_injection
from sim.scenario.result import RunOptions

DEVICE = "QuecPython_OTA"


def branch(what: dict[str, Any], transport: str = "memory", name: str = "first_upgrade") -> Any:
    given = {"device": DEVICE, **what}
    return filmed(name, options=RunOptions(transport=transport), injections=Injections([parse_injection(given)]))


def flash_ops(film: Any) -> list[tuple[int, int, int]]:
    """(n, op, class) of every flash operation."""
    return [row for ops in ops_of(film) for row in zip(ops.n, ops.op, ops.after, strict=True)]


@pytest.mark.parametrize("transport", ["memory", "virtual"])
def test_a_cut_at_a_flash_operation_tears_exactly_this_one(transport: str, first_upgrade) -> None:
    parent = first_upgrade.film
    n = flash_ops(parent)[5000][0]
    film = branch({"n": n, "what": "power_cut", "off_for": "3s"}, transport).film
    assert prefix_digest(film, n - 1) == prefix_digest(parent, n - 1)
    told = next(event for event in events_of(film) if event.n == n)
    assert (told.kind, told.data["what"]) == ("injected", "power_cut")
    ((torn, op, after),) = [row for row in flash_ops(film) if row[1] > 1]
    assert (torn, op - 2, after) == (n + 1, flash_ops(parent)[5000][1], 3)
    assert next(event.kind for event in events_of(film) if event.n == n + 2) == "power.cut"
    assert film.result["verdict"] == "PASSED", "an upgrade outlives a power cut"


def test_the_same_log_gives_the_same_film_on_every_transport(first_upgrade) -> None:
    what = {"n": flash_ops(first_upgrade.film)[3000][0], "what": "power_cut"}
    films = [branch(what, transport).film for transport in ("memory", "memory", "virtual")]
    digests = {prefix_digest(film, film.n) for film in films}
    assert len(digests) == 1
    assert len({film.result["trace_hash"] for film in films}) == 1


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), what=st.sampled_from(["power_cut", "link_loss", "power_on", "corrupt_download"]))
def test_a_branch_is_its_parent_up_to_any_position(place: float, what: str, first_upgrade) -> None:
    parent = first_upgrade.film
    n = 1 + round(place * (parent.n - 1))
    film = branch({"n": n, "what": what}).film
    torn_at = n in {row[0] for row in flash_ops(parent)} and what == "power_cut"
    equal = n - 1 if torn_at else n
    assert prefix_digest(film, equal) == prefix_digest(parent, equal)
    told = [event for event in events_of(film) if event.kind == "injected"]
    assert len(told) == 1
    assert told[0].n > equal
    found = first_difference(parent, film)
    assert found is not None
    assert equal < found.n <= told[0].n
    assert not film.result["problems"]


def test_at_a_time(first_upgrade) -> None:
    film = branch({"t": 30_000_000, "what": "link_loss", "for": "10s"}).film
    told = next(event for event in events_of(film) if event.kind == "injected")
    assert told.at_us == 30_000_000
    assert prefix_digest(film, told.n - 1) == prefix_digest(first_upgrade.film, told.n - 1)


def test_a_flipped_bit_in_the_image_is_what_a_boot_meets(first_upgrade) -> None:
    """Corrupt the firmware while the application runs: the next boot finds no bootable image."""
    flash = first_upgrade.film.head["flash"]["0"]
    image = next(one for one in flash["partitions"] if one["name"] == "APPIMG")
    film = branch({"t": 20_000_000, "what": "flip_bit", "address": image["offset"] + 5000}).film
    assert film.result["verdict"] == "FAILED"


def test_a_job_that_was_not_there() -> None:
    document = '{"operation": "none"}'
    what = {"t": 1_000_000, "what": "create_job", "jobId": "more", "targets": [DEVICE], "document": document}
    film = branch(what).film
    told = [event.data for event in events_of(film) if event.kind == "execution" and event.data["job"] == "more"]
    assert told[0]["new"] == "QUEUED"
    wrong = branch(what | {"targets": ["nobody"]}).film
    assert any(event.kind == "order.refused" for event in events_of(wrong))


def test_after_the_last_entry_the_run_goes_on_to_show_what_comes_of_it(first_upgrade) -> None:
    parent = first_upgrade.film
    film = branch({"n": parent.n, "what": "power_cut"}).film
    kinds = [event.kind for event in events_of(film) if event.n > parent.n]
    assert kinds[:2] == ["injected", "power.cut"]
    assert "boot" in kinds


def test_an_entry_that_never_comes_is_a_problem_of_the_run(shoot: Callable[..., Any]) -> None:
    film = branch({"n": 10_000_000, "what": "power_cut"}).film
    assert film.result["verdict"] == "INCOMPLETE"
    assert "never happened: injection: power_cut of QuecPython_OTA at entry 10000000" in film.result["problems"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("no json", "an object like"),
        ({"n": 1, "device": "d", "what": "powercut"}, "power_cut"),
        ({"device": "d", "what": "power_cut"}, "either 'n'"),
        ({"n": 1, "t": 2, "device": "d", "what": "power_cut"}, "either 'n'"),
        ({"n": -1, "device": "d", "what": "power_cut"}, "whole number"),
        ({"n": True, "device": "d", "what": "power_cut"}, "whole number"),
        ({"n": 1, "what": "power_cut"}, "which device"),
        ({"n": 1, "device": "d", "what": "power_cut", "off_for": "soon"}, "off_for"),
        ({"n": 1, "device": "d", "what": "power_cut", "share": "5%"}, "happens once"),
        ({"n": 1, "device": "d", "what": "power_cut", "colour": "red"}, "colour"),
        ({"n": 1, "device": "d", "what": "flip_bit"}, "address"),
        ({"n": 1, "what": "create_job"}, "jobId"),
    ],
)
def test_what_is_wrong_is_said(given: object, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        parse_injection(given)


def test_a_device_that_is_not_there_is_said_before_anything_happens() -> None:
    with pytest.raises(SpecError, match=r"did you mean '?QuecPython_OTA"):
        branch({"n": 5, "what": "power_cut", "device": "QuecPython_OTB"})


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_first_difference_is_the_first(data: st.DataObject) -> None:
    """Against the plain way: all entries by number, one after the other."""
    films = []
    for _ in range(2):
        film, n = Film(), 0
        for _ in range(data.draw(st.integers(0, 3))):
            ops = [Ops(device) for device in range(2)]
            events = []
            for what in data.draw(st.lists(st.integers(0, 3), max_size=4)):
                n += 1
                if what < 2:
                    ops[what].add(n, n, data.draw(st.integers(0, 1)), 1, 1, 2)
                else:
                    events.append(Event(n, n, -1, 0, "job", {"x": data.draw(st.integers(0, 1))}, "."))
            for block in [pack_events(events), *(one.pack() for one in ops)]:
                film.add(block)
            film.add(pack_json(COUNTS, {"t": n, "n": n}))
        films.append(film)
    plain = [dict(entries_of(film)) for film in films]
    wanted = next((n for n in range(1, 20) if plain[0].get(n) != plain[1].get(n)), None)
    found = first_difference(*films)
    assert (found and found.n) == wanted
    if found is not None:
        assert [side and side["n"] for side in (found.a, found.b)] == [
            found.n if found.n in one else None for one in plain
        ]


def entries_of(film: Any) -> Any:
    for event in events_of(film):
        yield event.n, event
    for ops in ops_of(film):
        for row in zip(*ops.columns, strict=True):
            yield row[0], (ops.device, *row)


def test_a_sector_that_went_bad_is_shown_as_bad() -> None:
    film = branch({"t": 1_000_000, "what": "bad_block", "partition": "APP", "sector": 0}).film
    (app,) = [one for one in film.head["flash"]["0"]["partitions"] if one["name"] == "APP"]
    page = app["offset"] // film.head["flash"]["0"]["page_bytes"]
    classes = {row[1] for ops in ops_of(film) for row in zip(ops.page, ops.after, strict=True) if row[0] == page}
    assert classes == {5}
    assert any(event.kind == "fault" for event in events_of(film))
