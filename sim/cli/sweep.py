"""`qpyota sweep`: cut power wherever it may go, and tell how every cut ends. Also replays a single cut by its name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json

if TYPE_CHECKING:
    from sim.sweep.flow import Judgement
    from sim.sweep.result import Cut, SweepResult

MOST_FAILURES = 20
"""Bad ends that are listed for people; --json lists all."""

KINDS = ("flash", "boot", "mqtt", "http")


@click.command()
@click.argument("subject", metavar="SCENARIO|MODEL/METHOD")
@click.option(
    "--cut",
    "where",
    type=click.Choice([f"every:{kind}" for kind in KINDS]),
    default="every:flash",
    show_default=True,
    help="Flash operations (in all torn shapes), boot phases, MQTT messages or HTTP answers.",
)
@click.option("--device", help="Which device of the scenario.  [default: its first]")
@click.option("--depth", type=click.IntRange(1, 2), default=1, help="Let power go a second time, in the recovery.")
@click.option("--sample", type=click.IntRange(1), help="Only so many first cuts, spread evenly: always the same ones.")
@click.option("--seed", type=click.IntRange(0), help="Root of all randomness.  [default: the scenario's]")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one a processor]")
@json_option
def sweep(subject: str, as_json: bool, **values: Any) -> Exit:
    """Cut the power of one device everywhere, let it recover, and judge how each cut ends.

    SCENARIO is a file or the name of one that ships with qpyota: one device of it is swept, cloud included.
    MODEL/METHOD (as EG915U/differential, EC600M/minimal, EG915U/app) is one upgrade without script and cloud.

    Five questions: does an approved image run; is it the old or the new one, never a mix; was the update not silently
    lost; was there no downgrade; does the cloud's record tell the truth. Every cut that ends badly has a name that
    `qpyota run --replay NAME` repeats.
    """
    from sim.sweep.matrix import is_flow_name

    jobs = values.pop("jobs") or os.cpu_count() or 1
    result = (_sweep_flow if is_flow_name(subject) else _sweep_scenario)(subject, jobs, **values)
    if as_json:
        print_json(result.to_json())
    else:
        print_result(result)
    return Exit.PASSED if result.passed else Exit.FAILED


def _sweep_flow(
    name: str, jobs: int, *, where: str, depth: int, sample: int | None, **scenario_only: Any
) -> SweepResult:
    from sim.sweep.matrix import FlowOrder, sweep_flow

    if where != "every:flash" or any(value is not None for value in scenario_only.values()):
        raise click.UsageError("MODEL/METHOD has flash operations only; --cut, --device and --seed are for scenarios")
    return sweep_flow(FlowOrder(name, depth, sample), jobs)


def _sweep_scenario(name: str, jobs: int, *, where: str, depth: int, **values: Any) -> SweepResult:
    from sim.scenario.loader import find_scenario, load_scenario
    from sim.sweep.result import CutKind
    from sim.sweep.whole import Order, sweep_device

    if depth == 2 and where != "every:flash":
        raise click.UsageError("--depth 2 is for --cut every:flash")
    scenario = load_scenario(find_scenario(name))
    seed = scenario.seed if values["seed"] is None else values["seed"]
    device = values["device"] or scenario.fleet[0].devices()[0]
    kind = CutKind(where.partition(":")[2])
    return sweep_device(Order(str(scenario.source), seed, device, kind, depth, values["sample"]), jobs)


def print_result(result: SweepResult) -> None:
    """The sums, and the first cuts that ended badly."""
    share = "" if result.cuts == result.possible else f" of {result.possible}"
    depth = " at depth 2" if result.depth == 2 else ""
    click.echo(
        f"{result.flow} ({result.family}, {result.method}): {result.ops} points, {result.cuts}{share} cuts{depth}"
    )
    for verdict, count in result.counts.items():
        bad = verdict != "recovered" and count
        click.echo(f"  {verdict.value:10} {click.style(str(count), fg='red') if bad else count}")
    click.echo(f"  {result.tried} played out, {result.repeated} repeated from the start, {result.seconds:.1f} s")
    for failure in result.failures[:MOST_FAILURES]:
        click.echo(f"  {click.style('✗', fg='red')} {failure.verdict.value}: {failure.detail}")
        click.echo(f"      qpyota run --replay {failure.replay}")
    if len(result.failures) > MOST_FAILURES:
        click.echo(f"  … and {len(result.failures) - MOST_FAILURES} more; --json lists all")
    click.echo(
        click.style("PASSED", fg="green", bold=True) if result.passed else click.style("FAILED", fg="red", bold=True)
    )


def replay(name: str, as_json: bool) -> Exit:
    """`qpyota run --replay NAME`: exactly this cut, and how it ends."""
    from sim.sweep.result import Verdict, parse_cut

    cut = parse_cut(name)
    judgement = _judge(cut)
    if as_json:
        print_json({"replay": cut.name, "verdict": judgement.verdict.value, "detail": judgement.detail})
    else:
        colour = "green" if judgement.verdict is Verdict.RECOVERED else "red"
        detail = f": {judgement.detail}" if judgement.detail else ""
        click.echo(f"{click.style(judgement.verdict.value, fg=colour, bold=True)} {cut.name}{detail}")
    return Exit.PASSED if judgement.verdict is Verdict.RECOVERED else Exit.FAILED


def _judge(cut: Cut) -> Judgement:
    from sim.scenario.loader import find_scenario, load_scenario
    from sim.sweep.matrix import is_flow_name, replay_flow
    from sim.sweep.whole import replay_device

    if is_flow_name(cut.subject):
        return replay_flow(cut)
    return replay_device(load_scenario(find_scenario(cut.subject)), cut)
