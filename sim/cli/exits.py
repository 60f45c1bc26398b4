"""Exit codes of `qpyota`. Documented in the README and stable: scripts depend on them."""

from __future__ import annotations

from enum import IntEnum

from sim.scenario.result import RunResult


class Exit(IntEnum):
    """What the process says to the shell."""

    PASSED = 0
    FAILED = 1  # an expect does not hold, or a package does not verify
    USAGE = 2  # the command line, a scenario or a file is not usable
    INTERNAL = 3  # a defect of qpyota
    ENVIRONMENT = 4  # a port is taken, a package is missing
    INCOMPLETE = 5  # the run did not come to its end
    INTERRUPTED = 130  # Ctrl-C


def exit_of(result: RunResult) -> Exit:
    """The exit code of a finished run; one that went wrong in itself says nothing about its expects."""
    if result.problems:
        return Exit.INCOMPLETE
    return Exit.PASSED if result.passed else Exit.FAILED
