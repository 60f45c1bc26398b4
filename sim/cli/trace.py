"""`qpyota trace`: a kept run as a trace, and into Perfetto with it."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json

VIEWER = "https://ui.perfetto.dev"


@click.command()
@click.argument("run")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: RUN.trace.json.gz")
@click.option("--show", is_flag=True, help=f"Hand it to {VIEWER}, once a browser opens the URL that is printed.")
@data_option
@json_option
def trace(run: str, out: Path | None, data: Path, *, show: bool, as_json: bool) -> Exit:
    """Write RUN (an id, or a run file) as a Chrome trace: a track for each device, one for each job.

    A run has the phases of its devices when it was kept with --record full, or --record devices.
    """
    from sim.report.perfetto import write_trace
    from sim.report.reading import open_run

    with open_run(run, data) as opened:
        path = out or Path(f"{opened.head['id']}.trace.json.gz")
        write_trace(opened, path)
    if as_json:
        print_json({"written": str(path), "viewer": VIEWER})
    else:
        click.echo(f"{path}; drop it onto {VIEWER} or chrome://tracing" if not show else str(path))
    if show:
        from sim.ui.perfetto import hand_over

        hand_over(path, click.echo)
    return Exit.PASSED
