"""`uheapq`: a list as a heap."""

from __future__ import annotations

import heapq
from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace("uheapq", heappush=heapq.heappush, heappop=heapq.heappop, heapify=heapq.heapify)
