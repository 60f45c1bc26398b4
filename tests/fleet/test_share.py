"""Who lives in which shard, and what a shard on another machine is given."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import SpecError
from sim.fleet.luggage import pack, unpack
from sim.fleet.share import share_out
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.places import Places
from sim.shipped import scenarios_dir

FLEETS = """
version: 1
name: fleets
seed: {seed}
networks:
  town: {{ extends: lte-cat1, cells: {{ count: {cells}, rate: 1MB/s }} }}
  land: {{ extends: nb-iot }}
fleet:
  - {{ group: a, count: {a}, model: EG915U, firmware: {version}, agent: modelled, network: town }}
  - {{ group: b, count: {b}, model: EG915U, firmware: {version}, agent: modelled, network: {{ town: 50%, land: 50% }} }}
  - {{ name: c, model: EG915U, firmware: {version}, agent: modelled }}
"""


def shared(numbers, shards):
    """A fleet, where everybody is, and the shares."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fleets.yaml"
        path.write_text(FLEETS.format(version="EG915UEUABR03A20M08_OCPU_QPY", **numbers))
        scenario = load_scenario(path)
    places = Places(scenario.networks, scenario.seed)
    for entry in scenario.fleet:
        for name in entry.devices():
            places.place(entry, name)
    return scenario, places, share_out(scenario, places, shards)


@settings(max_examples=25, deadline=None)
@given(
    numbers=st.fixed_dictionaries(
        {"seed": st.integers(0, 9), "cells": st.integers(1, 6), "a": st.integers(1, 40), "b": st.integers(1, 40)}
    ),
    shards=st.integers(1, 9),
)
def test_every_device_is_in_one_shard_and_cells_are_not_parted(numbers, shards):
    scenario, places, shares = shared(numbers, shards)
    every = [name for entry in scenario.fleet for name in entry.devices()]
    assert len(shares) == shards
    assert Counter(name for share in shares for name in share) == Counter(every)
    homes = {}
    for index, share in enumerate(shares):
        for name in share:
            if places.of(name).network == "town":
                homes.setdefault(places.of(name).cell, set()).add(index)
    assert all(len(found) == 1 for found in homes.values())
    assert shared(numbers, shards)[2] == shares


def test_devices_without_cells_are_spread_evenly():
    scenario = load_scenario(find_scenario("staged_rollout"))
    places = Places(scenario.networks, scenario.seed)
    for entry in scenario.fleet:
        for name in entry.devices():
            places.place(entry, name)
    assert sorted(len(share) for share in share_out(scenario, places, 7)) == [8, 8, 8, 9, 9, 9, 9]


@pytest.mark.parametrize("name", [path.stem for path in sorted(scenarios_dir().glob("*.yaml"))])
def test_the_luggage_has_every_file_that_a_scenario_reads(name, tmp_path):
    try:
        scenario = load_scenario(find_scenario(name))
    except SpecError:
        pytest.skip("a matrix: each of its runs has its own luggage")
    found = unpack(pack(scenario), tmp_path)
    for before, after in zip(scenario.fleet, found.fleet, strict=True):
        assert files(after.script) == files(before.script)
        assert after.script is None or tmp_path in after.script.parents
    for bucket, objects in scenario.cloud.buckets.items():
        for key, stored in objects.items():
            there = found.cloud.buckets[bucket][key]
            assert files(there.file) == files(stored.file)
    assert found.model_copy(update={"fleet": (), "cloud": None}) == scenario.model_copy(
        update={"fleet": (), "cloud": None}
    )
    assert (found.source, found.settings) == (scenario.source, scenario.settings)


def files(place):
    """What is in a file, or in each file of a folder."""
    if place is None:
        return None
    found = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return [(path.relative_to(place), path.read_bytes()) for path in found]
