"""Predictions: what a student thinks before the run, in a small YAML file, and how right it was.

The answer is what the run comes to. A wrong prediction costs nothing; one that is missing keeps the goals from being
told, because nobody can predict what has been seen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from sim.errors import SpecError
from sim.learn.schema import Lab, Prediction
from sim.scenario.document import Document
from sim.scenario.expect import suggest
from sim.scenario.loader import text_of

PREDICT_FILE = "predict.yaml"
LINE_CHARS = 110
_HEAD = """\
# Before you run anything: what do you think? Write each answer behind its colon. A wrong one costs nothing, and the
# run itself tells what is right. `qpyota learn --check` looks at the goals once all answers are there.
"""
_YES, _NO = ("yes", "true"), ("no", "false")


@dataclass(frozen=True, slots=True)
class Predicted:
    """A question, what was `said` (None: nothing yet), what the run came to, and whether that is close enough."""

    asked: Prediction
    said: Any
    answer: Any

    @property
    def right(self) -> bool:
        """Whether it was predicted."""
        if self.said is None or self.answer is None:
            return False
        if isinstance(self.answer, int | float) and not isinstance(self.answer, bool):
            number = _number(self.said)
            return number is not None and abs(number - self.answer) <= self.asked.within * abs(self.answer)
        return _word(self.said) == _word(self.answer)

    @property
    def shown(self) -> str:
        """The answer as people read it."""
        if isinstance(self.answer, float):
            return f"{self.answer:.1f}"
        return "nothing that could be told" if self.answer is None else _word(self.answer)


def blank(spec: Lab) -> str:
    """The file with its questions, and nothing answered."""
    return filled(spec, {})


def filled(spec: Lab, said: Mapping[str, str | None]) -> str:
    """The file with its questions, and what is said to them."""
    parts = [_HEAD]
    for asked in spec.predict:
        question = asked.ask + (f" ({' or '.join(map(_word, asked.choices))})" if asked.choices else "")
        lines = fill(" ".join(question.split()), LINE_CHARS, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"\n{lines}\n{asked.name}:{_written(said.get(asked.name))}\n")
    return "".join(parts)


def _written(said: str | None) -> str:
    """An answer as YAML; in quotes where it would otherwise be more than a word."""
    if said is None:
        return ""
    return f" {said}" if re.fullmatch(r"[\w][\w.,% -]*", said) else f" {json.dumps(said)}"


def read_predictions(spec: Lab, folder: Path) -> dict[str, Any]:
    """What the file in a work folder says, by name; None where nothing is said. SpecError when it cannot be read."""
    file = folder / PREDICT_FILE
    if not spec.predict or not file.exists():
        return {asked.name: None for asked in spec.predict}
    names = [asked.name for asked in spec.predict]
    document = Document(str(file), text_of(file), "predictions are 'name: answer', one a line")
    data = document.read()
    if not document.unreadable:
        for key, value in data.items():
            if key not in names:
                document.report((key,), f"there is no question {key!r}{suggest(key, names)}", on_key=True)
            elif isinstance(value, dict | list):
                document.report((key,), "an answer is a number or a word")
    if document.problems:
        raise SpecError(document.sorted_problems())
    return {name: data.get(name) for name in names}


def compared(spec: Lab, said: Mapping[str, Any], answers: Mapping[str, Any]) -> list[Predicted]:
    """Each question with what was said and what came."""
    return [Predicted(asked, said.get(asked.name), answers.get(asked.name)) for asked in spec.predict]


def _number(said: Any) -> float | None:
    """`1200`, `1,200`, `1 200`, `about 1200`: what people write for a number."""
    if isinstance(said, bool):
        return None
    if isinstance(said, int | float):
        return float(said)
    digits = str(said).replace(",", "").replace("_", "").replace(" ", "")
    digits = digits.removeprefix("about").removeprefix("~")
    try:
        return float(digits)
    except ValueError:
        return None


def _word(value: Any) -> str:
    word = str(value).strip().lower() if not isinstance(value, str) or value.lower() in _YES + _NO else value.strip()
    return "yes" if word in _YES else "no" if word in _NO else word
