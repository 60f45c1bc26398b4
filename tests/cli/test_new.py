"""`qpyota new scenario` and `qpyota schema`: what they write is good as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.cli.main import main
from sim.cli.new import TEMPLATES
from sim.scenario.json_schema import LINE, scenario_schema
from sim.shipped import scenarios_dir


def ended(*words: str) -> object:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return caught.value.code


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["My Scenario", "../x", ""])
def test_a_name_that_no_scenario_may_have(here: Path, name: str) -> None:
    assert ended("new", "scenario", name) == 2
    assert not list(here.iterdir())


def test_nothing_is_written_over(here: Path) -> None:
    (here / "mine.yaml").write_text("mine")
    assert ended("new", "scenario", "mine") == 2
    assert (here / "mine.yaml").read_text() == "mine"


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_runs_green(here: Path, template: str) -> None:
    assert ended("new", "scenario", "mine", "--template", template) == 0
    text = (here / "mine.yaml").read_text()
    assert text.startswith(LINE)
    assert "name: mine\n" in text
    assert ended("check", "mine.yaml", "--plan") == 0
    assert ended("run", "mine.yaml", "--transport", "memory", "--quiet", "--jobs", "1") == 0


def test_every_template_is_offered() -> None:
    assert {file.stem for file in (scenarios_dir() / "templates").iterdir()} == set(TEMPLATES)


def test_the_schema_is_written_beside_the_scenarios(here: Path) -> None:
    assert ended("schema", "--write") == 0
    assert json.loads((here / ".qpyota" / "scenario.schema.json").read_text()) == scenario_schema()


def test_durations_have_a_pattern_and_keys_are_those_of_files() -> None:
    made = scenario_schema()
    assert {"version", "duration", "jobs", "networks"} <= set(made["properties"])
    assert made["additionalProperties"] is False
    assert "pattern" in json.dumps(made["properties"]["duration"])
    assert "jobId" in made["$defs"]["Job"]["properties"]


GOOD = sorted([*scenarios_dir().glob("*.yaml"), *(scenarios_dir() / "templates").iterdir()])


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_every_shipped_scenario_fits_the_schema(file: Path) -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(scenario_schema())
    data: Any = json.loads(json.dumps(yaml.safe_load(file.read_text())))
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    "keys",
    [{"duration": 30}, {"duration": "30 fortnights"}, {"sed": 1}, {"networks": {"n": {"loss": 0.5}}}, {"seed": "x"}],
)
def test_the_schema_refuses_what_check_refuses(keys: dict[str, Any]) -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(scenario_schema())
    data = yaml.safe_load((scenarios_dir() / "templates" / "basic.yaml").read_text())
    assert validator.is_valid(data)
    assert not validator.is_valid({**data, **keys})
