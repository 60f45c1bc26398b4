"""Rules about the vendor's modules and about AWS IoT Jobs: calls that fail on a device, and messages that surprise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sim.script.lint.finding import Finding, Source, called

_NAMED_TOPIC = re.compile(r"\$aws/things/[a-zA-Z0-9:_-]+/")
KEEPALIVE_MINIMUM_S = 5
"""umqtt refuses 1 to 4 seconds with a ValueError."""


def vendor(source: Source) -> Iterator[Finding]:
    """Calls of fota and umqtt that raise, and a callback that nobody calls."""
    for node in source.calls("fota"):
        if isinstance(node.func, ast.Attribute):
            yield source.finding(node, "QV201", "fota is the class itself: call fota(), fota.fota() is AttributeError")
    for node in source.calls("httpDownload"):
        if node.args:
            message = "httpDownload takes keywords only: url1=, url2=, callback=; positions are a TypeError"
            yield source.finding(node, "QV201", message)
        words = {word.arg for word in node.keywords}
        if {"url2", "callback"} <= words:
            message = "with url2 (minimal upgrade) no callback is called: the module restarts into its mini system"
            yield source.finding(node, "QV202", message)
    for node in source.calls("MQTTClient"):
        keepalive = next((word.value for word in node.keywords if word.arg == "keepalive"), None)
        if isinstance(keepalive, ast.Constant) and keepalive.value in range(1, KEEPALIVE_MINIMUM_S):
            yield source.finding(node, "QV201", "a keepalive of 1 to 4 s is a ValueError; use 0 or 5 and more")


def execution(source: Source) -> Iterator[Finding]:
    """`message["execution"]` without a look whether it is there."""
    for node in _unguarded(source.tree, guarded=False):
        message = (
            "jobs/notify, get/accepted, update/accepted and every rejected message have no 'execution': KeyError, "
            "which older firmware takes for a network error; ask '\"execution\" in message' first"
        )
        yield source.finding(node, "QA301", message)


def status_details(source: Source) -> Iterator[Finding]:
    """Numbers and truth values in statusDetails."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "statusDetails" and isinstance(value, ast.Dict):
                for item in value.values:
                    if _is_number(item):
                        message = "AWS documents statusDetails as text to text; send it as text"
                        yield source.finding(item, "QA302", message)


def client_id(source: Source) -> Iterator[Finding]:
    """A client id or a thing's topics written into the program."""
    constants = {
        target.id: node.value
        for node in source.tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in source.calls("MQTTClient"):
        first = node.args[0] if node.args else next((w.value for w in node.keywords if w.arg == "client_id"), None)
        if isinstance(first, ast.Name):
            first = constants.get(first.id, first)
        if isinstance(first, ast.Constant) and isinstance(first.value, str | bytes):
            message = "two devices with one client id disconnect each other; take it from the IMEI or a settings file"
            yield source.finding(node, "QA303", message)
    for text in ast.walk(source.tree):
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and _NAMED_TOPIC.match(text.value):
            message = "this topic is one thing's own; in a fleet build it from the client id"
            yield source.finding(text, "QA303", message)


def _is_number(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return not isinstance(value, str)
        case ast.UnaryOp(op=ast.USub()) | ast.BinOp(op=ast.Sub() | ast.Div() | ast.FloorDiv()):
            return True
        case ast.Call():
            return called(node) in ("int", "float", "round", "len")
    return False


def _unguarded(node: ast.AST, guarded: bool) -> Iterator[ast.Subscript]:
    """Subscripts with 'execution' that nothing around them guards."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        guarded = guarded or any(_asks(inner) for inner in ast.walk(node))
    elif isinstance(node, ast.Try):
        guarded = guarded or any(_catches(handler) for handler in node.handlers)
    elif isinstance(node, ast.If | ast.IfExp):
        guarded = guarded or _asks(node.test)
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == "execution"
        and not guarded
    ):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _unguarded(child, guarded)


def _asks(node: ast.AST) -> bool:
    """Whether this is, or holds, `"execution" in …`."""
    return any(
        isinstance(inner, ast.Compare)
        and isinstance(inner.left, ast.Constant)
        and inner.left.value == "execution"
        and any(isinstance(op, ast.In | ast.NotIn) for op in inner.ops)
        for inner in ast.walk(node)
    )


def _catches(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type is not None else "Exception"
    return any(name in caught for name in ("KeyError", "LookupError", "Exception"))
