"""Every YAML block of docs/scenarios.md runs, and comes to what it expects."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.scenario import schema_faults as faults
from sim.scenario.json_schema import scenario_schema
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.scenario.schema import Battery, Fleet, Start
from sim.scenario.schema_faults import Fault
from sim.scenario.schema_hosts import Dial, HostSpec, MoveSpec, Place
from sim.scenario.schema_hosts import Path as Path_
from sim.scenario.schema_jobs import Job
from sim.scenario.schema_networks import BearerDrop, Cells, Network, Outage, Rates, RoundTrip, Sleep
from sim.scenario.schema_rules import Rules
from sim.scenario.schema_steps import DeviceStep, ExchangeSpec, PeerSpec
from sim.shipped import scenarios_dir

TEXT = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
WHOLE, *PARTS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
BASE: dict[str, Any] = yaml.safe_load(WHOLE)


def merged(part: str) -> dict[str, Any]:
    """The whole scenario with a part's keys; what its jobs are no longer asked for is dropped."""
    document = f"_: &to_a21 {BASE['jobs'][0]['document']}\n"  # so that parts may refer to it
    given = yaml.safe_load(document + part)
    del given["_"]
    usual = {key: value for key, value in BASE.items() if key != "expect" or "jobs" not in given}
    return usual | given


@pytest.mark.parametrize("part", ["", *PARTS], ids=range(len(PARTS) + 1))
def test_block_runs(tmp_path: Path, part: str) -> None:
    source = tmp_path / "documented.yaml"
    source.write_text(yaml.safe_dump(merged(part), sort_keys=False))
    (tmp_path / "apps").symlink_to(scenarios_dir() / "apps")
    result = run_scenario(load_scenario(source), RunOptions(transport="memory"))
    assert result.passed, (result.expects, result.problems)


@pytest.mark.parametrize("part", ["", *PARTS], ids=range(len(PARTS) + 1))
def test_block_fits_the_schema_for_editors(part: str) -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(scenario_schema())
    data = json.loads(json.dumps(merged(part)))
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    "kind",
    [
        Rules, Fault, Job, DeviceStep, PeerSpec, ExchangeSpec, HostSpec, MoveSpec, Path_, Dial, Place,
        Battery, Fleet, Start, BearerDrop, Cells, Network, Outage, Rates, RoundTrip, Sleep,
        *(kind for kind in vars(faults).values() if isinstance(kind, type) and issubclass(kind, faults.Repeated)),
    ],
)  # fmt: skip
def test_every_key_is_told(kind: type[Any]) -> None:
    for name, info in kind.model_fields.items():
        assert f"`{info.alias or name}" in TEXT or f"{info.alias or name}:" in TEXT, info.alias or name
