"""`matrix` and `extends` of scenarios: several runs in one file, and one file on top of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.cli.main import main
from sim.errors import SpecError
from sim.scenario.loader import load_plain, load_scenario
from sim.scenario.matrix import settings_of
from sim.scenario.settings import parse_setting

MATRIX = """\
version: 1
name: several
duration: 5m
matrix: {model: [EG915U, EC200A], count: [1, 2], level: ['4%', '2.0']}
description: ${matrix.count} of ${matrix.model}
fleet:
  - {group: g, count: '${matrix.count}', model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled}
expect:
  - device.bricked == 0
"""
BASE = """\
version: 1
name: base
seed: 5
duration: 5m
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled}
networks:
  cellar: {extends: nb-iot, loss: 1%}
"""


def ended(*words: str) -> object:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return caught.value.code


@pytest.fixture
def several(tmp_path: Path) -> Path:
    file = tmp_path / "several.yaml"
    file.write_text(MATRIX)
    return file


def test_a_value_fills_the_text_and_keeps_its_kind(several: Path) -> None:
    scenario = load_scenario(several)
    assert (scenario.description, scenario.fleet[0].count) == ("1 of EG915U", 1)
    scenario = load_scenario(several, [parse_setting("matrix.count=2"), parse_setting("matrix.model=EC200A")])
    assert (scenario.description, scenario.fleet[0].count) == ("2 of EC200A", 2)


def test_a_choice_is_a_setting_that_reads_back_as_the_value(several: Path) -> None:
    data, _ = load_plain(several)
    words = [[str(setting) for setting in axis] for axis in settings_of(data)]
    assert words == [
        ["matrix.model=EG915U", "matrix.model=EC200A"],
        ["matrix.count=1", "matrix.count=2"],
        ["matrix.level=4%", 'matrix.level="2.0"'],
    ]


def test_run_makes_every_cell_and_its_replay_is_one_run(capsys: pytest.CaptureFixture[str], several: Path) -> None:
    assert ended("run", str(several), "--transport", "memory", "--json", "--jobs", "1") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (len(told["runs"]), told["passed"]) == (8, 8)
    assert [run["devices"] for run in told["runs"]] == [1, 1, 2, 2, 1, 1, 2, 2]
    last = told["runs"][-1]
    words = last["replay"].replace("'", "").split()[1:]
    assert ended(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["trace_hash"] == last["trace_hash"]


def test_a_value_that_does_not_fit_is_told_at_the_place_it_fills(several: Path) -> None:
    several.write_text(MATRIX.replace("[1, 2]", "[1, none]"))
    with pytest.raises(SpecError) as caught:
        load_scenario(several, [parse_setting("matrix.count=none")])
    assert [(p.line, p.column, p.message) for p in caught.value.problems] == [(7, 23, "this must be a whole number")]


def test_check_finds_what_is_wrong_in_any_cell(capsys: pytest.CaptureFixture[str], several: Path) -> None:
    several.write_text(MATRIX.replace("[1, 2]", "[1, none]"))
    assert ended("check", str(several)) == 2
    assert f"{several}:7:23: error: this must be a whole number" in capsys.readouterr().err


def test_check_tells_the_number_of_runs(capsys: pytest.CaptureFixture[str], several: Path) -> None:
    assert ended("check", str(several)) == 0
    assert "matrix   model, count, level: 8 runs" in capsys.readouterr().out


def test_what_a_file_extends_is_merged_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    file = tmp_path / "more.yaml"
    file.write_text("extends: base.yaml\nname: more\nnetworks: {cellar: {loss: 2%}, attic: {loss: 3%}}\n")
    scenario = load_scenario(file)
    assert (scenario.name, scenario.seed, scenario.fleet[0].name) == ("more", 5, "d")
    assert (scenario.networks["cellar"].loss, scenario.networks["cellar"].extends) == (0.02, "nb-iot")
    assert (list(scenario.networks), scenario.source) == (["cellar", "attic"], file)


def test_each_problem_is_told_in_the_file_it_came_from(tmp_path: Path) -> None:
    base, file = tmp_path / "base.yaml", tmp_path / "more.yaml"
    base.write_text(BASE.replace("5m", "five").replace("1%", "1"))
    file.write_text("extends: base.yaml\nname: more\nseed: x\nnetworks: {cellar: {los: 2%}}\nexpect: [device.x]\n")
    with pytest.raises(SpecError) as caught:
        load_scenario(file)
    found = [(Path(p.file).name, p.line, p.column, p.path) for p in caught.value.problems]
    assert found == [
        ("base.yaml", 4, 11, "duration"),
        ("base.yaml", 8, 35, "networks.cellar.loss"),
        ("more.yaml", 3, 7, "seed"),
        ("more.yaml", 4, 21, "networks.cellar.los"),
        ("more.yaml", 5, found[-1][2], "expect.0"),
    ]


def test_files_that_extend_each_other_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(SpecError, match="that never ends"):
        load_scenario(tmp_path / "a.yaml")
