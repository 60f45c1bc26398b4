"""`qpyota whatif`: settings of a rollout under many seeds, and which of them may be chosen."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.errors import SpecError

if TYPE_CHECKING:
    from sim.lab.bands import Band
    from sim.lab.measure import Measure
    from sim.lab.runs import Plan, Played
    from sim.lab.whatif import Findings, Prices
    from sim.scenario.schema import Scenario
    from sim.scenario.schema_whatif import Bound, WhatIf

ERRORS_SHOWN = 3

_file = click.Path(dir_okay=False, path_type=Path)
_price = click.FloatRange(0)


@click.command()
@click.argument("scenario")
@click.option("--vary", metavar="WAY=V,V", multiple=True, help="Values to try.  [default: the scenario's `whatif`]")
@click.option("--job", help="The job that is looked at.  [default: the scenario's `whatif`, or its first]")
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="Runs of each combination.")
@click.option("--seed", type=click.IntRange(0), help="Root of all randomness.  [default: the scenario's]")
@click.option("--set", "settings", metavar="WAY=VALUE", multiple=True, help="Another value, e.g. fleet.0.count=200.")
@click.option("--more-than", type=click.IntRange(0), help="With --at-most: more than so many devices fail …")
@click.option("--at-most", metavar="SHARE", help="… with at most this probability, e.g. 5%.")
@click.option("--price-per-mib", type=_price, help="Of downloaded data.  [default: not counted]")
@click.option("--price-per-1000-messages", type=_price, help="Of MQTT messages, both ways.  [default: not counted]")
@click.option("--csv", "csv_path", type=_file, help="Write a line for each run.")
@click.option("--svg", "svg_path", type=_file, help="Write a picture.")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one a processor]")
@json_option
def whatif(scenario: str, as_json: bool, **values: Any) -> Exit:
    """Try each combination of values of SCENARIO under the same seeds, in memory, and compare what comes of a rollout.

    Told with bands: devices that failed, the time to 50, 95 and 100 % upgraded, bytes, messages, money. With
    --more-than and --at-most also which settings keep that bound, and the cheapest and fastest of them. Ctrl-C tells
    what is there.
    """
    from sim.cli.repeat import counted
    from sim.lab.measure import measured
    from sim.lab.runs import play_all
    from sim.lab.whatif import Prices, find, to_json

    first, plan = _plan(scenario, values)
    job_id = values["job"] or (first.whatif and first.whatif.job) or first.jobs[0].job_id
    bound = _bound(first.whatif, values["more_than"], values["at_most"])
    prices = Prices(values["price_per_mib"], values["price_per_1000_messages"])
    tasks = sorted(plan.tasks(), key=lambda task: task.run)  # so that Ctrl-C leaves some of each
    with counted(len(tasks), shown=not as_json) as tell:
        played, whole = play_all(partial(measured, job_id), tasks, values["jobs"] or os.cpu_count() or 1, tell)
    findings = find(plan.cells, played, bound, prices)
    _write_files(findings, played, plan, prices, values)
    errors = [one.error for one in played if one.answer is None]
    if as_json:
        print_json({"scenario": first.name, "job": job_id, "whole": whole, "errors": errors, **to_json(findings)})
    else:
        _print(findings, errors, f"{len(played)} of {len(tasks)} runs were made" if not whole else "")
    if not whole:
        return Exit.INTERRUPTED
    return Exit(max(one.error_code for one in played)) if errors else _verdict(findings)


def _verdict(findings: Findings) -> Exit:
    if any(answer.incomplete for answer in findings.answers):
        return Exit.INCOMPLETE
    return Exit.FAILED if findings.bound is not None and not findings.keep else Exit.PASSED


def _plan(name: str, values: dict[str, Any]) -> tuple[Scenario, Plan]:
    """The scenario as it stands, and all that is to be run."""
    from sim.lab.runs import Plan
    from sim.scenario.loader import find_scenario, load_scenario
    from sim.scenario.result import RunOptions
    from sim.scenario.settings import combinations, parse_choice, parse_setting

    path, settings = find_scenario(name), tuple(map(parse_setting, values["settings"]))
    scenario = load_scenario(path, settings)
    choices = [parse_choice(word, "--vary") for word in values["vary"]]
    if not choices and scenario.whatif is not None:
        choices = scenario.whatif.choices
    if not choices:
        raise click.UsageError(f"nothing is to be varied: give --vary WAY=V,V, or 'whatif: {{vary: …}}' in {path}")
    ids = [job.job_id for job in scenario.jobs]
    if not ids or values["job"] not in (None, *ids):
        raise SpecError(f"{path} has no job {values['job'] or 'at all'}; it has {', '.join(ids) or 'none'}")
    root = scenario.seed if values["seed"] is None else values["seed"]
    cells = tuple(combinations(choices, "--vary"))
    plan = Plan(path, settings, cells, root, values["seeds"], RunOptions(transport="memory"))
    plan.checked()
    return scenario, plan


def _bound(given: WhatIf | None, more_than: int | None, at_most: str | None) -> Bound | None:
    from sim.scenario.schema_whatif import Bound
    from sim.units import parse_share

    if (more_than is None) != (at_most is None):
        raise click.UsageError("--more-than and --at-most go together: more than 3 fail with at most 5%")
    if more_than is None or at_most is None:
        return given.bound if given is not None else None
    try:
        probability = parse_share(at_most)
    except ValueError as error:
        raise click.UsageError(f"--at-most: {error}") from None
    if not 0 < probability < 1:
        raise click.UsageError("--at-most is above 0% and below 100%; no number of runs can show 0%")
    return Bound.model_construct(failed=more_than, probability=probability)


def _write_files(
    findings: Findings, played: Sequence[Played[Measure]], plan: Plan, prices: Prices, values: dict[str, Any]
) -> None:
    from sim.cli.sources import write_bytes
    from sim.lab.plot import draw

    if values["csv_path"] is not None:
        write_bytes(values["csv_path"], _csv(played, plan, prices).encode())
    if values["svg_path"] is not None:
        ways = ", ".join(setting.way.rpartition(".")[2] for setting in plan.cells[0])
        write_bytes(values["svg_path"], draw(findings, f"{plan.path.stem}: {ways}").encode())


def _csv(played: Sequence[Played[Measure]], plan: Plan, prices: Prices) -> str:
    """A line a run, settings first; an empty time is never, an empty cost unknown."""
    from sim.lab.measure import SHARES

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    times = [f"time_{share}_s" for share in SHARES]
    counts = ("targets", "succeeded", "failed", "bricked", "aborted", "downloaded_bytes", "messages")
    writer.writerow([*(setting.way for setting in plan.cells[0]), "run", "seed", *counts, *times, "money", "error"])
    for one in sorted(played, key=lambda one: (one.task.cell, one.task.run)):
        head = [*(setting.text for setting in plan.cells[one.task.cell]), one.task.run + 1, one.task.options.seed]
        if (measure := one.answer) is None:
            writer.writerow([*head, *[""] * (len(counts) + len(times) + 1), one.error])
            continue
        found = [int(getattr(measure, name)) for name in counts]
        error = "; ".join(measure.problems)
        writer.writerow([*head, *found, *measure.times_s.values(), prices.of(measure), error])
    return text.getvalue()


def _print(findings: Findings, errors: list[str], interrupted: str) -> None:
    from sim.lab.whatif import conclusion, seconds

    answers = findings.answers
    if answers:
        ways = [setting.way for setting in answers[0].settings]
        for number, way in enumerate(ways):
            click.echo(f"{chr(ord('A') + number % 26)} = {way}")
        letters = [chr(ord("A") + number % 26) for number in range(len(ways))]
        head = (*letters, "RUNS", "FAILED", "WORST", "P(OVER)", "50 %", "95 %", "100 %", "MiB", "MESSAGES", "MONEY")
        rows = [head]
        for answer in answers:
            times = [_band(band, seconds) for band in answer.times_s.values()]
            limit = "" if answer.limit is None else f"{answer.over}/{answer.runs} <={answer.limit:.3f}"
            money = "" if answer.money is None else _band(answer.money)
            values = [setting.text for setting in answer.settings]
            counts = [str(answer.runs), _band(answer.failed), str(answer.most_failed), limit]
            rows.append((*values, *counts, *times, _band(answer.mib), _band(answer.messages), money))
        print_columns(rows)
        for sentence in conclusion(findings):
            click.echo(sentence)
        if incomplete := sum(answer.incomplete for answer in answers):
            click.echo(f"{click.style('!', fg='yellow')} {incomplete} runs were incomplete; `qpyota run` tells why")
    for error in errors[:ERRORS_SHOWN]:
        click.echo(f"{click.style('!', fg='yellow')} not run: {error.splitlines()[0]}")
    if interrupted:
        click.echo(f"interrupted: {interrupted}")


def _band(band: Band, text: Any = lambda value: "?" if value is None else f"{value:.4g}") -> str:
    """`median [low, high]`, the median alone where all are the same."""
    if band.low == band.high == band.median:
        return str(text(band.median))
    return f"{text(band.median)} [{text(band.low)}, {text(band.high)}]"
