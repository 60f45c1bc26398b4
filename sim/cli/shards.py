"""The options of `qpyota run` that put its devices into several processes, here or elsewhere."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from sim.errors import SpecError

if TYPE_CHECKING:
    from sim.fleet.hub import ShardPlan
    from sim.fleet.launchers.launcher import Launcher
    from sim.scenario.result import RunOptions, RunResult
    from sim.scenario.runner import Attendant
    from sim.scenario.schema import Scenario
    from sim.trace import Observer

MOST_SHARDS = 64
EVERYWHERE = ("0.0.0.0", "[::]")
"""All addresses of this machine, none of which others could dial by that name."""

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--shards", type=click.IntRange(1, MOST_SHARDS), help="Have the devices in so many processes."),
    click.option("--dask", metavar="tcp://HOST:PORT", help="Have these on a Dask cluster."),
    click.option("--hub", metavar="HOST:PORT", help="Where shards find this run; without --dask, wait for workers."),
)


def shard_options(command: F) -> F:
    """Add them to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def plan_of(values: dict[str, Any]) -> ShardPlan | None:
    """What they ask for; None: nothing. Shards have no sockets, so that `values` get the transport of those."""
    shards, dask, hub = values["shards"], values["dask"], values["hub"]
    if shards is None:
        if dask or hub:
            raise click.UsageError(f"--{'dask' if dask else 'hub'} needs --shards N")
        return None
    chosen = click.get_current_context().get_parameter_source("transport")
    if chosen is ParameterSource.DEFAULT:
        values["transport"] = "memory"
    from sim.fleet.hub import LOOPBACK, ShardPlan

    token = os.environ.get("QPYOTA_TOKEN", "")
    host, port = _place(hub) if hub else ("", 0)
    name = socket.gethostname() if host in EVERYWHERE else host
    host = host.strip("[]")  # of an IPv6 address
    plan = partial(ShardPlan, shards, token=token, say=_say, url_host=name)
    if dask:
        from sim.fleet.launchers.cluster import reachable_from

        near = host or reachable_from(dask)
        return plan(partial(_on_dask, dask, shards), host=near, port=port, url_host=name or near)
    if hub:
        return plan(partial(_join, known=bool(token)), host=host, port=port)
    return plan(host=LOOPBACK)


def on_shards(plan: ShardPlan) -> Callable[..., RunResult]:
    """How to run a scenario by this plan."""

    def run(
        scenario: Scenario, options: RunOptions, observers: Sequence[Observer], attendants: Sequence[Attendant]
    ) -> RunResult:
        from sim.fleet.hub import run_sharded

        return run_sharded(scenario, options, plan, observers, attendants)

    return run


def _on_dask(address: str, shards: int) -> Launcher:
    from sim.fleet.launchers.cluster import DaskCluster

    return DaskCluster(address, shards)


def _join(*, known: bool) -> Launcher:
    from sim.fleet.launchers.join import Join

    return Join(_say, known=known)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise SpecError(f"--hub {text}: give HOST:PORT, e.g. 0.0.0.0:7801")
    return host, int(port)


def _say(text: str) -> None:
    click.echo(text, err=True)
