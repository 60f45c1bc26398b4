"""From script text to code: parse, refuse what the device's compiler does not know, rewrite, compile once.

A tick is one call at every loop head, comprehension step and function entry. It gives a script CPU time and makes
it yield, deterministically; text, line numbers and globals stay as they are. Code objects are shared between
devices, keyed by path and content.
"""

from __future__ import annotations

import ast
import warnings
from types import CodeType
from typing import Literal

from sim.script.dialect import functions_of, refused
from sim.script.dialect_rewrite import Rewrite

Mode = Literal["exec", "eval"]

TEXT_PATH = "<string>"
"""Where code stands that a script gave to `exec` or `eval`."""

REPL_PATH, RAW_PATH = "<stdin>", "<stdin> "
"""Where code stands that was typed at the prompt; the blank tells what a program typed, and is not shown."""

TYPED = (REPL_PATH, RAW_PATH)

DISPLAY = "__repl_print__"
"""What prints the value of an expression that is typed at the prompt."""

_cache: dict[tuple[str, bytes], CodeType] = {}


def compile_script(path: str, source: bytes) -> CodeType:
    """Code of one script file. SyntaxError says "invalid syntax" as the device does, and why where we know."""
    key = (path, source)
    code = _cache.get(key)
    if code is None:
        code = _cache[key] = _compile(path, source, "exec")
    return code


def compiled_files() -> int:
    """How many different script files this process has compiled, whatever the number of devices that run them."""
    return len(_cache)


def compile_text(text: str | bytes, mode: Mode) -> CodeType:
    """Code of a text that a script made."""
    return _compile(TEXT_PATH, text, mode)


def compile_typed(path: str, source: bytes) -> CodeType:
    """Code of what was typed; at the friendly prompt the values of expressions are shown."""
    return _compile(path, source, "exec", shows=path == REPL_PATH)


def _compile(path: str, source: str | bytes, mode: Mode, *, shows: bool = False) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of this Python, about escapes and comparisons in the device's texts
        tree = _parse(path, source, mode)
        if shows and isinstance(tree, ast.Module):
            tree.body = [_shown(statement) for statement in tree.body]
        rewritten = ast.fix_missing_locations(Rewrite(functions_of(tree)).visit(tree))
        try:
            return compile(rewritten, path, mode, dont_inherit=True)
        except SyntaxError as error:
            raise SyntaxError("invalid syntax", (path, error.lineno, error.offset, None)) from None


def _parse(path: str, source: str | bytes, mode: Mode) -> ast.AST:
    try:
        tree: ast.AST = ast.parse(source, path, mode)
    except SyntaxError as error:  # words differ between Python versions, the device has one for all
        kind = IndentationError if isinstance(error, IndentationError) else SyntaxError
        raise kind("invalid syntax", (path, error.lineno, error.offset, error.text)) from None
    except ValueError:  # a null character
        raise SyntaxError("invalid syntax", (path, 1, 1, None)) from None
    for node, _rule, why in refused(tree):
        raise SyntaxError(
            f"invalid syntax: {why}", (path, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, None)
        )
    return tree


def _shown(statement: ast.stmt) -> ast.stmt:
    if not isinstance(statement, ast.Expr):
        return statement
    call = ast.Call(ast.Name(DISPLAY, ast.Load()), [statement.value], [])
    return ast.copy_location(ast.Expr(ast.copy_location(call, statement)), statement)
