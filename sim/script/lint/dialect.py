"""Rules about the language: what MicroPython 1.13, which these modules run, refuses or lacks.

Sources: MicroPython's own differences pages and mpy-cross 1.13; facts were tried, see docs/lint.md. Rules look at the
text alone, so a method is told by its name: a class of the application may have one of the same name, and is spared
when the application defines such a method anywhere in the file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sim.script.dialect import NUMBERS_LACK, TAKE_NO_KEYWORDS, TEXT_LACKS, refused
from sim.script.lint.finding import Finding, Source
from sim.script.modules import FIRMWARE_MODULES
from sim.script.surface import OTHER_MODULES

SPELLED = {
    "json": "ujson",
    "os": "uos",
    "time": "utime",
    "random": "urandom",
    "re": "ure",
    "struct": "ustruct",
    "binascii": "ubinascii",
    "socket": "usocket",
    "ssl": "ussl",
    "io": "uio",
    "zlib": "uzlib",
    "collections": "ucollections",
    "asyncio": "uasyncio",
    "threading": "_thread",
    "requests": "request",
    "logging": "log",
}
"""Python's name → the device's."""


def syntax(source: Source) -> Iterator[Finding]:
    """f-strings and what else the compiler does not know."""
    for node, rule, why in refused(source.tree):
        yield source.finding(node, rule, why)


def imports(source: Source) -> Iterator[Finding]:
    """Modules that an import would not find."""
    extended = any(
        isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value).endswith("sys.path")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
    )
    for node in ast.walk(source.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield source.finding(node, "QD102", "relative imports fail outside packages; write 'import usr.name'")
                continue
            names = [node.module or ""]
        for name in names:
            yield from _import(source, node, name, extended)


def _import(source: Source, node: ast.AST, name: str, extended: bool) -> Iterator[Finding]:
    top = name.split(".")[0]
    if name in source.modules or top in FIRMWARE_MODULES or top in OTHER_MODULES:
        return
    if f"usr.{name}" in source.modules:
        if not extended:
            message = f"'{name}' is /usr/{name.replace('.', '/')}.py; import usr.{name}, or add '/usr' to sys.path"
            yield source.finding(node, "QD104", message)
        return
    hint = f"; the device calls it {SPELLED[top]}" if top in SPELLED else ""
    yield source.finding(node, "QD103", f"no module named '{name}' on the device{hint}")


def methods(source: Source) -> Iterator[Finding]:
    """Methods and arguments that strings and bytes do not have."""
    own = {node.name for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in TEXT_LACKS - own:
                yield source.finding(node, "QD105", f"MicroPython's str has no {name}()")
            elif name in NUMBERS_LACK - own:
                yield source.finding(node, "QD105", f"MicroPython's numbers have no {name}()")
            elif name in TAKE_NO_KEYWORDS - own and node.keywords:
                message = f"{name}() takes no keyword arguments here; give them by position"
                yield source.finding(node, "QD106", message)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            if any(word.arg == "flush" for word in node.keywords):
                yield source.finding(node, "QD106", "print() has no flush here")
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and node.slice.step is not None:
            one = isinstance(node.slice.step, ast.Constant) and node.slice.step.value == 1
            if isinstance(node.ctx, ast.Load) and not one and _is_text(node.value):
                message = "text, bytes and tuples refuse a step other than 1 in a slice; lists take it"
                yield source.finding(node, "QD107", message)


def _is_text(node: ast.expr) -> bool:
    """Whether this is text, bytes or a tuple for certain."""
    match node:
        case ast.Constant(value=str() | bytes()) | ast.Tuple():
            return True
        case ast.Call(func=ast.Name(id="str" | "bytes" | "hex" | "tuple")):
            return True
        case ast.Call(func=ast.Attribute(attr="decode" | "encode" | "format" | "join" | "hexlify" | "strip")):
            return True
    return False
