"""`qpyota report`: a run as a page to look at."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json


@click.command()
@click.argument("run")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File.  [default: RUN.html]")
@data_option
@json_option
def report(run: str, out: Path | None, data: Path, *, as_json: bool) -> Exit:
    """Write RUN (an id, or a file) as one HTML file that opens without a server or a network."""
    from sim.report.exporting import export
    from sim.report.reading import open_run

    with open_run(run, data) as opened:
        path = out or Path(f"{opened.head['id']}.html")
        export(opened, "html", path)
    if as_json:
        print_json({"written": str(path), "bytes": path.stat().st_size})
    else:
        click.echo(str(path))
    return Exit.PASSED
