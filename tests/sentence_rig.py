"""Whether the sentence on a record reads well; an observer of runs that other tests make anyway."""

from __future__ import annotations

import re

from sim.cloud.account import TRACK_SUFFIX
from sim.film.camera import OF_THIS_MACHINE
from sim.film.sentences import SAY_CHARS, say
from sim.trace import Record

_WRONG = re.compile(r"None|[{}]|\bnull\b|  |\n|\.\.$|“”[^ ,.:;)]")


def reads_well(text: str) -> bool:
    """One line that ends with a dot, without what only programs write; what somebody else said may say anything."""
    told = re.sub(r"“[^”]*”", "“”", text)
    return not _WRONG.search(told) and text.endswith(".") and 10 <= len(text) <= SAY_CHARS and text[0].isalnum()


class Reader:
    """Reads the sentence on every record; `stumbled` is one of each kind that does not read well."""

    def __init__(self) -> None:
        self.stumbled: dict[str, str] = {}

    def __call__(self, record: Record) -> None:
        if record.kind in OF_THIS_MACHINE:
            return
        text = say(record.kind, record.data, record.track.removesuffix(TRACK_SUFFIX))
        if not reads_well(text):
            self.stumbled[record.kind] = text
