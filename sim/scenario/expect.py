"""Expect lines: small boolean expressions over what a run has come to. Never eval: an ast white-list.

Rules: `check` finds everything that can be known without running (syntax, forbidden constructs, unknown names)
and gives its column; `evaluate` never raises, it returns a failed result that says why. An expression can
reach nothing but the views below, and of them only fields and properties without a leading underscore.

    job['jobfota'].status == 'SUCCEEDED' and device['dev-1'].firmware == 'EG915UEUABR03A21M08_OCPU_QPY'
    executions['FAILED'] == 0        device.bricked == 0        '2.0' in device['dev-1'].file('/usr/a.py')
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sim.scenario.result import ExpectResult
from sim.scenario.views import (
    Counts,
    DeviceView,
    ExecutionView,
    FleetView,
    HostView,
    JobView,
    Namespace,
    SeenView,
    View,
)

EXPR_CHARS = 1000  # bounds the recursion over the tree
SHOWN_CHARS = 120  # of a value, in a detail

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, box: item in box,
    ast.NotIn: lambda item, box: item not in box,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"len": len}
_METHODS = frozenset({"file"})
_CHAIN = (ast.Attribute, ast.Subscript, ast.Call, ast.Name)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with an expression, and at which of its characters (from 0)."""

    offset: int
    message: str


ROOTS = tuple(Namespace.__dataclass_fields__)
_PUBLIC = {
    name
    for view in (ExecutionView, JobView, DeviceView, FleetView, HostView, SeenView)
    for name in dir(view)
    if not name.startswith("_") and name not in _METHODS
}


def check(expr: str, names: Mapping[str, Collection[str]]) -> list[Flaw]:
    """All that is wrong with `expr`. `names` are the known keys under a root name (`device`, `job`)."""
    if len(expr) > EXPR_CHARS:
        return [Flaw(0, f"an expression has at most {EXPR_CHARS} characters")]
    try:
        tree = _parse(expr)
    except SyntaxError as error:
        return [Flaw(max((error.offset or 1) - 1, 0), f"this is not an expression: {error.msg}")]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Flaw(0, f"this is not an expression: {error or 'nested too deeply'}")]
    found = [
        Flaw(len(expr.encode()[: flaw.offset].decode(errors="ignore")), flaw.message)  # ast counts bytes
        for flaw in _flaws(tree, names)
    ]
    if not found and isinstance(tree, ast.Constant | ast.Tuple | ast.List):
        found.append(Flaw(0, "this says nothing about the run"))
    return found


def evaluate(expr: str, namespace: Namespace) -> ExpectResult:
    """Whether `expr` holds; `expr` has been checked. A failure's detail shows every value that was looked at."""
    seen: dict[str, str] = {}
    try:
        passed = bool(_value(_parse(expr), namespace, seen))
    except _Unusable as reason:
        return ExpectResult(expr, False, str(reason))
    except (TypeError, ValueError, LookupError, SyntaxError, RecursionError) as error:
        shown = "; ".join(f"{name} is {value}" for name, value in seen.items())
        if "None" in seen.values():
            return ExpectResult(expr, False, shown)  # says more than what Python makes of it
        return ExpectResult(expr, False, f"cannot be decided: {error}" + (f" ({shown})" if shown else ""))
    detail = "" if passed else "; ".join(f"{name} is {value}" for name, value in seen.items())
    return ExpectResult(expr, passed, detail)


def measure(expr: str, namespace: Namespace) -> Any:
    """What a checked expression comes to; None when the run does not have what it asks for."""
    try:
        return _value(_parse(expr), namespace, {})
    except (_Unusable, TypeError, ValueError, LookupError, SyntaxError, RecursionError):
        return None


def _parse(expr: str) -> ast.expr:
    """The tree of an expression on one line; what Python only warns of (a bad escape) is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ast.parse(expr.replace("\n", " "), mode="eval").body


class _Unusable(Exception):  # noqa: N818 - a reason, not a defect
    """The expression asks for something the run does not have."""


def _flaws(node: ast.expr, names: Mapping[str, Collection[str]]) -> Iterator[Flaw]:
    """Forbidden or unknown parts of the tree, in the order of the text."""
    at = node.col_offset
    match node:
        case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
            for value in values:
                yield from _flaws(value, names)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield from _flaws(operand, names)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for operand in (left, *others):
                yield from _flaws(operand, names)
            if any(type(op) not in _COMPARE for op in ops):
                yield Flaw(at, "compare with == != < <= > >= in, not in")
        case ast.Constant(value=str() | int() | float() | None):
            pass
        case ast.Name(id=name):
            if name not in ROOTS:
                yield Flaw(at, f"unknown name {name!r}{suggest(name, ROOTS)}; there are {', '.join(ROOTS)}")
        case ast.Attribute(value=value, attr=attr):
            yield from _flaws(value, names)
            if attr not in _PUBLIC:
                yield Flaw(at, f"nothing has {attr!r}{suggest(attr, _PUBLIC)}")
        case ast.Subscript(value=value, slice=key):
            yield from _flaws(value, names)
            yield from _flaws(key, names)
            yield from _unknown_key(value, key, names)
        case ast.Call(func=func, args=[argument], keywords=[]):
            yield from _flaws(argument, names)
            yield from _call_flaws(func, names)
        case _:
            yield Flaw(at, "only comparisons, and, or, not, names, [...], len(...) and .file(...) are allowed")


def _unknown_key(value: ast.expr, key: ast.expr, names: Mapping[str, Collection[str]]) -> Iterator[Flaw]:
    match value:
        case ast.Name(id=root):
            pass
        case ast.Attribute(attr="execution"):
            root = "device"
        case _:
            return
    if isinstance(key, ast.Constant) and root in names and key.value not in names[root]:
        hint = suggest(str(key.value), names[root])
        yield Flaw(key.col_offset, f"unknown {root} {key.value!r}{hint}")


def _call_flaws(func: ast.expr, names: Mapping[str, Collection[str]]) -> Iterator[Flaw]:
    match func:
        case ast.Name(id=name) if name in _FUNCTIONS:
            pass
        case ast.Attribute(value=value, attr=attr) if attr in _METHODS:
            yield from _flaws(value, names)
        case _:
            known = ", ".join([f"{name}(...)" for name in _FUNCTIONS] + [f".{name}(...)" for name in _METHODS])
            yield Flaw(func.col_offset, f"only {known} can be called")


def _value(node: ast.expr, namespace: Namespace, seen: dict[str, str], part: bool = False) -> Any:
    """Value of a checked node. Whole chains (`job['a'].status`) are noted in `seen`, their parts are not."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=values) | ast.List(elts=values):
            return [_value(value, namespace, seen) for value in values]
        case ast.UnaryOp(op=op, operand=operand):
            inner = _value(operand, namespace, seen)
            return not inner if isinstance(op, ast.Not) else -inner
        case ast.BoolOp(op=op, values=values):
            wanted = isinstance(op, ast.Or)
            return any(bool(_value(v, namespace, seen)) == wanted for v in values) == wanted
        case ast.Compare(left=left, ops=ops, comparators=others):
            operands = [_value(operand, namespace, seen) for operand in (left, *others)]
            _all_known(ops, (left, *others), operands)
            pairs = zip(ops, operands, operands[1:], strict=False)
            return all(_COMPARE[type(op)](one, two) for op, one, two in pairs)
        case _:
            value = _chain(node, namespace, seen)
            if not part:
                shown = repr(value)
                seen[ast.unparse(node)] = shown if len(shown) <= SHOWN_CHARS else shown[:SHOWN_CHARS] + "…"
            return value


def _all_known(ops: Sequence[ast.cmpop], parts: Sequence[ast.expr], values: Sequence[Any]) -> None:
    """What was not measured is more or less than nothing."""
    for op, *pair in zip(ops, zip(parts, values, strict=True), zip(parts[1:], values[1:], strict=True), strict=False):
        for part, value in pair if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) else ():
            if value is None:
                raise _Unusable(f"{ast.unparse(part)} is not known: it was not measured, or has not come to its end")


def _chain(node: ast.expr, namespace: Namespace, seen: dict[str, str]) -> Any:
    """A name and what is asked of it, step by step, each step against the white-list again."""
    match node:
        case ast.Name(id=name) if name in ROOTS:
            return getattr(namespace, name)
        case ast.Attribute(value=value, attr=attr) if attr in _PUBLIC:
            view = _value(value, namespace, seen, part=True)
            if isinstance(view, View) and hasattr(view, attr):
                return getattr(view, attr)
            raise _Unusable(f"{ast.unparse(value)} has no {attr!r}")
        case ast.Subscript(value=value, slice=key):
            return _item(_value(value, namespace, seen, part=True), _value(key, namespace, seen), ast.unparse(value))
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_value(argument, namespace, seen))
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[argument]) if attr in _METHODS:
            view = _value(value, namespace, seen, part=True)
            if isinstance(view, DeviceView):
                return getattr(view, attr)(_value(argument, namespace, seen))
            raise _Unusable(f"{ast.unparse(value)} has no {attr}()")
    raise _Unusable(f"{ast.unparse(node)} is not allowed")


def _item(box: Any, key: Any, text: str) -> Any:
    if isinstance(box, Counts):
        return box.by_status.get(key, 0)
    items = box._by_name if isinstance(box, FleetView) else box
    if not isinstance(items, Mapping):
        raise _Unusable(f"{text} cannot be asked for [{key!r}]")
    if key not in items:
        raise _Unusable(f"{text} has no {key!r}; it has {', '.join(map(repr, sorted(items))) or 'nothing'}")
    return items[key]


def suggest(word: str, known: Collection[str]) -> str:
    """`; did you mean 'x'?` when something known is close to `word`, else nothing."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
