"""What a program waited for did not come."""

from __future__ import annotations

from collections.abc import Sequence

from sim.errors import QpyotaError


class Unmet(QpyotaError, AssertionError):  # noqa: N818 - a finding
    """One sentence on what happened in its place, one on each device that is in a known trap, then the line that
    repeats it. A test fails with it."""

    exit_code = 1

    def __init__(self, sentence: str, replay: str, explanations: Sequence[str] = ()) -> None:
        self.sentence = sentence
        self.replay = replay
        self.explanations = tuple(explanations)
        super().__init__("\n".join([sentence, *explanations, f"replay: {replay}"]))
