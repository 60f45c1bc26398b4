"""What a scenario says of its measuring: thresholds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool

from sim.scenario.values import Spec


def _limit(value: Any) -> Any:
    return {"expr": value} if isinstance(value, str) else value


class Limit(Spec):
    """One threshold of a metric; with `abortOnFail` the run ends as soon as it is broken."""

    expr: str
    abort_on_fail: StrictBool = Field(default=False, alias="abortOnFail")


Thresholds = dict[str, Annotated[tuple[Annotated[Limit, BeforeValidator(_limit)], ...], Field(min_length=1)]]
