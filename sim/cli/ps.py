"""`qpyota ps`: the cloud that runs, and how its devices are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json


@click.command()
@data_option
@json_option
def ps(data: Path, *, as_json: bool) -> Exit:
    """Show the cloud of the data directory, and state, firmware and phase of each device as last kept."""
    from sim.cloud.store.database import read_devices
    from sim.serve.data_dir import DataDir

    where = DataDir(data)
    running, devices = where.running(), read_devices(where.database)
    if as_json:
        shown = None if running is None else {**asdict(running), "secret_key": "", "bench_token": ""}
        print_json({"running": shown, "devices": [asdict(device) for device in devices]})
        return Exit.PASSED
    if running is None:
        click.echo(f"no cloud runs on {data}")
    else:
        head = ("PID", "SINCE", "SCENARIO", "REST", "MQTT")
        mqtt = f"{running.host}:{running.mqtt_port}"
        print_columns([head, (str(running.pid), running.since, running.scenario or "-", running.rest_url, mqtt)])
    if devices:
        click.echo()
        rows = [
            (
                it.name,
                it.state if running else "off",
                it.version or "-",
                _standing(it.phase, it.progress),
                str(it.boots),
            )
            for it in devices
        ]
        print_columns([("DEVICE", "STATE", "FIRMWARE", "PHASE", "BOOTS"), *rows])
    return Exit.PASSED


def _standing(phase: str, progress: float) -> str:
    return f"{phase} {progress:.0%}" if progress else phase or "-"
