"""A call into C that may end the process, tried first in a copy of the process.

littlefs checks itself with assertions, and a failed one is an abort. No power cut leads there, but cells that read now
so, now otherwise can: a file that is a folder the next time, a pending move that does not come out. The copy does
exactly what the original would, as everything here is deterministic; if the copy dies, the original does not try. It
costs some milliseconds a call, and only flash whose reads vary pays them.
"""

from __future__ import annotations

import faulthandler
import os
import warnings
from collections.abc import Callable
from contextlib import suppress

from sim.errors import MachineError


def survives(call: Callable[[], object]) -> bool:
    """Whether the process would outlive `call`, whatever that raises or returns. It has no effect here."""
    if not hasattr(os, "fork"):
        raise MachineError("file systems on flash with defects need fork(), which this system lacks")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads: the copy takes no lock of theirs
        child = os.fork()
    if child == 0:
        _die_after(call)
    return os.WIFEXITED(os.waitpid(child, 0)[1])


def _die_after(call: Callable[[], object]) -> None:
    try:
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # littlefs says there what it fails of
        with suppress(ImportError):
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        call()
    except BaseException:  # noqa: BLE001  the original will meet it again
        pass
    finally:
        os._exit(0)
