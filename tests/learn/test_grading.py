"""Grading: seeds that only the secret tells, and bad submissions that harm nobody but themselves."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learn_rig import lab, solved, starter

from sim.cli.exits import Exit
from sim.cli.main import main
from sim.errors import SpecError
from sim.learn.grading import find_submissions, grade_all, hidden_seeds

SECRET = b"what only the teacher knows"
NAMES = st.text(st.characters(blacklist_characters="\0", codec="utf-8"), max_size=20)


@given(lab_name=NAMES, student=NAMES, count=st.integers(0, 20))
def test_a_students_seeds_are_the_same_each_time_and_more_of_them_begin_alike(
    lab_name: str, student: str, count: int
) -> None:
    seeds = hidden_seeds(SECRET, lab_name, student, count)
    assert seeds == hidden_seeds(SECRET, lab_name, student, 20)[:count]
    assert len(set(seeds)) == count
    assert all(0 <= seed < 2**48 for seed in seeds)


def test_seeds_hang_on_secret_lab_and_student() -> None:
    asked = [(SECRET, "a", "b"), (SECRET + b"!", "a", "b"), (SECRET, "ab", ""), (SECRET, "", "ab"), (SECRET, "b", "a")]
    assert len({hidden_seeds(*one, 1)[0] for one in asked}) == len(asked)
    assert hidden_seeds(SECRET, "sector", "ann", 1) == [71561398914186]  # grades of last year can be made again
    with pytest.raises(SpecError, match="at least 8"):
        hidden_seeds(b"short", "a", "b", 1)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good submission, and one for each way to be bad that a process has to hold."""
    root = tmp_path_factory.mktemp("course")
    solved("sector", root / "ann")
    bad = {
        "=bob": "import os, subprocess\nsubprocess.run(['touch', '/tmp/x'])\n",
        "dora": "while True:\n    pass\n",
        "emil": None,
    }
    for name, text in bad.items():
        starter("sector", root / name)
        if text is not None:
            (root / name / "app" / "main.py").write_text(text)
    (root / "emil" / "app" / "main.py").unlink()
    (root / "emil" / "app" / "main.py").symlink_to("/etc/passwd")
    return root


@pytest.fixture(scope="module")
def graded(course: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command line wrote."""
    out = tmp_path_factory.mktemp("out")
    os.environ["QPYOTA_SECRET"] = SECRET.decode()
    files = ["--json", str(out / "g.json"), "--csv", str(out / "g.csv"), "--junit", str(out / "g.xml")]
    try:
        with pytest.raises(SystemExit) as ended:
            main(["learn", "--grade", "sector", str(course), "--seeds", "1", "--jobs", "2", *files])
    finally:
        del os.environ["QPYOTA_SECRET"]
    assert ended.value.code == Exit.FAILED
    return {
        "json": json.loads((out / "g.json").read_text()),
        "csv": list(csv.reader(io.StringIO((out / "g.csv").read_text()))),
        "junit": ET.fromstring((out / "g.xml").read_bytes()),
        "texts": [file.read_text() for file in out.iterdir()],
    }


def test_one_bad_submission_does_not_stop_the_others(graded: dict[str, Any]) -> None:
    found = {one["student"]: one for one in graded["json"]["submissions"]}
    assert list(found) == ["=bob", "ann", "dora", "emil"]
    assert [name for name, one in found.items() if one["passed"]] == ["ann"]
    assert found["ann"]["goals_held"] == found["ann"]["goals_all"] == 3
    assert "ImportError" in found["=bob"]["explanations"][0]
    assert "there is no app/" in found["emil"]["reason"]
    assert all(goal["detail"] for goal in found["emil"]["goals"])
    assert found["dora"]["goals_held"] < 3


def test_the_table_is_for_spreadsheets_and_calculates_nothing(graded: dict[str, Any]) -> None:
    rows = graded["csv"]
    assert rows[0][:4] == ["student", "passed", "goals_held", "goals_all"]
    assert [row[:2] for row in rows[1:]] == [["'=bob", "no"], ["ann", "yes"], ["dora", "no"], ["emil", "no"]]
    assert rows[2][-1] == ""
    assert all(row[-1] for row in (rows[1], rows[3], rows[4]))


def test_junit_has_a_suite_a_student_and_a_case_a_goal(graded: dict[str, Any]) -> None:
    suites = {suite.get("name"): suite for suite in graded["junit"]}
    assert {name: len(list(suite)) for name, suite in suites.items()} == dict.fromkeys(
        ["=bob", "ann", "dora", "emil"], 3
    )
    assert suites["ann"].get("failures") == "0"
    assert suites["emil"].get("failures") == "3"


def test_the_secret_is_in_no_file_and_hidden_seeds_are_the_teachers_alone(graded: dict[str, Any]) -> None:
    assert not any(SECRET.decode() in text for text in graded["texts"])
    hidden = {str(seed) for name in ("=bob", "dora") for seed in hidden_seeds(SECRET, "sector", name, 1)}
    assert [any(seed in text for text in graded["texts"]) for seed in hidden].count(True) == 2, "in the JSON"
    others = json.dumps(graded["csv"]) + ET.tostring(graded["junit"], encoding="unicode")
    assert not any(seed in others for seed in hidden)


def test_a_process_that_hangs_or_dies_is_a_failed_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solved("sector", tmp_path / "ann")
    (one,) = find_submissions(lab("sector"), tmp_path / "ann", None)
    told = []
    for command, words in (
        ("import time; time.sleep(60)", "did not come to an end"),
        ("import os; os.abort()", "signal 6"),
    ):
        monkeypatch.setattr("sim.learn.grading.CELL", ("-c", command))
        monkeypatch.setattr("sim.learn.grading.START_SECONDS", 1)
        monkeypatch.setattr("sim.learn.grading.SECONDS_PER_RUN", 0)
        (grade,) = grade_all(lab("sector"), [one], lambda _: [], 1, told.append)
        assert not grade.passed
        assert words in grade.reason
        assert grade.held == 0
    assert len(told) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sector", "{work}"], "hidden seeds hang on a secret"),
        (["sector", "{work}", "--secret", "{empty}"], "give it at least 8"),
        (["sector", "nowhere", "--seeds", "0"], "there is no folder nowhere"),
        (["sector", "{nothing}", "--seeds", "0"], "neither a work folder of sector nor"),
        (["sector", "{course}", "--seeds", "0", "--student", "x"], "--student is for one submission"),
        (["sector", "{work}", "--seeds", "0", "--student", "\n"], "is no name for a student"),
        (["sector", "{work}", "--seeds", "0", "--json", "--junit", "-"], "only one of"),
        (["sector"], "--grade needs LAB and the folder"),
    ],
)
def test_what_cannot_be_graded_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    places = {name: str(tmp_path / name) for name in ("work", "empty", "nothing", "course")}
    starter("sector", tmp_path / "work")
    (tmp_path / "nothing").mkdir()
    starter("sector", tmp_path / "course" / "ann")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SystemExit) as ended:
        main(["learn", "--grade", *(word.format(**places) for word in words)])
    assert ended.value.code == Exit.USAGE
    captured = capsys.readouterr()
    assert told in captured.err + captured.out


def test_without_names_json_is_printed_and_the_others_are_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    solved("sector", tmp_path / "submission")
    (tmp_path / "secret").write_text("what only the teacher knows\n")
    with pytest.raises(SystemExit) as ended:
        main(["learn", "--grade", str(lab("sector").folder / "lab.yaml"), "submission/", "--secret", "secret",
              "--seeds", "1", "--junit", "--csv", "--json"])  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == Exit.PASSED
    assert [(one["student"], one["passed"], one["runs"]) for one in told["submissions"]] == [("submission", True, 2)]
    assert ET.parse("grades.xml").getroot().get("failures") == "0"
    assert Path("grades.csv").read_text().splitlines()[1].startswith("submission,yes,3,3")
