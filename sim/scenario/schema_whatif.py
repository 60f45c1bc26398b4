"""What `qpyota whatif` is to vary of a scenario, and what it must keep to. A run takes no notice of it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field, StrictInt

from sim.scenario.document import Document
from sim.scenario.settings import Choice
from sim.scenario.values import JobId, Share, Spec


class Bound(Spec):
    """More than `failed` devices fail with at most this `probability`."""

    failed: Annotated[StrictInt, Field(ge=0)]
    probability: Annotated[Share, Field(gt=0, lt=1)]


class WhatIf(Spec):
    """`vary`: the way to a value → the values it takes. `job` is the one that is looked at, by default the first."""

    vary: Annotated[dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]], Field(min_length=1)]
    job: JobId | None = None
    bound: Bound | None = None

    @property
    def choices(self) -> list[Choice]:
        """The values as a command line would name them."""
        return [Choice(way, tuple(map(_text, values))) for way, values in self.vary.items()]


def _text(value: Any) -> str:
    """YAML on one line that is this value; text without quotes where it needs none."""
    if isinstance(value, str) and Document("", f"value: {value}").read() == {"value": value}:
        return value
    return json.dumps(value, ensure_ascii=False)
