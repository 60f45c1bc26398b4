"""`qpyota check`: a sound file is told as a plan, a bad one as all its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.cli.main import main
from sim.scenario.schema import Scenario

BAD = """\
version: 1
name: bad
moon: full
duration: 30
seed: seven
fleet:
  - name: dev
    model: EG951U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    firmware: EG915UEUABR03A21M08_OCPU_QPY
"""

KEYS = ", ".join(field.alias or name for name, field in Scenario.model_fields.items())


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["check", *words])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    return file


def test_all_errors_with_line_and_caret(capsys: pytest.CaptureFixture[str], bad: Path) -> None:
    code, out, err = check(capsys, str(bad))
    assert (code, out) == (2, "")
    assert (
        err
        == f"""\
{bad}:3:1: error: unknown key 'moon'; there are {KEYS}   [moon]
     3 | moon: full
       | ^
{bad}:4:11: error: a duration needs a unit, e.g. 30s   [duration]
     4 | duration: 30
       |           ^
{bad}:5:7: error: this must be a whole number   [seed]
     5 | seed: seven
       |       ^
{bad}:8:12: error: unknown model 'EG951U'; did you mean 'EG915U'?   [fleet.0.model]
     8 |     model: EG951U
       |            ^
{bad}:10:5: error: duplicate key 'firmware'; it is already on line 9   [fleet.0.firmware]
    10 |     firmware: EG915UEUABR03A21M08_OCPU_QPY
       |     ^
5 errors
"""
    )


def test_errors_of_several_files_come_together(capsys: pytest.CaptureFixture[str], bad: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse.yaml"
    worse.write_text("- no scenario")
    code, _, err = check(capsys, str(bad), "first_upgrade", str(worse))
    assert code == 2
    assert f"{bad}:3:1" in err
    assert f"{worse}:1:1: error: a scenario is a mapping of keys" in err
    assert err.endswith("6 errors\n")


def test_errors_as_json(capsys: pytest.CaptureFixture[str], bad: Path) -> None:
    code, out, err = check(capsys, str(bad), "--json")
    told = json.loads(out)["error"]
    assert (code, err, told["kind"], told["exit_code"]) == (2, "", "SpecError", 2)
    assert [(p["line"], p["column"], p["path"]) for p in told["problems"]] == [
        (3, 1, "moon"),
        (4, 11, "duration"),
        (5, 7, "seed"),
        (8, 12, "fleet.0.model"),
        (10, 5, "fleet.0.firmware"),
    ]


def test_run_tells_them_in_the_same_way(capsys: pytest.CaptureFixture[str], bad: Path) -> None:
    told = check(capsys, str(bad))
    with pytest.raises(SystemExit) as ended:
        main(["run", str(bad)])
    assert (ended.value.code, *capsys.readouterr()) == told


def test_a_sound_scenario_is_told_as_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, "first_upgrade")
    assert code == 0
    for part in ("QuecPython_OTA: EG915U", "differential", "jobfota: at 0s", "app_fota.json", "expects  6"):
        assert part in out
    code, out, _ = check(capsys, "first_upgrade", "--json")
    (plan,) = json.loads(out)["scenarios"]
    assert (code, plan["devices"], plan["jobs"]["jobappota"]) == (0, 1, ["QuecPython_OTA"])
