"""Every flash operation of every family × method, cut in every shape: exhaustive, and as docs/power-loss.json has it.

A new model file or method is swept without a change here.
"""

from __future__ import annotations

import json
import os

import pytest

from sim.device.catalogue import known_models, load_model
from sim.errors import SpecError
from sim.sweep.document import JSON, row_of
from sim.sweep.matrix import FlowOrder, flow_names, is_flow_name, make_flow, sweep_flow, sweep_flows
from sim.sweep.result import Verdict

NAMES = flow_names()


@pytest.fixture(scope="module")
def results():
    """All of them, on all processors."""
    orders = [FlowOrder(name) for name in NAMES]
    return dict(zip(NAMES, sweep_flows(orders, os.cpu_count() or 1), strict=True))


def test_no_family_and_no_method_is_left_out():
    methods = {(row.family, method) for row in known_models() for method in (*row.methods, "app")}
    named = [name.split("/") for name in NAMES]
    assert {(load_model(variant).family, method) for variant, method in named} == methods
    assert len(NAMES) == len(methods)


@pytest.mark.parametrize("name", NAMES)
def test_no_cut_bricks_mixes_or_loses(results, name):
    result = results[name]
    assert result.failures == []
    assert result.cuts == result.possible == 5 * result.ops > 500
    assert result.counts[Verdict.RECOVERED] == result.cuts
    assert result.repeated > 0, "some cuts were repeated the slow way"


def test_the_committed_figures_are_these(results):
    fresh = [row_of(results[name]) for name in NAMES]
    assert json.loads(JSON.read_text())["flows"] == fresh, "run python -m sim.sweep.document --sweep"


def test_the_number_of_processes_changes_nothing():
    name = next(name for name in NAMES if name.endswith("/app"))
    one, two = (sweep_flow(FlowOrder(name), jobs) for jobs in (1, 2))
    assert (one.to_json() | {"seconds": 0}) == (two.to_json() | {"seconds": 0})


def test_a_method_that_the_model_does_not_have_is_refused():
    assert is_flow_name("EG915U/full")
    assert not is_flow_name("scenarios/first_upgrade.yaml")
    with pytest.raises(SpecError, match=r"has no method 'full'; it has differential, app"):
        make_flow("EG915U/full")
