"""What a job document asks for, and what a script file says of itself: versions, as far as they can be read."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any


def wanted_versions(message: str) -> Iterator[tuple[str, str]]:
    """(file name, version) of everything that the document in a message from the Jobs service names so."""
    try:
        document = json.loads(message)["execution"]["jobDocument"]
    except (ValueError, KeyError, TypeError):
        return
    waiting = [document]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, dict):
            name, version = part.get("fileName"), part.get("fileVersion")
            if isinstance(name, str) and isinstance(version, str):
                yield name, version
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def stated_version(source: bytes) -> str | None:
    """The text that a Python file gives as its version: what a function with "version" in its name returns, or what a
    name with "version" in it stands for. None when there is no such text, or several."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) if "version" in name.lower():
                found |= {text for part in ast.walk(node) for text in _texts(getattr(part, "value", None), part)}
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                if "version" in name.lower():
                    found.add(text)
    return found.pop() if len(found) == 1 else None


def _texts(value: Any, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Return) and isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
