"""`qpyota learn` as a student uses it: list, begin, predict, look, hint, begin anew."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from learn_rig import lab, replaced

from sim.cli.exits import Exit
from sim.cli.main import main
from sim.learn.schema import lab_schema


class Student:
    """A shell in an empty folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def types(self, *words: str, ends: Exit = Exit.PASSED) -> str:
        """What `qpyota learn WORDS` prints."""
        with pytest.raises(SystemExit) as ended:
            main(["learn", *words])
        captured = self._capsys.readouterr()
        assert ended.value.code == ends, captured.out + captured.err
        return captured.out + captured.err


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Student:
    monkeypatch.chdir(tmp_path)
    return Student(capsys)


def predict(folder: str, *answers: str) -> None:
    for answer in answers:
        replaced(Path(folder) / "predict.yaml", f"\n{answer.partition(':')[0]}:", f"\n{answer}")


def test_a_lab_from_beginning_to_end(student: Student) -> None:
    assert re.search(r"^sector +20 +What a sector is$", student.types(), re.MULTILINE)
    told = student.types("sector")
    assert "# What a sector is" in told
    assert "sector/app" in told
    assert "qpyota learn --check sector" in told

    told = student.types("--check", "sector", ends=Exit.USAGE)
    assert "first say what you expect, in sector/predict.yaml" in told
    predict("sector", "erases: 12", "worst: 1", "lost: yes")

    told = student.types("--check", "sector", ends=Exit.FAILED)
    assert "you said 12; it was 271" in told
    assert "✗ logger erases fewer than 40 sectors for that.\n      device['logger'].sector_erases is 271" in told
    assert "2 of 3 goals" in told
    assert " begun  " in student.types()

    hints = [student.types("--check", "sector", "--hint") for _ in lab("sector").spec.hints]
    assert hints[0].endswith("2 more.\n")
    assert hints[-1].endswith("That was the last hint.\n")
    assert [hint.count(". ") >= number for number, hint in enumerate(hints, 1)]

    shutil.copytree(lab("sector").solution, "sector", dirs_exist_ok=True)
    told = student.types("sector", "sector")
    assert "PASSED What a sector is" in told
    assert " ".join(lab("sector").spec.after.split()) in told
    assert " passed  " in student.types()
    assert "You have begun this lab in sector" in student.types("sector")

    assert "your work is in sector.old-1" in student.types("sector", "--reset")
    assert "READINGS" in Path("sector/app/main.py").read_text()
    assert "BATCH" in Path("sector.old-1/app/main.py").read_text()


def test_json_says_the_same(student: Student) -> None:
    labs = json.loads(student.types("--json"))["labs"]
    assert [one["lab"] for one in labs][:2] == ["first_fota", "sector"]
    assert all(one["idea"].endswith(".") for one in labs)
    student.types("sector", "--into", "mine")
    predict("mine", "erases: 12", "worst: 1", "lost: yes")
    told = json.loads(student.types("--check", "mine", "--json", ends=Exit.FAILED))
    assert [one["held"] for one in told["goals"]] == [True, False, True]
    assert [(one["name"], one["answer"], one["right"]) for one in told["predicted"]] == [
        ("erases", 271, False), ("worst", 11, False), ("lost", True, True),
    ]  # fmt: skip


def test_a_mistake_in_the_work_is_told_where_the_student_made_it(student: Student) -> None:
    student.types("first_fota")
    predict("first_fota", "hurried: no", "restarts: 1", "bytes: 1")
    replaced(Path("first_fota/scenario.yaml"), "targets: [meter]", "targets: [meters]")
    told = student.types("--check", "first_fota", ends=Exit.USAGE)
    assert "first_fota/scenario.yaml:22:15: error: unknown device or group 'meters'; did you mean 'meter'?" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sektor"], "there is no lab 'sektor'; did you mean 'sector'?"),
        (["--check", "nowhere"], "nowhere is no work folder of a lab"),
        (["sector", "nowhere"], "begin the lab with: qpyota learn sector --into nowhere"),
        (["sector", "--hint"], "sector has not been begun"),
        (["sector", "--reset"], "sector has not been begun"),
        (["sector", "--into", "."], "there is something in . already"),
        (["sector", "--check", "x"], "give either LAB and FOLDER or --check DIR"),
        (["sector", "--student", "x"], "--student is for --grade"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_way_out(student: Student, words: list[str], told: str) -> None:
    Path("something").mkdir()
    assert told in student.types(*words, ends=Exit.USAGE)


def test_the_schema_of_labs_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["schema", "--lab"])
    assert ended.value.code == Exit.PASSED
    assert json.loads(capsys.readouterr().out) == lab_schema()
