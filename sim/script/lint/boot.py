"""Rules about starting: what keeps an application from coming up, or makes it come up for ever."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sim.script.lint.finding import Finding, Source, called

RESTARTS = ("powerRestart", "powerDown")
DOWNLOADS = ("httpDownload", "bulk_download")
VERSION_CALLS = ("getDevFwVersion", "getversion", "uname", "uname2")
COUNTERS = ("attempt", "tries", "retry", "retries", "count")


def restarts(source: Source) -> Iterator[Finding]:
    """A restart that the main program reaches whatever happens."""
    if source.path.name != "main.py":
        return
    for statement in source.tree.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and called(call) in RESTARTS:
            yield source.finding(statement, "QB402", "main.py comes here at every boot: the module never stays up")


def updater_imports(source: Source) -> Iterator[Finding]:
    """An updater that imports, unprotected and at its start, files that it replaces."""
    if not any(True for name in DOWNLOADS for _ in source.calls(name)):
        return
    for statement in source.tree.body:
        names = [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
        if isinstance(statement, ast.ImportFrom) and statement.module:
            names = [statement.module]
        for name in names:
            if name in source.modules or f"usr.{name}" in source.modules:
                message = f"if an update breaks {name}, this import fails and no later update can mend it; use try"
                yield source.finding(statement, "QB403", message)


def version_loops(source: Source) -> Iterator[Finding]:
    """A version that is compared, and an upgrade that begins when it differs, with nothing that counts how often."""
    words = {node.id.lower() for node in ast.walk(source.tree) if isinstance(node, ast.Name)}
    if any(counter in word for word in words for counter in COUNTERS):
        return
    starters = {
        node.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(inner, ast.Call) and called(inner) in DOWNLOADS for inner in ast.walk(node))
    }
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.If) or not _compares_version(node.test):
            continue
        inner = [call for part in (*node.body, *node.orelse) for call in ast.walk(part) if isinstance(call, ast.Call)]
        if any(called(call) in starters or called(call) in DOWNLOADS for call in inner):
            message = "a package that never gives the wanted version is fetched again at every boot; count the attempts"
            yield source.finding(node, "QB404", message)


def _compares_version(test: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Compare)
        and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        and ("version" in ast.unparse(node).lower() or any(name in ast.unparse(node) for name in VERSION_CALLS))
        for node in ast.walk(test)
    )
