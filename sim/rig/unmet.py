"""What a program waited for did not come."""

from __future__ import annotations

from sim.errors import QpyotaError


class Unmet(QpyotaError, AssertionError):  # noqa: N818 - a finding
    """One sentence on what happened in its place, then the line that repeats it. A test fails with it."""

    exit_code = 1

    def __init__(self, sentence: str, replay: str) -> None:
        self.sentence = sentence
        self.replay = replay
        super().__init__(f"{sentence}\nreplay: {replay}")
