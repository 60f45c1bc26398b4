"""From script text to code: parse, add ticks, compile once.

A tick is one call at every loop head, comprehension step and function entry. It gives a script CPU time and makes
it yield, deterministically; text, line numbers and globals stay as they are. Code objects are shared between
devices, keyed by path and content.
"""

from __future__ import annotations

import ast
from hashlib import blake2b
from types import CodeType

TICK = "__tick__"

_cache: dict[tuple[str, bytes], CodeType] = {}


def compile_script(path: str, source: bytes) -> CodeType:
    """Code of one script file; SyntaxError as CPython words it."""
    key = (path, blake2b(source, digest_size=16).digest())
    code = _cache.get(key)
    if code is None:
        tree = ast.parse(source, path)
        ticked = ast.fix_missing_locations(_Ticks().visit(tree))
        code = _cache[key] = compile(ticked, path, "exec", dont_inherit=True)
    return code


class _Ticks(ast.NodeTransformer):
    def visit_While(self, node: ast.While) -> ast.AST:
        return self._loop(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._loop(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        first = 1 if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1 else 0
        node.body.insert(first, _statement(node.body[first]))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, ast.copy_location(_call(), node.iter))
        return node

    def _loop(self, node: ast.While | ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, _statement(node.body[0]))
        return node


def _call() -> ast.Call:
    return ast.Call(ast.Name(TICK, ast.Load()), [], [])


def _statement(beside: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(_call()), beside)
