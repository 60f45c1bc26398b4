"""The head of a film: what does not change while it plays. JSON, a public interface: keys are added, never renamed."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

from sim import __version__
from sim.device.module import Module
from sim.film.pages import FlashView
from sim.film.states import STATES
from sim.scenario.places import Places
from sim.scenario.schema import Scenario
from sim.scenario.schema_jobs import Job
from sim.scenario.world import World

FORMAT = 1

Json = dict[str, Any]


def head_of(scenario: Scenario | None, devices: Mapping[str, Module], filmed: Sequence[str], places: Places) -> Json:
    """What a scenario and its devices give; the camera adds what it knows of the run."""
    groups = {} if scenario is None else _groups(scenario)
    head: Json = {
        "format": FORMAT,
        "title": "qpyota up" if scenario is None else scenario.name,
        "description": "" if scenario is None else scenario.description,
        "versions": {"qpyota": __version__, "python": platform.python_version()},
        "source": "" if scenario is None else _text(scenario),
        "states": [{"name": name, "label": label} for name, label in STATES],
        "devices": [
            _device(module, groups.get(name, ("", "")), places, name in filmed) for name, module in devices.items()
        ],
        "jobs": [],
        "outside": scenario is not None and (scenario.cloud.broker or scenario.cloud.aws) is not None,
        "thresholds": [] if scenario is None else _thresholds(scenario),
        "expects": [] if scenario is None else list(scenario.expect),
    }
    return head


def flash_of(module: Module, view: FlashView) -> Json:
    """The flash of a filmed device: its part, its partitions, its pages."""
    return {**part_of(module), "first": view.first()}


def part_of(module: Module) -> Json:
    """A device's flash part and its partitions."""
    part = module.model.part
    return {
        "part": part.name,
        "bytes": part.size_bytes,
        "sector_bytes": part.sector_bytes,
        "page_bytes": part.page_bytes,
        "endurance": part.endurance_cycles,
        "partitions": [
            {"name": one.name, "offset": one.offset, "bytes": one.size_bytes, "use": one.use}
            for one in module.model.partitions
        ],
    }


def _device(module: Module, entry: tuple[str, str], places: Places, filmed: bool) -> Json:
    group, firmware = entry
    return {
        "name": module.name,
        "group": group,
        "model": module.model.variant,
        "network": places.of(module.name).network or module.model.radio.category,
        "firmware": firmware,
        "filmed": filmed,
    }


def _groups(scenario: Scenario) -> dict[str, tuple[str, str]]:
    return {name: (entry.group or "", entry.firmware) for entry in scenario.fleet for name in entry.devices()}


def jobs_of(world: World) -> list[Json]:
    """The jobs of its scenario, each with its document, wherever that comes from."""
    return [_job(job, world) for job in world.scenario.jobs]


def _job(job: Job, world: World) -> Json:
    data = None if job.document_source is None else world.account.artifacts.get(*job.document_source)
    return {
        "jobId": job.job_id,
        "at_us": job.at_us,
        "document": job.document if data is None else data.decode(errors="replace"),
        "documentSource": None if job.document_source is None else "s3://{}/{}".format(*job.document_source),
        "targets": list(job.targets),
        "description": job.description or "",
    }


def _thresholds(scenario: Scenario) -> list[Json]:
    return [{"metric": name, "expr": limit.expr} for name, limits in scenario.thresholds.items() for limit in limits]


def _text(scenario: Scenario) -> str:
    try:
        return scenario.source.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
