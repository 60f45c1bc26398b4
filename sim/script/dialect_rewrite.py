"""The device's manners put into a script's syntax tree: ticks, and calls where CPython would answer differently.

A call is added only where the text shows that a difference may come up, so ordinary code runs as it is. Text and
line numbers stay; the names that are called live in the builtins of the boot, see `dialect_names` and `limits`.
"""

from __future__ import annotations

import ast

from sim.script.dialect import NUMBERS_LACK, TAKE_NO_KEYWORDS, TEXT_LACKS

TICK = "__tick__"
ENTER = "__enter_function__"
ATTRIBUTE = "__attribute__"
BY_POSITION = "__by_position__"
CATCHING = "__catching__"
COROUTINE = "__coroutine__"
CAUGHT = "__caught__"
FINITE = "__finite__"
OWNER = "__attribute_owner__"
POWER = "__power__"
REPEATED = "__repeated__"
SHIFTED = "__shifted__"
SIZED = "__sized__"
STEPPED = "__stepped__"

_COLLECTS = ("list", "tuple", "set", "frozenset", "dict")
_SIZES = ("bytes", "bytearray")


class Rewrite(ast.NodeTransformer):
    """`functions` are the names that the file binds to plain functions."""

    def __init__(self, functions: frozenset[str]) -> None:
        self._functions = functions

    # -- ticks

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._loop(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._loop(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self._loop(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self._function(node)
        node.decorator_list.append(ast.copy_location(ast.Name(COROUTINE, ast.Load()), node))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        first = 1 if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1 else 0
        node.body.insert(first, _statement(ENTER, node.body[first]))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = ast.copy_location(ast.BoolOp(ast.And(), [_call(ENTER), node.body]), node.body)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, ast.copy_location(_call(TICK), node.iter))
        return node

    def _loop(self, node: ast.While | ast.For | ast.AsyncFor) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, _statement(TICK, node.body[0]))
        return node

    # -- errors

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        if node.type is not None:
            node.type = ast.copy_location(_call(CATCHING, node.type), node.type)
        if node.name is not None:
            caught = _call(CAUGHT, ast.Name(node.name, ast.Load()))
            node.body.insert(0, ast.copy_location(ast.Assign([ast.Name(node.name, ast.Store())], caught), node.body[0]))
        return node

    # -- methods and attributes

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            if node.attr in TEXT_LACKS or node.attr in NUMBERS_LACK:
                return ast.copy_location(_call(ATTRIBUTE, node.value, ast.Constant(node.attr)), node)
        elif isinstance(node.value, ast.Name) and node.value.id in self._functions:
            node.value = ast.copy_location(_call(OWNER, node.value, ast.Constant(node.attr)), node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(value=value, attr=name) if name in TAKE_NO_KEYWORDS and node.keywords:
                node.func = ast.copy_location(_call(BY_POSITION, value, ast.Constant(name)), node.func)
            case ast.Name(id=name) if name in _COLLECTS + _SIZES and len(node.args) == 1:
                if not isinstance(node.args[0], ast.Starred):
                    guard = FINITE if name in _COLLECTS else SIZED
                    node.args = [ast.copy_location(_call(guard, node.args[0]), node.args[0])]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        part = node.slice
        if not isinstance(node.ctx, ast.Load) or not isinstance(part, ast.Slice) or part.step is None:
            return node
        if isinstance(part.step, ast.Constant) and part.step.value in (1, None):
            return node
        ends = [end if end is not None else ast.Constant(None) for end in (part.lower, part.upper)]
        return ast.copy_location(_call(STEPPED, node.value, *ends, part.step), node)

    # -- results that may not fit

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        guard = _guard(node.op, node.left, node.right)
        return node if guard is None else ast.copy_location(_call(guard, node.left, node.right), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        guard = _guard(node.op, node.target, node.value)
        if guard is None:
            return node
        made = _call(guard, ast.Name(node.target.id, ast.Load()), node.value)
        return ast.copy_location(ast.Assign([node.target], made), node)


def _guard(op: ast.operator, left: ast.expr, right: ast.expr) -> str | None:
    match op:
        case ast.Pow():
            return POWER
        case ast.LShift() if not isinstance(right, ast.Constant):
            return SHIFTED
        case ast.Mult() if _sequence(left) or _sequence(right):
            return REPEATED
    return None


def _sequence(node: ast.expr) -> bool:
    """Whether this is text, bytes, a list or a tuple for certain."""
    match node:
        case ast.Constant(value=str() | bytes()) | ast.List() | ast.Tuple():
            return True
        case ast.Call(func=ast.Name(id="bytes" | "bytearray" | "str" | "list" | "tuple")):
            return True
    return False


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _statement(name: str, beside: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(_call(name)), beside)
