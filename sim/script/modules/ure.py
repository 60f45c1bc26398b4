"""`ure`: MicroPython's small regular expressions. What its engine does not know is refused, though CPython's would.

Known: `.` `[]` `^` `$` `?` `*` `+` `??` `*?` `+?` `|` `()` `(?:)` and the classes `\\d \\D \\s \\S \\w \\W`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

_UNKNOWN = re.compile(r"(?<!\\)(?:\\\\)*(?:\{\d*,?\d*\}|\(\?[^:])|\\[bBAZ0-9]")
"""Counted repetition, named groups, look-around, flags, word boundaries and back references."""

Text = str | bytes


def make(rt: ScriptRuntime) -> ModuleType:
    class Pattern:
        """A compiled expression."""

        def __init__(self, pattern: Text) -> None:
            self._pattern = _compile(pattern)

        def match(self, text: Text) -> Match | None:
            rt.me()
            found = self._pattern.match(text)
            return None if found is None else Match(found)

        def search(self, text: Text) -> Match | None:
            rt.me()
            found = self._pattern.search(text)
            return None if found is None else Match(found)

        def split(self, text: Text, maxsplit: int = 0) -> list[Any]:
            rt.me()
            return self._pattern.split(text, maxsplit)

        def sub(self, new: Text | Callable[[Match], Text], text: Text, count: int = 0) -> Any:
            rt.me()
            if not callable(new):
                return self._pattern.sub(new, text, count)
            return self._pattern.sub(lambda found: new(Match(found)), text, count)

    class Match:
        """What an expression found."""

        def __init__(self, found: re.Match[Any]) -> None:
            self._found = found

        def group(self, number: int) -> Any:
            return self._found.group(number)

        def groups(self) -> tuple[Any, ...]:
            return self._found.groups()

        def start(self, number: int = 0) -> int:
            return self._found.start(number)

        def end(self, number: int = 0) -> int:
            return self._found.end(number)

        def span(self, number: int = 0) -> tuple[int, int]:
            return self._found.span(number)

    return namespace(
        "ure",
        compile=Pattern,
        match=lambda pattern, text: Pattern(pattern).match(text),
        search=lambda pattern, text: Pattern(pattern).search(text),
        sub=lambda pattern, new, text, count=0: Pattern(pattern).sub(new, text, count),
    )


def _compile(pattern: Text) -> re.Pattern[Any]:
    readable = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    try:
        if _UNKNOWN.search(readable):
            raise ValueError("Error in regex")
        return re.compile(pattern, 0 if isinstance(pattern, bytes) else re.ASCII)
    except re.error:
        raise ValueError("Error in regex") from None
