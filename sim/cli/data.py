"""What the commands around a served cloud have in common: the option that names it, and its absence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.errors import MachineError

if TYPE_CHECKING:
    from sim.serve.data_dir import Running

DEFAULT_DATA = ".qpyota"

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="QPYOTA_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    show_envvar=True,
    help="Directory that holds the cloud.",
)


def running_cloud(path: Path) -> Running:
    """The cloud that runs on a data directory; MachineError when none does."""
    from sim.serve.data_dir import DataDir

    running = DataDir(path).running()
    if running is None:
        raise MachineError(f"no cloud runs on {path}; start one with: qpyota up -d --data {path}")
    return running
