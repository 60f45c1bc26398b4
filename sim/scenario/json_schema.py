"""The scenario language as JSON Schema, for editors: completion, and most mistakes while one writes.

It is made from the types that check a file and says no more than they do; what needs two places of a file, or the
files beside it, only `qpyota check` knows. Where a number, a name or a quantity may stand, `${matrix.NAME}` may, too.
"""

from __future__ import annotations

from typing import Any

from sim.scenario.schema import Scenario

FOLDER, FILE = ".qpyota", "scenario.schema.json"
"""Where the schema lies beside scenarios."""

LINE = f"# yaml-language-server: $schema=./{FOLDER}/{FILE}"
"""First line of a scenario whose editor is to know the schema."""

_MATRIX = {"type": "string", "pattern": r"\$\{matrix\.[^}]+\}"}
_LEAVES = frozenset({"integer", "number", "boolean"})


def scenario_schema() -> dict[str, Any]:
    """The whole schema, as JSON values."""
    made = Scenario.model_json_schema(by_alias=True, mode="validation")
    made["required"] = []  # a file that extends another needs nothing of its own
    made = _loosened(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "qpyota scenario"}


def _loosened(part: Any) -> Any:
    if isinstance(part, list):
        return [_loosened(item) for item in part]
    if not isinstance(part, dict):
        return part
    inner = {
        key: {name: _loosened(value) for name, value in body.items()}
        if key in ("properties", "$defs", "patternProperties")
        else _loosened(body)
        for key, body in part.items()
        if key not in ("default", "title")
    }
    leaf = inner.get("type") in _LEAVES or "enum" in inner or "const" in inner
    if leaf or (inner.get("type") == "string" and "pattern" in inner):
        told = {key: inner.pop(key) for key in ("description",) if key in inner}
        return {**told, "anyOf": [inner, dict(_MATRIX)]}
    return inner
