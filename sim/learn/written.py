"""Grades as files: JSON for programs, CSV for a table, JUnit for whatever shows tests.

Seeds are in the JSON, which is the teacher's; CSV and JUnit may be shown to students and have none.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from sim.learn.grading import Grade
from sim.learn.library import Shelf

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would calculate."""


def as_json(lab: Shelf, grades: Sequence[Grade]) -> dict[str, Any]:
    """All of it."""
    return {
        "lab": lab.name,
        "title": lab.spec.title,
        "passed": sum(grade.passed for grade in grades),
        "submissions": [
            {
                "student": grade.student,
                "passed": grade.passed,
                "goals_held": grade.held,
                "goals_all": len(grade.goals),
                "runs": grade.runs,
                "predicted": grade.predicted,
                "reason": grade.reason,
                "explanations": list(grade.explanations),
                "notes": list(grade.notes),
                "goals": [
                    {
                        "say": goal.say,
                        "held": goal.held,
                        "failed_seeds": list(goal.failed_seeds),
                        "detail": goal.detail,
                    }
                    for goal in grade.goals
                ],
            }
            for grade in grades
        ],
    }


def as_csv(grades: Sequence[Grade]) -> str:
    """A line for each student."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["student", "passed", "goals_held", "goals_all", "predicted_right", "predicted_all", "why"])
    for grade in grades:
        predicted = grade.predicted or {"right": 0, "questions": 0}
        rows.writerow(
            [
                _plain(grade.student),
                "yes" if grade.passed else "no",
                grade.held,
                len(grade.goals),
                predicted["right"],
                predicted["questions"],
                _plain(why(grade)),
            ]
        )
    return text.getvalue()


def as_junit(lab: Shelf, grades: Sequence[Grade]) -> bytes:
    """A suite for each student, a case for each goal."""
    failures = sum(len(grade.goals) - grade.held for grade in grades)
    root = ET.Element(
        "testsuites", tests=str(sum(len(grade.goals) for grade in grades)), failures=str(failures), errors="0"
    )
    for grade in grades:
        numbers = {"tests": str(len(grade.goals)), "failures": str(len(grade.goals) - grade.held), "errors": "0"}
        suite = ET.SubElement(root, "testsuite", {"name": _clean(grade.student), "time": "0", **numbers})
        for goal in grade.goals:
            case = ET.SubElement(suite, "testcase", classname=_clean(lab.name), name=_clean(goal.say), time="0")
            if not goal.held:
                failed = f"under {len(goal.failed_seeds)} of {grade.runs} seeds: {goal.detail or 'does not hold'}"
                ET.SubElement(case, "failure", message=_clean(failed)).text = _clean(failed)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def why(grade: Grade) -> str:
    """Why a submission did not pass, in one line; empty when it did."""
    if grade.passed:
        return ""
    if grade.reason:
        return grade.reason
    first = next(goal for goal in grade.goals if not goal.held)
    told = f"; {grade.explanations[0]}" if grade.explanations else ""
    return f"{first.say} {first.detail}".strip() + told


def _plain(text: str) -> str:
    """Text that a spreadsheet takes for text."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
