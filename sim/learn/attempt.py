"""A student looks at the own work: predictions first, then one run, its goals, and how right the predictions were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim.learn.library import Shelf
from sim.learn.predictions import Predicted, compared, read_predictions
from sim.learn.schema import Lab
from sim.learn.sheet import make_sheet, starter_sheet
from sim.learn.trial import Outcome, try_work


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of the work; `notes` are what was changed beside what is the student's."""

    outcome: Outcome
    predicted: tuple[Predicted, ...]
    notes: tuple[str, ...]


def unanswered(lab: Shelf, folder: Path) -> list[str]:
    """Questions that nothing is said to yet. SpecError when the file cannot be read."""
    said = read_predictions(lab.spec, folder)
    return [asked.ask.strip() for asked in lab.spec.predict if said[asked.name] is None]


def attempt(lab: Shelf, folder: Path) -> Attempt:
    """Run it with the scenario's own seed. SpecError tells what is wrong with the work, with its place."""
    said = read_predictions(lab.spec, folder)
    with TemporaryDirectory(prefix="qpyota-lab-") as place:
        sheet = make_sheet(lab, folder, Path(place) / "sheet")
        outcome = try_work(lab.spec, sheet.scenario)
    return Attempt(outcome, tuple(compared(lab.spec, said, answers(lab, outcome))), sheet.notes)


def answers(lab: Shelf, own: Outcome) -> dict[str, Any]:
    """The answers to all questions, each from the run that it is about; the starter is run if any is about it."""
    about_starter = any(asked.of == "starter" for asked in lab.spec.predict)
    return answers_of(lab.spec, try_work(lab.spec, starter_sheet(lab).scenario) if about_starter else own, own)


def answers_of(spec: Lab, starter: Outcome, own: Outcome) -> dict[str, Any]:
    """The answers to all questions from both runs."""
    outcomes = {"starter": starter, "yours": own}
    return {asked.name: outcomes[asked.of].answers.get(asked.name) for asked in spec.predict}
