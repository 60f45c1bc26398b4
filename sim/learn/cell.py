"""One submission, looked at in a process of its own: `python -m sim.learn.cell` takes an order on stdin and answers
on stdout.

Rules: both are one JSON object. This process has what it needs and no more: bounded memory, processor time and file
sizes, no environment, and seeds, but not the secret that they come from. Whatever a submission makes of it is an
answer; when the process is gone, whoever started it says so. That holds mistakes, loops and floods; it is no wall
against an attacker, who belongs into a container."""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim.errors import QpyotaError
from sim.learn.attempt import answers
from sim.learn.library import Shelf, load_lab
from sim.learn.predictions import Predicted, compared, read_predictions
from sim.learn.sheet import make_sheet
from sim.learn.trial import Outcome, could_not_run, try_work

MEMORY_BYTES = 2 * 1024**3
FILE_BYTES = 64 * 1024**2
"""Of one file that is written; nothing large is."""
REASON_CHARS = 500
PROBLEM_CHARS = 5000


def looked_at(lab: Shelf, work: Path, seeds: list[int]) -> dict[str, Any]:
    """What came of a work folder, with the scenario's own seed and with each of these, as JSON values."""
    own = lab.scenario.seed
    with TemporaryDirectory(prefix="qpyota-lab-") as folder:
        try:
            sheet = make_sheet(lab, work, Path(folder) / "sheet")
        except (QpyotaError, OSError, UnicodeError) as error:
            outcomes = [could_not_run(lab.spec, own, _short(error))]
            return {"outcomes": [_json(one) for one in outcomes], "predicted": None, "notes": []}
        outcomes = []
        for seed in (own, *seeds):
            try:
                outcomes.append(try_work(lab.spec, sheet.scenario, seed))
            except QpyotaError as error:
                outcomes.append(could_not_run(lab.spec, seed, _short(error)))
    return {
        "outcomes": [_json(one) for one in outcomes],
        "predicted": _predicted(lab, work, outcomes[0]),
        "notes": list(sheet.notes),
    }


def tried(lab: Shelf, work: Path) -> dict[str, Any]:
    """One run with the lab's own seed for a page: goals, the moments at which they held, and predictions in full."""
    with TemporaryDirectory(prefix="qpyota-lab-") as folder:
        try:
            said = read_predictions(lab.spec, work)
            sheet = make_sheet(lab, work, Path(folder) / "sheet")
            outcome = try_work(lab.spec, sheet.scenario, live=True)
        except QpyotaError as error:
            return {"problem": str(error)[:PROBLEM_CHARS]}
    found = compared(lab.spec, said, answers(lab, outcome))
    told = _json(outcome) | {"virtual_s": outcome.virtual_s, "notes": list(sheet.notes)}
    for goal, changes in zip(told["goals"], outcome.changes, strict=True):
        goal["changes"] = [list(change) for change in changes]
    return told | {"predicted": [_compared(one) for one in found]}


def _compared(one: Predicted) -> dict[str, Any]:
    why = one.asked.why.strip()
    return {"name": one.asked.name, "said": str(one.said), "was": one.shown, "right": one.right, "why": why}


def _predicted(lab: Shelf, work: Path, own: Outcome) -> dict[str, int] | None:
    """How many questions there are, how many were answered, and how many of the answers are right."""
    if not lab.spec.predict:
        return None
    said: dict[str, Any] = {}
    with suppress(QpyotaError, OSError):
        said = read_predictions(lab.spec, work)
    found = compared(lab.spec, said, answers(lab, own))
    made = sum(one.said is not None for one in found)
    return {"questions": len(found), "made": made, "right": sum(one.right for one in found)}


def _json(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.seed,
        "passed": outcome.passed,
        "goals": [{"held": one.held, "detail": one.detail[:REASON_CHARS]} for one in outcome.goals],
        "reason": outcome.reason[:REASON_CHARS],
        "explanations": [one[:REASON_CHARS] for one in outcome.explanations[:5]],
    }


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:REASON_CHARS]


def _bounded(seconds: int) -> None:
    """No more than this, whatever the code that runs here is up to."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a system that has no such limit
            resource.setrlimit(what, (most, most))


def main() -> None:
    """Take an order, and answer."""
    order = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is printed here is no answer
    _bounded(int(order["cpu_s"]))
    try:
        lab, work = load_lab(Path(order["lab"])), Path(order["work"])
        found = tried(lab, work) if order.get("live") else looked_at(lab, work, order["seeds"])
    except MemoryError:
        found = {"broken": f"it takes more than {MEMORY_BYTES >> 30} GiB of memory"}
    except Exception as error:  # noqa: BLE001 - told in the table, so that the other submissions are looked at
        found = {"broken": f"the run broke off: {type(error).__name__}: {_short(error)}"}
    with answer:
        json.dump(found, answer)


if __name__ == "__main__":
    main()
