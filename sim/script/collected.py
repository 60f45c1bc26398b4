"""Generators that a script left half-way, when Python's collector takes them away.

A device's collector runs no code; Python's runs the generator's `finally` and `with` blocks, at some moment, in
whatever thread is running, perhaps another device's. So calls of modules refuse there (`Collected`), and what such a
generator comes to, whose boot may be over and its names gone, is not told on the host's stderr.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from sim.script.loader import TEXT_PATH, TYPED

DEVICE_FOLDERS = ("/usr/", "/bak/")


class Collected(GeneratorExit):
    """A call of a module from outside of its boot's threads."""


@cache
def keep_quiet() -> None:
    """Once a process: errors that Python ignores are told as before, but for those of scripts' generators."""
    before = sys.unraisablehook

    def told(ignored: Any) -> None:
        if not is_of_a_script(ignored.object):
            before(ignored)

    sys.unraisablehook = told


def is_of_a_script(thing: object) -> bool:
    """Whether this is a generator or coroutine that a device's program has defined."""
    code = getattr(thing, "gi_code", None) or getattr(thing, "cr_code", None)
    path = "" if code is None else code.co_filename
    return path.startswith(DEVICE_FOLDERS) or path == TEXT_PATH or path in TYPED
