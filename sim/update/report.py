"""What a device tells the cloud after a boot: the running version against the job document. Values in, values out.

A job document is the vendor's shape: a list with one entry, `operation` FOTA or app_fota, and its files. Whether an
update worked is judged by what runs, never by what was downloaded; asking twice gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.jobs.messages import Status
from sim.records import record

RESTARTING = "restarting"
"""`step` in statusDetails, reported just before the reset that applies an update."""


@record
class Order:
    """A job document understood: what to do, the version wanted, and (file name, URL) of each file."""

    operation: str
    version: str
    files: tuple[tuple[str, str], ...]


@record
class Report:
    """An UpdateJobExecution: status and statusDetails."""

    status: Status
    details: Mapping[str, str]


def read_order(document: Any) -> Order | None:
    """The order in a job document; None when it is not of the vendor's shape."""
    try:
        entry = document[0]
        files = tuple((str(item["fileName"]), str(item["fileSource"]["url"])) for item in entry["files"])
        operation, version = str(entry["operation"]), str(entry["files"][0]["fileVersion"])
    except (KeyError, IndexError, TypeError):
        return None
    return Order(operation, version, files) if operation in ("FOTA", "app_fota") else None


def judge_firmware(order: Order, running_version: str, details: Mapping[str, str]) -> Report | None:
    """The final report, or None when the update has still to be done."""
    if running_version == order.version:
        return Report(Status.SUCCEEDED, {"step": "installed", "progress": "100"})
    if details.get("step") == RESTARTING:
        return Report(Status.FAILED, {"step": "restarted", "reason": f"still runs {running_version}"})
    return None


def judge_files(details: Mapping[str, str], pending: bool) -> Report | None:
    """The final report of application files: copied at boot when the flag is gone. None: still to be done."""
    if details.get("step") != RESTARTING:
        return None
    if pending:
        return Report(Status.FAILED, {"step": "restarted", "reason": "the staged files were not copied"})
    return Report(Status.SUCCEEDED, {"step": "installed", "progress": "100"})


def failed(code: int, reason: str) -> Report:
    """The report of an update that ended before anything irreversible."""
    return Report(Status.FAILED, {"code": str(code), "reason": reason[:1024]})
