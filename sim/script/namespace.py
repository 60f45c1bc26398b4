"""A firmware module as a script sees it: plain names, made anew at each boot so that patching one is harmless."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def namespace(name: str, **members: Any) -> ModuleType:
    """A module object with these members."""
    module = ModuleType(name)
    module.__dict__.update(members)
    return module
