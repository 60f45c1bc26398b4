"""A work folder: begun, looked at, put aside; and what of it counts."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learn_rig import lab, replaced, sheet, solved, starter

from sim.errors import SpecError
from sim.learn.attempt import attempt, unanswered
from sim.learn.folder import Note, begin, read_note, reset, write_note
from sim.learn.library import load_lab
from sim.learn.predictions import PREDICT_FILE, Predicted, read_predictions
from sim.learn.schema import Prediction
from sim.learn.sheet import FILE_BYTES_MOST, FILES_MOST
from sim.learn.trial import RECORDS_MOST, try_work


def test_work_is_never_overwritten_and_a_reset_puts_it_aside(tmp_path: Path) -> None:
    work = tmp_path / "mine"
    begin(lab("sector"), work)
    (work / "app" / "main.py").write_text("mine = 1\n")
    with pytest.raises(SpecError, match="there is something in"):
        begin(lab("sector"), work)
    aside = [reset(lab("sector"), work), reset(lab("sector"), work)]
    assert [folder.name for folder in aside] == ["mine.old-1", "mine.old-2"]
    assert (aside[0] / "app" / "main.py").read_text() == "mine = 1\n"
    assert "READINGS" in (work / "app" / "main.py").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"lab": "sector", "hints": "x"}', '{"hints": 1}'])
def test_a_spoiled_note_is_no_note(tmp_path: Path, text: str) -> None:
    (tmp_path / ".lab.json").write_text(text)
    assert read_note(tmp_path) is None
    write_note(tmp_path, Note("sector", 2, True))
    assert read_note(tmp_path) == Note("sector", 2, True)


def test_what_is_not_the_students_is_the_labs_own_and_is_told(tmp_path: Path) -> None:
    work = solved("expired_url", tmp_path / "work")
    replaced(work / "scenario.yaml", "expiresInSec: 60", "expiresInSec: 3600")
    (work / "app" / "main.py").write_text("print('nothing to do')\n")
    (work / "app" / "more.py").write_text("import os\n")
    found = sheet("expired_url", work, tmp_path)
    assert [note.split()[0] for note in found.notes] == ["app/main.py", "scenario.yaml"]
    assert not (tmp_path / "work-sheet" / "app" / "more.py").exists()
    assert "nothing to do" not in (tmp_path / "work-sheet" / "app" / "main.py").read_text()


def test_of_a_scenario_only_the_students_values_are_taken(tmp_path: Path) -> None:
    work = solved("cut_the_power", tmp_path / "work")
    replaced(work / "scenario.yaml", "duration: 1h", "duration: 2h")
    replaced(work / "scenario.yaml", "name: late", "name: later")
    replaced(work / "scenario.yaml", "targets: [early, middle, late]", "targets: [early, middle, later]")
    replaced(work / "scenario.yaml", "device: late", "device: early")
    found = sheet("cut_the_power", work, tmp_path)
    assert [fleet.name for fleet in found.scenario.fleet] == ["early", "middle", "late"]
    assert len(found.scenario.faults) == 3
    assert {note.split()[1] for note in found.notes} == {"duration", "fleet.2.name", "jobs.0.targets.2"}


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("first_fota", lambda work: (work / "scenario.yaml").unlink(), "there is no scenario.yaml"),
        (
            "first_fota",
            lambda work: replaced(work / "scenario.yaml", "at: 30s", "at: 30"),
            r"scenario.yaml:21:9: error",
        ),
        ("first_fota", lambda work: (work / "scenario.yaml").write_text("x" * (FILE_BYTES_MOST + 1)), "more than"),
        ("sector", lambda work: shutil.rmtree(work / "app"), "there is no app/"),
        ("sector", lambda work: (work / "app" / "big.py").write_text("#" * (FILE_BYTES_MOST + 1)), "more than"),
        (
            "sector",
            lambda work: [(work / "app" / f"m{n}.py").write_text("") for n in range(FILES_MOST)],
            f"more than {FILES_MOST} files",
        ),
        (
            "which_package",
            lambda work: replaced(work / "scenario.yaml", "{ package: from-a20 }", "{ file: ../../outside.txt }"),
            "outside",
        ),
    ],
)
def test_work_that_cannot_be_used_says_why(tmp_path: Path, name: str, spoil: object, told: str) -> None:
    (tmp_path / "outside.txt").write_text("a secret")
    work = starter(name, tmp_path / "a" / "work")
    spoil(work)  # type: ignore[operator]
    with pytest.raises(SpecError, match=told):
        sheet(name, work, tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    work = starter("sector", tmp_path / "work")
    (tmp_path / "elsewhere.py").write_text("x = 1\n")
    (work / "app" / "main.py").unlink()
    (work / "app" / "main.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(SpecError, match="there is no app/"):
        sheet("sector", work, tmp_path)


def test_a_flood_is_ended_at_the_same_record_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.learn.trial.RECORDS_MOST", RECORDS_MOST // 100)
    work = starter("sector", tmp_path / "work")
    (work / "app" / "main.py").write_text("while True:\n    print('x')\n")
    found = [try_work(lab("sector").spec, sheet("sector", work, tmp_path / str(n)).scenario) for n in range(2)]
    assert not found[0].passed
    assert "flood" in found[0].reason
    assert found[0].trace_hash == found[1].trace_hash
    assert not any(goal.held for goal in found[0].goals)


def test_predictions_come_first_and_a_wrong_one_costs_nothing(tmp_path: Path) -> None:
    work = tmp_path / "work"
    begin(lab("sector"), work)
    shutil.copytree(lab("sector").solution, work, dirs_exist_ok=True)
    assert len(unanswered(lab("sector"), work)) == 3
    replaced(work / PREDICT_FILE, "erases:", "erases: 5")
    replaced(work / PREDICT_FILE, "worst:", "worst: many")
    replaced(work / PREDICT_FILE, "lost:", "lost: yes")
    done = attempt(lab("sector"), work)
    assert done.outcome.passed
    assert [one.right for one in done.predicted] == [False, False, True]


def test_a_spoiled_answer_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / PREDICT_FILE).write_text("erases: [1, 2]\nwurst: 3\n")
    with pytest.raises(SpecError) as refused:
        read_predictions(lab("sector").spec, tmp_path)
    assert [(one.line, one.column) for one in refused.value.problems] == [(1, 9), (2, 1)]


@given(answer=st.integers(-(10**6), 10**6), said=st.integers(-(10**6), 10**6), percent=st.integers(0, 100))
def test_a_number_is_right_within_its_share(answer: int, said: int, percent: int) -> None:
    asked = Prediction(name="n", ask="?", answer="device.bricked", within=f"{percent}%")  # type: ignore[arg-type]
    right = Predicted(asked, said, answer).right
    assert right == (abs(said - answer) <= asked.within * abs(answer))
    assert Predicted(asked, f"about {said:,}", answer).right == right


@pytest.mark.parametrize(
    ("said", "answer", "right"),
    [("Yes", True, True), (True, True, True), ("no", True, False), ("FAILED", "FAILED", True),
     ("failed", "FAILED", False), (None, 1, False), ("1", None, False), ("x", 3, False), (True, 1, False),
     (0, 0, True)],
)  # fmt: skip
def test_words_are_compared_as_people_write_them(said: object, answer: object, right: bool) -> None:
    asked = Prediction(name="n", ask="?", answer="device.bricked")
    assert Predicted(asked, said, answer).right is right


def test_a_lab_of_ones_own_works_like_those_that_ship(tmp_path: Path) -> None:
    own = Path(shutil.copytree(lab("sector").folder, tmp_path / "own"))
    begin(load_lab(own), tmp_path / "work")
    assert read_note(tmp_path / "work") == Note("own")


def test_looking_while_a_run_goes_on_changes_nothing_of_it(tmp_path: Path) -> None:
    work = solved("cut_the_power", tmp_path / "work")
    scenario = sheet("cut_the_power", work, tmp_path).scenario
    spec = lab("cut_the_power").spec
    blind, looked = try_work(spec, scenario), try_work(spec, scenario, live=True)
    assert looked.trace_hash == blind.trace_hash
    assert looked.passed
    assert blind.changes == ()
    for changes in looked.changes:
        assert changes[0] == (0, False)
        assert [held for _, held in changes] == [number % 2 == 1 for number in range(len(changes))], "they alternate"
        assert changes[-1][1]
    moments = [changes[-1][0] / 1_000_000 for changes in looked.changes]
    assert 140 < moments[1] < 150, "late loses its power at 144 s"
    assert max(moments) <= looked.virtual_s


LINES = (lab("which_package").solution / "scenario.yaml").read_text(encoding="utf-8").splitlines()
BITS = ("", "~", "[]", "{}", "-1", "''", "[[]]", "&x *x", "!!python/none x", "1e999", "\t", "é", "${matrix.x}", "? x")


@settings(max_examples=30, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "twice", "value", "end"]), st.sampled_from(BITS)
        ),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_a_scenario_holds_it_is_a_sheet_or_a_told_mistake(
    edits: list[tuple[int, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = list(LINES)
    for at, how, bit in edits:
        line = lines[min(at, len(lines) - 1)]
        key, colon, _ = line.partition(":")
        made = {"drop": [], "twice": [line, line], "value": [f"{key}{colon} {bit}"], "end": [line[: at % 40] + bit]}
        lines[min(at, len(lines) - 1) : min(at, len(lines) - 1) + 1] = made[how] or [""]
    folder = tmp_path_factory.mktemp("drawn")
    work = starter("which_package", folder / "work")
    (work / "scenario.yaml").write_text("\n".join(lines), encoding="utf-8")
    with suppress(SpecError):
        found = sheet("which_package", work, folder)
        assert [one.devices() for one in found.scenario.fleet] == [
            one.devices() for one in lab("which_package").scenario.fleet
        ]
