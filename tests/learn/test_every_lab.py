"""Every lab that ships: its starter fails, its model solution passes under any seed, and nothing gives that away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from learn_rig import lab, sheet, solved, starter

from sim.learn.attempt import answers_of
from sim.learn.folder import begin
from sim.learn.library import SOLUTION, lab_names, labs_dir
from sim.learn.predictions import compared
from sim.learn.schema import Lab
from sim.learn.trial import try_work

NAMES = lab_names()
HIDDEN_SEED = 8_675_309


def test_there_are_at_least_eight_and_all_are_in_the_order() -> None:
    assert len(NAMES) >= 8
    assert set(NAMES) == {folder.name for folder in labs_dir().iterdir() if folder.is_dir()}


@pytest.mark.parametrize("name", NAMES)
def test_the_starter_fails_and_the_solution_passes(name: str, tmp_path: Path) -> None:
    spec = lab(name).spec
    given, made = starter(name, tmp_path / "given"), solved(name, tmp_path / "made")
    before = try_work(spec, sheet(name, given, tmp_path).scenario)
    assert not before.passed
    assert not before.reason, "the starter shall fail its goals, not break off"
    theirs = sheet(name, made, tmp_path)
    assert theirs.notes == (), "the solution changes what a student may not change"
    after = try_work(spec, theirs.scenario)
    hidden = try_work(spec, theirs.scenario, HIDDEN_SEED)
    for one in (after, hidden):
        assert one.passed, (one.seed, one.reason, [goal for goal in one.goals if not goal.held])
    every_answer_is_told(spec, answers_of(spec, before, after))


def every_answer_is_told(spec: Lab, told: dict[str, Any]) -> None:
    """The runs answer all questions, and whoever says what they say is right."""
    found = compared(spec, told, told)
    assert len(found) >= 2
    for one in found:
        assert one.answer is not None, one.asked.name
        assert one.right, one
        assert one.asked.why, one.asked.name
        if one.asked.choices:
            assert one.shown in one.asked.choices, one.asked.name


@pytest.mark.parametrize("name", NAMES)
def test_what_a_student_gets_holds_no_solution(name: str, tmp_path: Path) -> None:
    begin(lab(name), tmp_path / "work")
    copied = {file.relative_to(tmp_path / "work") for file in (tmp_path / "work").rglob("*")}
    assert not [file for file in copied if SOLUTION in file.parts or file.name == "lab.yaml"]
    solution = lab(name).solution
    for file in solution.rglob("*"):
        if file.is_file():
            mine = tmp_path / "work" / file.relative_to(solution)
            assert mine.read_text(encoding="utf-8") != file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_its_text_is_whole(name: str) -> None:
    shelf = lab(name)
    assert shelf.text.startswith(f"# {shelf.spec.title}\n"), "the text begins with the title"
    assert "## What to do" in shelf.text
    assert 2 <= len(shelf.spec.hints) <= 5
    assert len(shelf.spec.goals) >= 3
    assert 200 <= len(shelf.text.split()) <= 600, "a page, not a chapter"
    for key in shelf.spec.yours.files:
        assert key.rstrip("/") in shelf.text, f"{key} is not told"
