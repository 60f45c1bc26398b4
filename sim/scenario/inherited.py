"""`extends` of a scenario: the file beside it whose keys it takes over.

Mappings are merged key by key, all else is replaced. The other file lies in the same folder, so that paths mean the
same in both. Each problem is told in the file that its value came from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.errors import SpecError
from sim.scenario.document import Document

MOST_ABOVE = 8
"""Files that one extends, each in turn."""


def read_whole(path: Path, read: Callable[[Path], str], above: tuple[str, ...] = ()) -> tuple[Document, Any]:
    """The document in `path`, and its plain data with all that it extends; `read` gives the text of a file."""
    document = Document(str(path), read(path))
    data = document.read()
    if document.unreadable or "extends" not in data:
        return document, data
    name, above = data.pop("extends"), (*above, path.name)
    if not isinstance(name, str) or not name or "/" in name or "\\" in name or "\0" in name:
        document.report(("extends",), "'extends' is the name of a file in the same folder, e.g. base.yaml")
        return document, data
    if name in above:
        document.report(("extends",), f"{' extends '.join((*above, name))}: that never ends")
        return document, data
    if len(above) > MOST_ABOVE:
        document.report(("extends",), f"more than {MOST_ABOVE} files extend each other")
        return document, data
    try:
        document.base, below = read_whole(path.parent / name, read, above)
    except SpecError as error:
        message = f"there is no {name!r} beside this file" if not error.problems else str(error)
        document.report(("extends",), message)
        return document, data
    document.unreadable = document.base.unreadable
    return document, merged(below, data) if not document.unreadable else data


def merged(below: Any, above: Any) -> Any:
    """Mappings key by key; of anything else, what is above."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    keys = [*below, *(key for key in above if key not in below)]
    return {
        key: merged(below[key], above[key])
        if key in below and key in above
        else (above if key in above else below)[key]
        for key in keys
    }
