"""`qpyota logs`: what the devices of a served cloud did, and the cloud for them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit


@click.command()
@click.argument("device", required=False)
@data_option
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def logs(device: str | None, data: Path, *, follow: bool, as_json: bool) -> Exit:
    """Show what all devices did, or DEVICE alone, and what the cloud did for them."""
    from sim.serve.data_dir import DataDir
    from sim.serve.trace_file import lines, told

    for line in lines(DataDir(data).trace, follow=follow):
        if device is None or line["track"].partition("@")[0] == device:
            click.echo(json.dumps(line, ensure_ascii=False) if as_json else told(line))
    return Exit.PASSED
