"""What `qpyota check --plan` tells: networks with all that they extend, and what the draws of a run come to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from sim.units import format_duration

if TYPE_CHECKING:
    from sim.scenario.places import Places
    from sim.scenario.schema import Fleet, Scenario


def print_resolved(scenario: Scenario) -> None:
    """One run, with its seed, before it runs."""
    from sim.scenario.places import Places

    places = Places(scenario.networks, scenario.seed)
    chosen = f" with {', '.join(scenario.settings)}" if scenario.settings else ""
    click.echo(f"run of {scenario.name}{chosen}, seed {scenario.seed}")
    for entry in scenario.fleet:
        where = Counter(places.place(entry, name) for name in entry.devices())
        ends_us = max(at_us for _, at_us in places.starts(entry))
        who = f"{entry.name or entry.group}: {entry.count} of {entry.model}"
        click.echo(f"   {who}, all on after {format_duration(ends_us)}")
        for place in sorted(where, key=lambda place: (place.network, place.cell)):
            name = f"{place.network}, cell {place.cell}" if place.network else "the network of the model"
            click.echo(f"      {where[place]} in {name}")
        _print_networks(entry, places)
    _print_faults(scenario)


def _print_networks(entry: Fleet, places: Places) -> None:
    from sim.device.catalogue import load_model

    usual, told = load_model(entry.model).radio, set()
    for name in entry.devices():
        place = places.place(entry, name)
        if not place.network or place.network in told:
            continue
        told.add(place.network)
        spec = places.radio(place, usual)
        click.echo(
            f"      {place.network}: {spec.down_bytes_per_s} B/s down, {spec.up_bytes_per_s} B/s up, "
            f"round trip {format_duration(spec.rtt_us)}, loss {spec.loss * 100:g}%"
        )


def _print_faults(scenario: Scenario) -> None:
    from sim.scenario.faults import struck

    for number, fault in enumerate(scenario.faults):
        if fault.on_devices is not None:
            names = struck(scenario, number, scenario.seed)
            some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            who = f"{len(names)} of {fault.on_devices.device}"
            click.echo(f"   fault    {number}: {fault.kind} strikes {who}: {some or 'nobody'}")
