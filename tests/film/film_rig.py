"""Filmed runs of shipped scenarios, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sim.film.camera import Camera, Framing
from sim.film.compare import events_of as all_events
from sim.film.compare import ops_of as all_ops
from sim.film.entries import Event, Ops
from sim.film.film import Film
from sim.fleet.run import run_judged
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.settings import parse_setting


@dataclass
class Filmed:
    """A film, and what the run of it came to."""

    film: Film
    result: RunResult


def filmed(name: str, *settings: str, options: RunOptions | None = None, **framing: Any) -> Filmed:
    scenario = load_scenario(find_scenario(name), [parse_setting(word) for word in settings])
    film = Film()
    camera = Camera(film.add, Framing(**framing))
    options = options or RunOptions(transport="memory")
    return Filmed(film, run_judged(scenario, options, (), lambda _: [camera]))


def events_of(film: Film) -> list[Event]:
    return list(all_events(film))


def ops_of(film: Film) -> list[Ops]:
    return list(all_ops(film))
