"""A small fleet that gets one application file each, with faults as the test plants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.lab.written import as_yaml


def fleet(count: int, faults: list[dict[str, Any]], *, timeout_min: int = 1, **more: Any) -> dict[str, Any]:
    """Plain data of `count` devices in the group `meters`, all of which are expected to succeed."""
    url = "https://files.s3.us-west-2.amazonaws.com/a.py"
    document = {
        "operation": "app_fota",
        "files": [{"fileName": "/usr/a.py", "fileVersion": "2", "fileSource": {"url": url}}],
    }
    version = "EG915UEUABR03A20M08_OCPU_QPY"
    return {
        "version": 1,
        "name": "planted",
        "seed": 3,
        "duration": "6m",
        "fleet": [{"group": "meters", "count": count, "model": "EG915U", "firmware": version, "agent": "modelled"}],
        "cloud": {"public": ["files"], "buckets": {"files": {"a.py": {"text": "print(2)"}}}},
        "jobs": [
            {
                "jobId": "files",
                "at": "2s",
                "targets": ["meters"],
                "timeoutConfig": {"inProgressTimeoutInMinutes": timeout_min},
                "document": [document],
            }
        ],
        "faults": faults,
        "expect": [f"job['files'].succeeded == {count}", "device.bricked == 0"],
    } | more


def write(folder: Path, data: dict[str, Any]) -> Path:
    """As a file in the folder."""
    path = folder / "planted.yaml"
    path.write_text(as_yaml(data))
    return path


def loss(device: str, for_: str, **more: Any) -> dict[str, Any]:
    """No network from the beginning of the download on, or from `at`."""
    at = more.pop("at", None)
    when = {"at": at} if at else {"phase": "app_download", "progress": "0%"}
    return {"link_loss": {"device": device, "when": when, "for": for_} | more}
