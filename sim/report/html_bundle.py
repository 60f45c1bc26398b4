"""The page's modules as one classic script, for a report that is opened from a file, where browsers load no modules.

Each module becomes a function that gives what it exports; imports become names taken from it. Rules: it understands
the forms that the page's modules use (whole-line imports of names, `export` before a declaration) and refuses others,
so that what it makes is what the modules say.
"""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).parents[1] / "ui" / "static"
"""Where the page's files are; they ship with the package."""

_IMPORT = re.compile(r'^import (?:(\{[^}]*\}) from )?"(\./[^"]+|\.\./[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:const|class|function)) (\w+)", re.MULTILINE)
_BLOCK_COMMENT = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)


def bundle(entry: Path) -> str:
    """A classic script that does what the module `entry` and all that it imports do."""
    parts: dict[Path, str] = {}
    _add(entry.resolve(), parts, ())
    return '(() => {\n"use strict";\n' + "".join(parts.values()) + "})();\n"


def _add(path: Path, parts: dict[Path, str], above: tuple[Path, ...]) -> None:
    if path in above:
        raise ValueError(f"{path.name} imports itself by way of {above[-1].name}")
    if path in parts:
        return
    text = _BLOCK_COMMENT.sub("", path.read_text(encoding="utf-8"))
    for _, target in _IMPORT.findall(text):
        _add((path.parent / target).resolve(), parts, (*above, path))
    exported = [name for _, name in _EXPORT.findall(text)]
    text = _IMPORT.sub(lambda found: _taken(found, path), text)
    text = _EXPORT.sub(r"\1 \2", text)
    if odd := re.search(r"^(import|export)\b.*", text, re.MULTILINE):
        raise ValueError(f"{path.name}: the bundle does not know the form {odd.group()!r}")
    parts[path] = f"const {_name(path)} = (() => {{\n{text.strip()}\nreturn {{ {', '.join(exported)} }};\n}})();\n"


def _taken(found: re.Match[str], path: Path) -> str:
    names, target = found.groups()
    if names is None:
        return ""
    return f"const {names.replace(' as ', ': ')} = {_name((path.parent / target).resolve())};"


def _name(path: Path) -> str:
    return "$" + re.sub(r"\W", "_", str(path.resolve().relative_to(STATIC.resolve())).removesuffix(".js"))
