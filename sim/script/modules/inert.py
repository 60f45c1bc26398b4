"""Modules of hardware and clouds that are not emulated: the names are there, calls answer -1 and leave a record.

-1 is what these modules answer when something cannot be done, so a script takes the way it would take then.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.surface import SURFACE, Member

FAILED = -1
CONSTANT = 0
"""The stubs do not give the values of constants."""


def make(rt: ScriptRuntime, module: str) -> ModuleType:
    """The inert module of this name."""
    rt.trace("inert", name=module)
    return namespace(module, **{member.name: _made(rt, module, member) for member in SURFACE[module]})


def _made(rt: ScriptRuntime, owner: str, member: Member) -> Any:
    path = f"{owner}.{member.name}"
    if member.constant:
        return CONSTANT
    if not member.inner:
        return _function(rt, path)
    body = {inner.name: _method(_made(rt, path, inner)) for inner in member.inner}
    return type(member.name, (), {**body, "__init__": lambda _self, *_values, **_words: rt.trace("inert", name=path)})


def _function(rt: ScriptRuntime, path: str) -> Callable[..., int]:
    def call(*_values: Any, **_words: Any) -> int:
        rt.me()
        rt.trace("inert", name=path)
        return FAILED

    return call


def _method(made: Any) -> Any:
    return staticmethod(made) if callable(made) else made
