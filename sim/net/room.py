"""What this machine has room for: open files, ports, memory. Looks, and raises the one limit that a process may raise.

Rules: nothing is assumed on systems that do not say; the limit of open files is only ever raised, never beyond what the
system allows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

try:
    import resource
except ImportError:  # not a Unix
    resource = None  # type: ignore[assignment]

HTTP_CONNECTIONS = 100
"""Open at a time to all servers together; further requests wait, which takes no simulation time."""

ALL_PORTS = 28_232
"""Ports that Linux gives to outgoing connections of one address, unless it says otherwise."""


def open_files() -> tuple[int, int]:
    """How many this process may have now, and how many it may allow itself."""
    if resource is None:
        return sys.maxsize, sys.maxsize
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _count(soft), _count(hard)


def allow_open_files(wanted: int) -> bool:
    """Raise the limit to all that the system allows if so many are not allowed yet. False when that is too few."""
    soft, hard = open_files()
    if wanted <= soft:
        return True
    assert resource is not None
    raw_hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raw_hard, raw_hard))
    except (OSError, ValueError):  # macOS refuses "unlimited"
        return False
    return wanted <= hard


def ports() -> int:
    """How many connections to one place can leave one address of this machine."""
    try:
        first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()
    except (OSError, ValueError):
        return ALL_PORTS
    return int(last) - int(first) + 1


def memory_bytes() -> int:
    """What programs may still take, or 0 when the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def _count(limit: int) -> int:
    assert resource is not None
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
