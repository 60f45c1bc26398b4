"""What the check of an application finds: a rule, a place, and one sentence why it matters on the device."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

RULES = {
    "QD101": "f-strings came with MicroPython 1.17",
    "QD102": "syntax that the device's compiler does not know",
    "QD103": "a module that the firmware does not have",
    "QD104": "an application's own module that is not found by this name",
    "QD105": "a method that MicroPython's str or bytes does not have",
    "QD106": "keyword arguments that MicroPython does not take",
    "QD107": "a slice of text with a step",
    "QD108": "the file cannot be compiled",
    "QD109": "MicroPython's own compiler refuses the file",
    "QV201": "a vendor API called in a way that fails",
    "QV202": "a callback that is never called",
    "QA301": "a message without `execution` raises KeyError",
    "QA302": "statusDetails that are not text",
    "QA303": "a fixed client id, which a fleet would share",
    "QA304": "a delivered file of another version than its job says",
    "QA305": "a package that installs another version than its job says",
    "QB401": "the application does not start",
    "QB402": "a restart without a condition: a boot loop",
    "QB403": "a broken update of this file stops the updater itself",
    "QB404": "an upgrade that starts again at every boot",
}
"""Every rule by its id. QD dialect, QV vendor API, QA AWS IoT Jobs, QB boot."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place; `line` and `column` count from 1. `path` is relative to the application's folder."""

    path: str
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.rule} {self.message}"


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed file of an application. `modules` are the names under which the device finds all of its files."""

    path: Path
    tree: ast.Module
    modules: frozenset[str]

    def finding(self, node: ast.AST, rule: str, message: str) -> Finding:
        """A finding at a node."""
        assert rule in RULES, rule
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        return Finding(self.path.as_posix(), line, column + 1, rule, message)

    def calls(self, name: str) -> Iterator[ast.Call]:
        """Calls of a function or method of this name, whatever it is called on."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and called(node) == name:
                yield node


Rule = Callable[[Source], Iterator[Finding]]


def called(node: ast.Call) -> str:
    """The last name of what is called, "" when it has none."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
