"""`qpyota run`: one scenario from the command line to its verdict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit, exit_of
from sim.cli.output import json_option, mark, print_json
from sim.cli.shards import on_shards, plan_of, shard_options
from sim.cli.ui import Film, ui_options
from sim.errors import MachineError, SpecError
from sim.scenario.result import RunOptions, RunResult
from sim.units import format_duration, format_size

if TYPE_CHECKING:
    from sim.fleet.hub import ShardPlan
    from sim.fleet.run import Counting
    from sim.scenario.runner import Attendant
    from sim.scenario.schema import Scenario
    from sim.scenario.schema_reports import Detail
    from sim.scenario.world import World
    from sim.trace import Observer, Record


COSTS_SHOWN = 20
EXPLANATIONS_SHOWN = 5
FAILURES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Show:
    """What the user wants to see of a run."""

    as_json: bool
    quiet: bool
    trace: Path | None
    follow: str | None = None


@dataclass(frozen=True, slots=True)
class _Keep:
    """Where a run is to be kept: in `store`, or among the runs of the data directory if `kept`; `record` how much.
    `reports` are written besides those of the scenario: file by kind."""

    data: Path
    store: Path | None
    kept: bool
    record: Detail | None
    reports: dict[str, Path]
    film: Film


@click.command()
@click.argument("scenario", required=False)
@click.option("--seed", type=click.IntRange(0), help="Root of all randomness.  [default: the scenario's]")
@click.option(
    "--transport",
    type=click.Choice(["memory", "virtual", "paced"]),
    default="virtual",
    show_default=True,
    help="In process, real sockets in virtual time, or real sockets on the wall clock.",
)
@click.option("--speed", type=click.FloatRange(0, min_open=True), help="Simulated per wall second, for paced.")
@click.option("--plain/--tls", default=False, help="MQTT and HTTP without or with TLS.  [default: tls]")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="MQTT port.  [default: any free one]")
@click.option("--umqtt", type=click.Choice(["current", "2021", "upstream"]), help="MQTT client of all devices.")
@click.option("--runtime", type=click.Choice(["greenlet", "micropython"]), help="What interprets the scripts.")
@click.option("--generation", type=click.Choice(["G21", "G25", "UNI"]), help="Firmware generation of all devices.")
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path), help="Write the trace as JSON lines.")
@click.option("--follow", metavar="DEVICE", help="Show what this device does, and no other.")
@click.option("--store", type=click.Path(dir_okay=False, path_type=Path), help="Write a run file.")
@click.option("--keep", is_flag=True, help="Keep the run file among those of the data directory.")
@click.option("--record", type=click.Choice(["summary", "devices", "full"]), help="How much a run file holds.")
@click.option("--report", metavar="KIND=FILE,...", help="Write reports: html, junit, csv, parquet, trace, summary.")
@data_option
@click.option("--quiet", "-q", is_flag=True, help="Print the verdict only.")
@click.option("--set", "settings", metavar="WAY=VALUE", multiple=True, help="Another value, e.g. fleet.0.count=200.")
@click.option("--repeat", type=click.IntRange(1), help="So many runs, each with a seed of its own.")
@click.option("--matrix", metavar="WAY=V,V", multiple=True, help="A run for each value; of several, all combinations.")
@click.option("--jobs", type=click.IntRange(1), help="Processes of many runs.  [default: one a processor]")
@shard_options
@click.option("--replay", "cut", metavar="ID", help="Instead: one power cut of `qpyota sweep`, by its name.")
@click.option("--ui", type=click.Choice(["web"]), help="Show the run in a browser, and keep showing it until Ctrl-C.")
@ui_options
@click.option("--film", type=click.Path(dir_okay=False, path_type=Path), help="Keep its film, for `qpyota open`.")
@click.option("--inject", metavar="JSON", multiple=True, help="Do this to the run, at an entry of its film.")
@click.option("--filmed", metavar="DEVICE", multiple=True, hidden=True)
@click.option("--film-fd", type=int, hidden=True)
@json_option
def run(scenario: str | None, cut: str | None, **values: Any) -> Exit:
    """Run SCENARIO, a file or the name of one that ships with qpyota, and judge its expects."""
    if (scenario is None) == (cut is None):
        raise click.UsageError("give either a SCENARIO or --replay ID")
    if scenario is None:
        from sim.cli.sweep import replay

        return replay(str(cut), values["as_json"])
    if values["ui"] is not None:
        return _with_dashboard(values)
    plan = plan_of(values)
    options = _options(values)
    show = _Show(values["as_json"], values["quiet"], values["trace"], values["follow"])
    if values["repeat"] is not None or values["matrix"] or _has_matrix(scenario, values["settings"]):
        return _repeat(scenario, options, show, values)
    if values["store"] is not None and values["keep"]:
        raise click.UsageError("give either --store FILE or --keep")
    keep = _Keep(
        values["data"],
        values["store"],
        values["keep"],
        values["record"],
        _reports(values["report"]),
        Film(values["film_fd"], values["film"], values["inject"], values["filmed"]),
    )
    result = _run(scenario, options, show, keep, values["settings"], plan)
    if show.as_json:
        print_json(result.to_json())
    else:
        print_verdict(result)
    return exit_of(result)


def _with_dashboard(values: dict[str, Any]) -> Exit:
    from sim.cli.ui import play_run

    if values["repeat"] is not None or values["matrix"] or values["shards"] is not None:
        raise click.UsageError("--ui shows one run of one process; it does not go with --repeat, --matrix or --shards")
    return play_run(click.get_current_context(), as_json=values["as_json"])


def _options(values: dict[str, Any]) -> RunOptions:
    if values["speed"] is not None and values["transport"] != "paced":
        raise click.UsageError("--speed needs --transport paced; the others run as fast as they can")
    return RunOptions(
        seed=values["seed"],
        transport=values["transport"],
        tls=not values["plain"],
        speed=values["speed"],
        port=values["port"],
        umqtt=values["umqtt"],
        runtime=values["runtime"],
        generation=values["generation"],
    )


def _reports(words: str | None) -> dict[str, Path]:
    """`html=a.html,junit=b.xml` as files by kind."""
    if words is None:
        return {}
    from sim.scenario.schema_reports import Report

    pairs = [word.partition("=") for word in words.split(",")]
    kinds = [kind for kind in Report.model_fields if kind not in ("store", "record")]
    for kind, _, path in pairs:
        if kind not in kinds or not path:
            raise click.UsageError(f"--report takes KIND=FILE, KIND one of {', '.join(kinds)}, not {kind!r}")
    return {kind: Path(path) for kind, _, path in pairs}


def _has_matrix(name: str, settings: Sequence[str]) -> bool:
    """Whether the file has several runs in it. What is wrong with it, its run tells."""
    from sim.scenario.loader import find_scenario, has_choices
    from sim.scenario.settings import parse_setting

    try:
        return has_choices(find_scenario(name), [parse_setting(word) for word in settings])
    except SpecError:
        return False


def _repeat(name: str, options: RunOptions, show: _Show, values: dict[str, Any]) -> Exit:
    from sim.cli.repeat import repeat
    from sim.lab.runs import Plan
    from sim.scenario.loader import find_scenario, load_plain
    from sim.scenario.matrix import settings_of
    from sim.scenario.settings import combinations, parse_choice, parse_setting

    one = {
        name: values[name]
        for name in ("shards", "trace", "follow", "store", "keep", "record", "report", "port")
        if values[name]
    }
    if one:
        raise click.UsageError(f"--{next(iter(one))} is for one run; the replay line of each of many takes it")
    path = find_scenario(name)
    settings = tuple(map(parse_setting, values["settings"]))
    given = combinations([parse_choice(word, "--matrix") for word in values["matrix"]], "--matrix")
    data, scenario = load_plain(path, (*settings, *given[0]))
    cells = [(*own, *more) for own in product(*settings_of(data)) for more in given]
    root = options.seed if options.seed is not None else scenario.seed
    plan = Plan(path, settings, tuple(cells), root, values["repeat"] or 1, options)
    return repeat(plan, values["jobs"] or os.cpu_count() or 1, as_json=show.as_json, quiet=show.quiet)


def _run(
    name: str, options: RunOptions, show: _Show, keep: _Keep, settings: Sequence[str], plan: ShardPlan | None
) -> RunResult:
    from sim.fleet.run import run_judged
    from sim.scenario.loader import find_scenario, load_scenario
    from sim.scenario.runner import run_scenario
    from sim.scenario.settings import parse_setting

    scenario = load_scenario(find_scenario(name), [parse_setting(word) for word in settings])
    with ExitStack() as stack:
        observers: list[Observer] = []
        if show.trace is not None:
            observers.append(_trace_writer(show.trace, stack))
        if not (show.as_json or show.quiet):
            from sim.cli.progress import progress

            shown = stack.enter_context(progress(scenario, show.follow))
            observers += [] if shown is None else [shown]
        run = run_scenario if plan is None else on_shards(plan)
        keepers = lambda counting: [_WayIn(), *_keepers(keep, scenario, counting, stack)]  # noqa: E731
        return run_judged(scenario, options, observers, keepers, run)


def _keepers(keep: _Keep, scenario: Scenario, counting: Counting, stack: ExitStack) -> list[Attendant]:
    """Who writes the run file, and the reports that the scenario asks for. They end with the stack."""
    from sim.scenario.schema_reports import Report

    report = Report() if keep.film.injections else scenario.report  # a branch does not write over what the run left
    cameras: list[Attendant] = []
    if keep.film.wanted:
        cameras = [keep.film.camera(stack)]
    files = report.files | keep.reports
    if keep.store is None and not keep.kept and report.store is None and not files:
        return cameras
    from sim.report.exporting import Reports
    from sim.report.reading import new_run
    from sim.report.run_file import RunFile

    path = new_run(scenario.name, keep.data) if keep.kept else keep.store or report.store
    if path is None:
        path = Path(stack.enter_context(TemporaryDirectory(prefix="qpyota-"))) / f"{scenario.name}.sqlite"
    file = RunFile(path, path.stem, keep.record or report.record, counting.rows)
    stack.callback(file.close)
    if keep.kept:
        click.echo(f"run {path.stem} is kept in {path}", err=True)
    return [file, Reports(path, files), *cameras]


def _trace_writer(path: Path, stack: ExitStack) -> Observer:
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as error:
        raise MachineError(f"the trace cannot be written: {path}: {error.strerror}") from None
    return lambda record: print(record.to_json(), file=file)


class _WayIn:
    """Says where a serial port leads out of the run, or a listening socket into it, which nobody could guess."""

    def begin(self, world: World) -> None:
        """Sockets are told of when time begins."""
        world.trace.observe(self._serial, ("uart.outside",))
        world.trace.observe(self._socket, ("tcp.outside",))

    def end(self, world: World, result: RunResult) -> RunResult:  # noqa: ARG002
        return result

    def _serial(self, record: Record) -> None:
        click.echo(f"{record.track} UART{record.data['port']}: {record.data['address']}", err=True)

    def _socket(self, record: Record) -> None:
        click.echo(f"{record.track} listens on port {record.data['port']}: {record.data['address']}", err=True)


def print_verdict(result: RunResult) -> None:
    """The verdict for people: expects, executions, what went wrong, and how to see it again."""
    _print_costs(result.costs)
    for expect in result.expects:
        click.echo(f"  {mark(expect.passed)} {expect.expr}")
        if expect.detail:
            click.echo(f"      {expect.detail}")
    _print_thresholds(result)
    for problem in result.problems:
        click.echo(f"  {click.style('!', fg='yellow')} {problem}")
    for note in result.notes:
        click.echo(f"  {click.style('i', fg='cyan')} {note}")
    for sentence in result.explanations[:EXPLANATIONS_SHOWN]:
        click.echo(f"  {click.style('?', fg='yellow')} {sentence}")
    if len(result.explanations) > EXPLANATIONS_SHOWN:
        click.echo(f"  … and {len(result.explanations) - EXPLANATIONS_SHOWN} more in --json")
    counted = ", ".join(f"{count} {status}" for status, count in sorted(result.executions.items()))
    click.echo(f"devices {result.devices}   executions {counted or 'none'}   trace {result.trace_hash}")
    click.echo(f"simulated {result.virtual_s:.1f} s in {result.wall_s:.2f} s")
    if result.pace is not None:
        _print_pace(result.pace)
    colour = "green" if result.passed else "red"
    click.echo(f"{click.style(result.verdict, fg=colour, bold=True)} {result.scenario}   replay: {result.replay}")


def _print_pace(pace: dict[str, Any]) -> None:
    """How time went by the wall, and how long the cloud took to answer."""
    lag = pace["lag_ms"]
    click.echo(
        f"speed {pace['speed']:g}, sim_time_ratio {pace['sim_time_ratio']:.3f}, loop lag p50 {lag['p50']:.1f} ms, "
        f"p99 {lag['p99']:.1f} ms, max {lag['max']:.1f} ms"
    )
    for operation, spread in pace["latency_ms"].items():
        places = ", ".join(f"{place} {spread[place]:.1f} ms" for place in ("p50", "p95", "p99", "max"))
        times = f"{spread['count']} times"
        if operation == "connect" and spread["count"] < pace["dialled"]:
            times = f"{spread['count']} of {pace['dialled']} times"
        click.echo(f"{operation} → answer, from the time of intent: {times}, {places}")


def _print_thresholds(result: RunResult) -> None:
    """Thresholds with what was measured, and the devices that failed, each with the command that shows it again."""
    rows = [(limit.metric, limit.expr, limit.shown) for limit in result.thresholds]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for limit, row in zip(result.thresholds, rows, strict=True):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(f"  {mark(limit.passed)} {text}" + ("  (ended the run)" if limit.aborted else ""))
    for failure in result.failures[:FAILURES_SHOWN]:
        click.echo(f"  - {failure.device}: {failure.reason}   replay: {failure.replay}")
    if len(result.failures) > FAILURES_SHOWN:
        click.echo(f"  … and {len(result.failures) - FAILURES_SHOWN} more devices that failed, in --json")


def _print_costs(costs: list[dict[str, Any]]) -> None:
    """What each upgrade took, as a table; of a large fleet, the first ones."""
    if not costs:
        return
    head = ("DEVICE", "JOB", "STATUS", "DOWNLOADED", "STAGED", "TIME", "REBOOTS", "ERASES")
    rows = [
        (
            cost["device"], cost["job"], cost["status"], format_size(cost["downloaded_bytes"]),
            format_size(cost["staged_bytes"]), format_duration(round(cost["seconds"] * 1_000_000)),
            str(cost["reboots"]), str(cost["erases"]),
        )
        for cost in costs[:COSTS_SHOWN]
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if len(costs) > COSTS_SHOWN:
        click.echo(f"… and {len(costs) - COSTS_SHOWN} more in --json")
