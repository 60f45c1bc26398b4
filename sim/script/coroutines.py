"""What a script's `async def` gives when it is called. On the device that is a generator, and nobody minds if it never
runs; CPython warns of that, so here the real coroutine is only made when somebody runs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any


class ScriptCoroutine:
    """A call of an `async def` that may run or not."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._make = make
        self._made: Coroutine[Any, Any, Any] | None = None

    def send(self, value: Any) -> Any:
        """Run on to its next pause; StopIteration holds what it returns."""
        return self._native().send(value)

    def throw(self, error: BaseException) -> Any:
        """Run on with an error at its pause."""
        return self._native().throw(error)

    def close(self) -> None:
        """End it; one that never ran just goes."""
        if self._made is not None:
            self._made.close()

    def __await__(self) -> ScriptCoroutine:
        return self

    def __iter__(self) -> ScriptCoroutine:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def _native(self) -> Coroutine[Any, Any, Any]:
        if self._made is None:
            self._made = self._make()
        return self._made


def scripted(fn: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., ScriptCoroutine]:
    """An `async def` as scripts call it; wrong arguments are a TypeError at the call."""
    signature = inspect.signature(fn)

    @wraps(fn)
    def call(*values: Any, **words: Any) -> ScriptCoroutine:
        signature.bind(*values, **words)
        return ScriptCoroutine(lambda: fn(*values, **words))

    return call
