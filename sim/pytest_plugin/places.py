"""What the plugin keeps with a test, and how a test is repeated."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import pytest

from sim.pytest_plugin.marks import device_keys

if TYPE_CHECKING:
    from sim.rig.cuts import Count, Cut
    from sim.rig.rig import Rig

DEFAULT_SEED = 1

RIG: pytest.StashKey[Rig] = pytest.StashKey()
"""The rig that the test stands on, while it does."""
CUT: pytest.StashKey[Cut] = pytest.StashKey()
"""Where its device loses power."""
COUNT: pytest.StashKey[Count] = pytest.StashKey()
"""It is run only to count."""
UNCUT: pytest.StashKey[str] = pytest.StashKey()
"""It has the mark power_cut and was not cut: why."""
NAMED: pytest.StashKey[str] = pytest.StashKey()
"""The node that one asks for to have it run again, where that is not the test itself."""
MERGED: pytest.StashKey[bool] = pytest.StashKey()
"""It stands for all cuts."""


def seed_of(item: pytest.Item) -> int:
    """The option's, else the mark's, else 1."""
    given = item.config.getoption("--qpy-seed")
    return int(device_keys(item).get("seed", DEFAULT_SEED) if given is None else given)


def replay(item: pytest.Item) -> str:
    """The command that repeats the test, from where pytest was started."""
    _, *names = item.stash.get(NAMED, item.nodeid).split("::", 1)
    path = os.path.relpath(item.path, item.config.invocation_params.dir).replace(os.sep, "/")
    return shlex.join(["pytest", "::".join([path, *names]), "--qpy-seed", str(seed_of(item))])
