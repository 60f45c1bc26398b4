"""`qpyota down`: end a served cloud."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit


@click.command()
@data_option
def down(data: Path) -> Exit:
    """End the cloud that runs; what it holds stays in its directory for the next `qpyota up`."""
    from sim.serve.daemon import end
    from sim.serve.data_dir import DataDir

    pid = end(DataDir(data))
    click.echo(f"no cloud runs on {data}" if pid is None else f"ended process {pid}; {data} keeps the cloud")
    return Exit.PASSED
