"""Values that a run makes by the million: messages, requests, answers, changes.

To whoever reads, and to mypy, `@record` is `@dataclass(frozen=True, slots=True)`: nobody may change a record, since it
may be shared between devices, or be a key. At run time nothing refuses it, as that check makes a value cost four times
as much.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """A class of values: equal and hashed by their fields, all of them in slots."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
