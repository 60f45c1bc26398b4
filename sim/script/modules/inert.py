"""Modules of hardware and clouds that are not emulated: the names are there, and each call leaves a record.

Where a scenario says nothing, calls answer -1, which is what these modules answer when something cannot be done, so a
script takes the way it would take then. A scenario may give answers, and have the script's callback called later: the
one that the call brought, else the last one that the module was given.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.stubs import Answer
from sim.script.surface import INERT_MEMBERS, SURFACE, Member

FAILED = -1
CONSTANT = 0
"""The stubs do not give the values of constants."""

SHOWN_CHARS = 200
"""Of one argument, in a record."""


def make(rt: ScriptRuntime, module: str) -> ModuleType:
    """The inert module of this name."""
    rt.trace("inert", name=module)
    stub = _Stub(rt, module)
    listed = SURFACE[module] or tuple(map(Member, rt.profile.stubs[module]))
    return namespace(module, **{member.name: stub.made("", member) for member in listed})


def makers(module: str) -> dict[str, Callable[[ScriptRuntime], Any]]:
    """Makers of those classes of an emulated module that are inert."""
    listed = [member for member in SURFACE[module] if member.name in INERT_MEMBERS[module]]
    return {member.name: partial(_class, module, member) for member in listed}


def _class(module: str, member: Member, rt: ScriptRuntime) -> Any:
    return _Stub(rt, module).made("", member)


class _Stub:
    """One module of one boot."""

    def __init__(self, rt: ScriptRuntime, module: str) -> None:
        self._rt = rt
        self._module = module
        self._answers = rt.profile.stubs.get(module, {})
        self._asked: dict[str, int] = {}
        self._callback: Callable[..., object] | None = None

    def made(self, owner: str, member: Member) -> Any:
        path = f"{owner}.{member.name}" if owner else member.name
        if member.constant:
            return CONSTANT
        if not member.inner:
            return self._function(path)
        body = {inner.name: _method(self.made(path, inner)) for inner in member.inner}
        made = self._function(path)

        def init(_self: Any, *values: Any, **words: Any) -> None:
            made(*values, **words)

        return type(member.name, (), {**body, "__init__": init})

    def _function(self, path: str) -> Callable[..., Any]:
        answer = self._answers.get(path) or self._answers.get(path.rpartition(".")[2])

        def call(*values: Any, **words: Any) -> Any:
            self._rt.me()
            given = [value for value in (*values, *words.values()) if callable(value)]
            self._callback = given[-1] if given else self._callback
            if answer is None:
                self._rt.trace("inert", name=f"{self._module}.{path}")
                return FAILED
            return self._answer(path, answer, (values, words))

        return call

    def _answer(self, path: str, answer: Answer, said: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        turn = self._asked.get(path, 0)
        self._asked[path] = turn + 1
        value = answer.answers[min(turn, len(answer.answers) - 1)]
        told = [_shown(one) for one in said[0]] + [f"{name}={_shown(one)}" for name, one in said[1].items()]
        self._rt.trace("stub", name=f"{self._module}.{path}", arguments=told, answer=_shown(value))
        for later in answer.calls:
            self._rt.module.life.after(later.after_us, self._call_back, self._callback, later.arguments)
        if answer.takes_us:
            self._rt.sleep_us(answer.takes_us)
        return list(value) if isinstance(value, list) else value

    def _call_back(self, callback: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
        self._rt.trace("stub.callback", module=self._module, arguments=list(map(_shown, arguments)))
        if callback is not None:
            self._rt.callback(lambda _: callback(*arguments), None)


def _shown(value: Any) -> str:
    """A value as text that is the same in every run, so nothing with an address in it."""
    match value:
        case None | bool() | int() | float() | str() | bytes() | bytearray():
            return repr(value)[:SHOWN_CHARS]
        case list() | tuple():
            return "[" + ", ".join(map(_shown, value))[:SHOWN_CHARS] + "]"
        case dict():
            return "{" + ", ".join(f"{_shown(k)}: {_shown(v)}" for k, v in value.items())[:SHOWN_CHARS] + "}"
    return f"<{type(value).__name__}>"


def _method(made: Any) -> Any:
    return staticmethod(made) if callable(made) else made
