"""What a scenario says of its measuring: thresholds, and the files that a run of it writes.

Files are named from the current directory, not from the scenario's, which may be one that nobody can write to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool

from sim.scenario.values import ANYTHING, TEXT, Spec

Detail = Literal["summary", "devices", "full"]
"""What a run file keeps: the verdict and the devices that failed; all devices and executions; every record, too."""


def _out(value: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value or value.endswith("/"):
        raise ValueError(f"{value!r} is not the path of a file to write")
    return Path(value)


def _limit(value: Any) -> Any:
    return {"expr": value} if isinstance(value, str) else value


OutPath = Annotated[Path, BeforeValidator(_out), TEXT]


class Limit(Spec):
    """One threshold of a metric; with `abortOnFail` the run ends as soon as it is broken."""

    expr: str
    abort_on_fail: StrictBool = Field(default=False, alias="abortOnFail")


Thresholds = dict[str, Annotated[tuple[Annotated[Limit, BeforeValidator(_limit), ANYTHING], ...], Field(min_length=1)]]


class Report(Spec):
    """Files to write, by kind, and how much is recorded. `csv` and `parquet` are folders."""

    store: OutPath | None = None
    summary: OutPath | None = None
    junit: OutPath | None = None
    csv: OutPath | None = None
    parquet: OutPath | None = None
    trace: OutPath | None = None
    html: OutPath | None = None
    record: Detail = "devices"

    @property
    def files(self) -> dict[str, Path]:
        """What is exported, by kind."""
        kinds = ("summary", "junit", "csv", "parquet", "trace", "html")
        return {kind: path for kind in kinds if (path := getattr(self, kind)) is not None}
