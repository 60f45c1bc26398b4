"""`qpyota open`: the dashboard of a film that was kept, or of the cloud that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sim.cli.data import data_option, running_cloud
from sim.cli.exits import Exit
from sim.cli.ui import place_of, ui_options


@click.command("open")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@data_option
@ui_options
def open_(file: Path | None, data: Path, **values: Any) -> Exit:
    """Show FILE (a .qpyrun), or the cloud that runs, in a browser. Ctrl-C ends it."""
    place = place_of(values)
    if file is None:
        running = running_cloud(data)
        from sim.ui.theatre import attend

        attend(running, place, click.echo)
        return Exit.PASSED
    from sim.film.bundle import read_bundle
    from sim.ui.stage import Stage
    from sim.ui.theatre import show

    stage = Stage()
    stage.load(read_bundle(file))
    show(stage, place, click.echo)
    return Exit.PASSED
