"""`qpyota env`: the environment in which boto3, the AWS CLI and MQTT clients find a served cloud."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.data import data_option, running_cloud
from sim.cli.exits import Exit


@click.command()
@data_option
@click.option(
    "--shell", type=click.Choice(["bash", "fish", "pwsh", "dotenv"]), default="bash", show_default=True,
    help="Whose words to print; bash is good for sh and zsh.",
)  # fmt: skip
def env(data: Path, shell: str) -> Exit:
    """Print the environment of the cloud that runs; to be used as: eval "$(qpyota env)"."""
    from sim.serve.shells import SHELLS, variables

    for name, value in variables(running_cloud(data)).items():
        click.echo(SHELLS[shell](name, value))
    return Exit.PASSED
