"""`qpyota worker`: this machine takes a shard of a run that goes on elsewhere."""

from __future__ import annotations

import click

from sim.cli.exits import Exit
from sim.errors import MachineError


@click.command()
@click.option("--join", "hub", metavar="URL", required=True, help="Where the hub of the run is: http://HOST:PORT.")
@click.option(
    "--index",
    type=click.IntRange(0),
    envvar="JOB_COMPLETION_INDEX",
    show_envvar=True,
    help="Which shard to be, from 0.  [default: any that is wanted]",
)
@click.option("--token", envvar="QPYOTA_TOKEN", show_envvar=True, help="The secret of the run.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but what went wrong.")
def worker(hub: str, index: int | None, token: str | None, quiet: bool) -> Exit:
    """Be a shard of a run: take some of its devices, until it is over."""
    from sim.fleet.orders import ShardSpec
    from sim.fleet.shards import OVER, run_shard

    if not token:
        raise click.UsageError("the hub tells its token when it starts: give it with --token or QPYOTA_TOKEN")

    def say(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    end = run_shard(ShardSpec("", hub, token, index), say)
    if end != OVER:
        raise MachineError(end)
    say(end)
    return Exit.PASSED
