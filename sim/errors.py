"""Who is at fault. Every error a user can meet is one of these, and each carries the exit code of the CLI.

Rules: the text names the culprit, the place and the way out. An operating failure of the emulated world
(a lost link, a refused package) is a typed outcome inside the run, not an exception that ends it.
"""

from __future__ import annotations

from dataclasses import dataclass


class QpyotaError(Exception):
    """Base of all errors that are told to a person in one line; anything else is a defect of qpyota."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a user's file: where (1-based line and column) and what, with the offending line's text."""

    file: str
    line: int
    column: int
    message: str
    path: str = ""
    text: str = ""

    def render(self) -> str:
        """`file:line:col: error: …  [path]`, then the line with a caret under the column."""
        where = f"   [{self.path}]" if self.path else ""
        head = f"{self.file}:{self.line}:{self.column}: error: {self.message}{where}"
        if not self.text:
            return head
        caret = " " * (self.column - 1) + "^"
        return f"{head}\n{self.line:>6} | {self.text}\n       | {caret}"


class SpecError(QpyotaError):
    """A scenario, model or command line that cannot be used. Holds all problems found, not the first."""

    exit_code = 2

    def __init__(self, problems: list[Problem] | str) -> None:
        self.problems = problems if isinstance(problems, list) else []
        text = problems if isinstance(problems, str) else "\n".join(p.render() for p in problems)
        super().__init__(text)


class PackageError(QpyotaError):
    """An upgrade package that is refused. `code` is the module's own error number (facts: quecpython §4)."""

    exit_code = 2

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


class FlashError(QpyotaError):
    """A flash access that real NOR would not survive: misaligned, un-erased or out of range. Stops the run."""


class LinkError(QpyotaError):
    """A connection that failed or did not drain; the text names it."""

    exit_code = 5


class MachineError(QpyotaError):
    """The machine lacks something: a port is taken, a package is missing, the disk is full."""

    exit_code = 4


class Defect(BaseException):
    """A defect of qpyota met while a script was calling it. It passes through whatever a script catches and ends the
    run with its cause, so that no script can be blamed for it."""
