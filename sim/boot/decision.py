"""What a boot does: one total function of four facts read from flash.

The table below is the whole decision; a combination that is not in it cannot exist. The first rule above all: as
long as whole images of one version are there, the device runs, whatever else went wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sim.boot.journal import Phase


class PackageState(StrEnum):
    """What is known of the staged package."""

    UNASKED = "unasked"
    """The journal asks for no package, so nobody looked."""
    USABLE = "usable"
    """It passed every check, for the step the update is at."""
    REFUSED = "refused"
    """It failed a check, or a block of it could not be applied."""


class BootAction(StrEnum):
    """What the bootloader does next."""

    RUN = "run"
    APPLY = "apply"
    """Start or resume: the same thing."""
    DROP = "drop"
    """Forget the request, then run what is there."""
    CONFIRM = "confirm"
    """The update is in place: close the journal, then run it."""
    MINI = "mini"
    """Start the mini system: it downloads what the update needs next."""
    BRICKED = "bricked"
    """No bootable image and no way to make one."""


@dataclass(frozen=True, slots=True)
class BootFacts:
    """`runnable`: every image partition holds a whole image, and all are of one version; `mini`: the partition of the
    mini system holds a whole image (looked at only in the phases of a minimal upgrade)."""

    phase: Phase
    runnable: bool
    package: PackageState
    mini: bool = False


_ANY = tuple(PackageState)
_NOT_USABLE = (PackageState.UNASKED, PackageState.REFUSED)
_USABLE = (PackageState.USABLE,)
_BOTH = (True, False)

_STAGED = (Phase.REQUESTED, Phase.APPLYING, Phase.MINI_STAGED, Phase.MINI_APPLYING)
_YES, _NO = (True,), (False,)

RULES: tuple[
    tuple[tuple[Phase, ...], tuple[bool, ...], tuple[PackageState, ...], tuple[bool, ...], BootAction], ...
] = (
    # phases, runnable, package, mini: action
    ((Phase.IDLE,), _YES, _ANY, _BOTH, BootAction.RUN),
    ((Phase.IDLE,), _NO, _ANY, _BOTH, BootAction.BRICKED),
    (_STAGED, _BOTH, _USABLE, _BOTH, BootAction.APPLY),
    (_STAGED, _YES, _NOT_USABLE, _BOTH, BootAction.DROP),
    (_STAGED, _NO, _NOT_USABLE, _BOTH, BootAction.BRICKED),
    ((Phase.MINI_REQUESTED,), _BOTH, _ANY, _YES, BootAction.MINI),
    ((Phase.MINI_REQUESTED,), _YES, _ANY, _NO, BootAction.DROP),
    ((Phase.MINI_REQUESTED,), _NO, _ANY, _NO, BootAction.BRICKED),
    ((Phase.STREAMING,), _BOTH, _USABLE, _YES, BootAction.MINI),
    ((Phase.STREAMING,), _YES, _USABLE, _NO, BootAction.DROP),
    ((Phase.STREAMING,), _NO, _USABLE, _NO, BootAction.BRICKED),
    ((Phase.STREAMING,), _YES, _NOT_USABLE, _BOTH, BootAction.DROP),
    ((Phase.STREAMING,), _NO, _NOT_USABLE, _BOTH, BootAction.BRICKED),
    ((Phase.COMPLETE,), _YES, _ANY, _BOTH, BootAction.CONFIRM),
    ((Phase.COMPLETE,), _NO, _ANY, _BOTH, BootAction.BRICKED),
)

TABLE: dict[BootFacts, BootAction] = {
    BootFacts(phase, runnable, package, mini): action
    for phases, runnables, packages, minis, action in RULES
    for phase in phases
    for runnable in runnables
    for package in packages
    for mini in minis
}


def decide(facts: BootFacts) -> BootAction:
    """The action for these facts; defined for every combination."""
    return TABLE[facts]


def decide_unseen(phase: Phase, package: PackageState, mini: bool) -> BootAction | None:
    """The action where it is the same with and without whole images, so that nobody need look; else None."""
    runs, stands = (TABLE[BootFacts(phase, runnable, package, mini)] for runnable in _BOTH)
    return runs if runs is stands else None
