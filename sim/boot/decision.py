"""What a boot does: one total function of three facts read from flash.

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
    BRICKED = "bricked"
    """No bootable image and no way to make one."""


@dataclass(frozen=True, slots=True)
class BootFacts:
    """`runnable`: every image partition holds a whole image, and all are of one version."""

    phase: Phase
    runnable: bool
    package: PackageState


_ANY = tuple(PackageState)
_NOT_USABLE = (PackageState.UNASKED, PackageState.REFUSED)
_USABLE = (PackageState.USABLE,)
_BOTH = (True, False)

_RULES: tuple[tuple[tuple[Phase, ...], tuple[bool, ...], tuple[PackageState, ...], BootAction], ...] = (
    ((Phase.IDLE,), (True,), _ANY, BootAction.RUN),
    ((Phase.IDLE,), (False,), _ANY, BootAction.BRICKED),
    ((Phase.REQUESTED, Phase.APPLYING), _BOTH, _USABLE, BootAction.APPLY),
    ((Phase.REQUESTED, Phase.APPLYING), (True,), _NOT_USABLE, BootAction.DROP),
    ((Phase.REQUESTED, Phase.APPLYING), (False,), _NOT_USABLE, BootAction.BRICKED),
    ((Phase.COMPLETE,), (True,), _ANY, BootAction.CONFIRM),
    ((Phase.COMPLETE,), (False,), _ANY, BootAction.BRICKED),
)

TABLE: dict[BootFacts, BootAction] = {
    BootFacts(phase, runnable, package): action
    for phases, runnables, packages, action in _RULES
    for phase in phases
    for runnable in runnables
    for package in packages
}


def decide(facts: BootFacts) -> BootAction:
    """The action for these facts; defined for every combination."""
    return TABLE[facts]
