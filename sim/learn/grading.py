"""Grading: a student's work under seeds that nobody knows before, and many students' work in one go.

Rules: offline; nothing but files. Hidden seeds hang on a teacher's secret, the lab and the student, and on nothing
else, so that a grade can be made again. Each submission has a process of its own with limits (sim/learn/cell.py), and
what it does to that process is its own verdict: the others go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sim.errors import SpecError
from sim.learn.folder import NOTE_FILE
from sim.learn.library import Shelf
from sim.learn.schema import SCENARIO

SEED_BITS = 48
"""Every JSON reader has them exactly."""
SECRET_LEAST_BYTES = 8
SECONDS_PER_RUN = 60
"""Of the machine's time, for one seed; the slowest model solution takes a few on a slow machine."""
START_SECONDS = 30
CELL = ("-m", "sim.learn.cell")
ANSWER_BYTES_MOST = 10_000_000
SUBMISSIONS_MOST = 2000


@dataclass(frozen=True, slots=True)
class Submission:
    """A student's folder."""

    student: str
    folder: Path


@dataclass(frozen=True, slots=True)
class GoalGrade:
    """A goal over all runs: the seeds under which it did not hold, and what was found under the first of them."""

    say: str
    failed_seeds: tuple[int, ...]
    detail: str

    @property
    def held(self) -> bool:
        """It holds under every seed."""
        return not self.failed_seeds


@dataclass(frozen=True, slots=True)
class Grade:
    """A submission's verdict. `reason` is why it could not be looked at as it should; `explanations` are of devices in
    a known trap, under the lab's own seed; `predicted` counts questions that were answered, and answered right."""

    student: str
    goals: tuple[GoalGrade, ...]
    runs: int
    predicted: dict[str, int] | None = None
    reason: str = ""
    explanations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Every goal holds in every run."""
        return not self.reason and all(goal.held for goal in self.goals)

    @property
    def held(self) -> int:
        """How many goals hold in every run."""
        return sum(goal.held for goal in self.goals)


def hidden_seeds(secret: bytes, lab: str, student: str, count: int) -> list[int]:
    """Seeds that nobody without the secret can tell. SpecError when it is too short to be one."""
    if len(secret) < SECRET_LEAST_BYTES:
        raise SpecError(f"the secret has {len(secret)} bytes; give it at least {SECRET_LEAST_BYTES}")
    key = blake2b(secret, digest_size=32).digest()
    names = [f"{lab}\0{student}\0{number}".encode() for number in range(1, count + 1)]
    return [int.from_bytes(blake2b(name, key=key, digest_size=SEED_BITS // 8).digest()) for name in names]


def find_submissions(lab: Shelf, folder: Path, student: str | None) -> list[Submission]:
    """The one that `folder` is, or all those in it, by name. SpecError when there is none."""
    if not folder.is_dir():
        raise SpecError(f"there is no folder {folder}")
    if _is_work(lab, folder):
        return [Submission(_checked(student or folder.resolve().name), folder)]
    if student is not None:
        raise SpecError(f"--student is for one submission; {folder} holds several, each named by its student")
    inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if not inside:
        raise SpecError(f"{folder} is neither a work folder of {lab.name} nor a folder of such folders")
    if len(inside) > SUBMISSIONS_MOST:
        raise SpecError(f"{folder} holds {len(inside)} folders; {SUBMISSIONS_MOST} can be graded at once")
    return [Submission(_checked(one.name), one) for one in inside]


def grade_all(
    lab: Shelf,
    submissions: Sequence[Submission],
    seeds_of: Callable[[str], list[int]],
    jobs: int,
    tell: Callable[[Grade], None] = lambda _: None,
) -> list[Grade]:
    """Every submission's verdict, in their order; `tell` hears of each as it is known."""

    def one(submission: Submission) -> Grade:
        grade = _grade(lab, submission, seeds_of(submission.student))
        tell(grade)
        return grade

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        return list(pool.map(one, submissions))


def _is_work(lab: Shelf, folder: Path) -> bool:
    names = (NOTE_FILE, SCENARIO, *lab.spec.yours.files)
    return any((folder / name).exists() for name in names)


def _checked(student: str) -> str:
    if not student.strip() or not student.isprintable() or len(student) > 100:
        raise SpecError(f"{student!r} is no name for a student: up to 100 printable characters")
    return student


def _grade(lab: Shelf, submission: Submission, seeds: list[int]) -> Grade:
    answer, reason = _asked(lab, submission, seeds)
    runs = 1 + len(seeds)
    if reason:
        return _not_graded(lab, submission, runs, reason)
    outcomes = answer["outcomes"]
    goals = []
    for index, goal in enumerate(lab.spec.goals):
        failed = [(one["seed"], one["goals"][index]["detail"]) for one in outcomes if not one["goals"][index]["held"]]
        goals.append(GoalGrade(goal.say, tuple(seed for seed, _ in failed), failed[0][1] if failed else ""))
    reasons = list(dict.fromkeys(one["reason"] for one in outcomes if one["reason"]))
    return Grade(
        student=submission.student,
        goals=tuple(goals),
        runs=len(outcomes),
        predicted=answer["predicted"],
        reason="; ".join(reasons),
        explanations=tuple(outcomes[0]["explanations"]),
        notes=tuple(answer["notes"]),
    )


def _not_graded(lab: Shelf, submission: Submission, runs: int, reason: str) -> Grade:
    goals = tuple(GoalGrade(goal.say, (lab.scenario.seed,), reason) for goal in lab.spec.goals)
    return Grade(submission.student, goals, runs, reason=reason)


def _asked(lab: Shelf, submission: Submission, seeds: list[int]) -> tuple[dict[str, Any], str]:
    """What the process answered, or why there is no answer."""
    limit_s = START_SECONDS + SECONDS_PER_RUN * (1 + len(seeds))
    order = {"lab": str(lab.folder), "work": str(submission.folder.resolve()), "seeds": seeds, "cpu_s": limit_s}
    process = subprocess.Popen(
        [sys.executable, *CELL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ},
        start_new_session=True,  # so that all it starts ends with it
    )
    try:
        out, _ = process.communicate(json.dumps(order).encode(), timeout=limit_s)
    except subprocess.TimeoutExpired:
        return {}, f"it did not come to an end within {limit_s} seconds of this machine's time"
    finally:
        _end(process)
    try:
        answer = json.loads(out) if len(out) <= ANSWER_BYTES_MOST else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return {}, f"its process ended without an answer ({_ending(process.returncode)})"
    return answer, str(answer.get("broken", ""))


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started are gone afterwards."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _ending(code: int) -> str:
    if code == -signal.SIGXCPU or code == -signal.SIGKILL:
        return "it was stopped: too much processor time or memory"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
