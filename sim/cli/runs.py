"""`qpyota runs`, `compare` and `export`: what to do with runs that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import json_option, mark, print_columns, print_json
from sim.errors import MachineError
from sim.units import format_duration

DEVICES_SHOWN = 10


@click.group()
def runs() -> None:
    """Runs that `qpyota run --keep` kept in the data directory."""


@runs.command("ls")
@data_option
@json_option
def list_runs(data: Path, *, as_json: bool) -> Exit:
    """List them, oldest first."""
    from sim.report.reading import kept_runs, open_run

    names = ("id", "scenario", "seed", "transport", "devices", "record", "began", "virtual_s", "wall_s", "verdict")
    heads = []
    for path in kept_runs(data):
        if path.stat().st_size:
            with open_run(str(path), data) as run:
                heads.append({name: run.head[name] for name in names} | {"bytes": path.stat().st_size})
    if as_json:
        print_json({"runs": heads})
    elif not heads:
        click.echo(f"no run is kept in {data}; keep one with: qpyota run SCENARIO --keep")
    else:
        shown = ("id", "verdict", "devices", "seed", "transport", "began")
        rows = [tuple(str("UNFINISHED" if head[name] is None else head[name]) for name in shown) for head in heads]
        print_columns([("RUN", "VERDICT", "DEVICES", "SEED", "TRANSPORT", "BEGAN"), *rows])
    return Exit.PASSED


@runs.command("rm")
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@data_option
@json_option
def remove_runs(names: tuple[str, ...], data: Path, *, as_json: bool) -> Exit:
    """Remove runs by their id. Nothing is removed when one of them is not there."""
    from sim.report.reading import find_run, runs_folder

    paths = [find_run(name, data) for name in names]
    kept = runs_folder(data).resolve()
    strangers = [str(path) for path in paths if path.resolve().parent != kept]
    if strangers:
        raise click.UsageError(f"{strangers[0]} is not among the runs of {data}; remove the file itself")
    for path in dict.fromkeys(paths):
        try:
            for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                name.unlink(missing_ok=True)
        except OSError as error:
            raise MachineError(f"{path} cannot be removed: {error.strerror}") from None
    removed = [path.stem for path in dict.fromkeys(paths)]
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"removed {', '.join(removed)}")
    return Exit.PASSED


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@data_option
@json_option
def compare(run_a: str, run_b: str, data: Path, *, as_json: bool) -> Exit:
    """Tell what RUN_A and RUN_B (ids, or files) differ in. Exit code 1 when they do in what they came to."""
    from sim.report.compare import compare as compared
    from sim.report.reading import open_run

    with open_run(run_a, data) as first, open_run(run_b, data) as second:
        told = compared(first, second)
    if as_json:
        print_json(told)
    else:
        _print_comparison(told)
    return Exit.FAILED if told["differs"] else Exit.PASSED


@click.command()
@click.argument("run")
@click.option("--to", "kind", required=True, type=click.Choice(["summary", "junit", "csv", "parquet", "trace", "html"]))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File; for csv and parquet, folder.")
@data_option
@json_option
def export(run: str, kind: str, out: Path | None, data: Path, *, as_json: bool) -> Exit:
    """Write RUN (an id, or a file) in a format that others read."""
    from sim.report.exporting import export as write
    from sim.report.reading import open_run

    endings = {"summary": ".json", "junit": ".xml", "csv": "-csv", "parquet": "-parquet", "html": ".html"}
    endings["trace"] = ".trace.json.gz"
    with open_run(run, data) as opened:
        path = out or Path(f"{opened.head['id']}{endings[kind]}")
        write(opened, kind, path)
    if as_json:
        print_json({"written": str(path)})
    else:
        click.echo(str(path))
    return Exit.PASSED


def _print_comparison(told: dict[str, Any]) -> None:
    ids = [run["id"] for run in told["runs"]]
    heads = [(name, *(str(run[name]) for run in told["runs"])) for name in ("seed", "devices")]
    print_columns([("", *ids), ("verdict", *told["verdicts"]), *heads])
    for one in [*told["expects"], *told["thresholds"]]:
        if one["passed"][0] != one["passed"][1] or "shown" in one:
            marks = [mark(passed) if passed is not None else "-" for passed in one["passed"]]
            shown = [text or "" for text in one.get("shown", ("", ""))]
            click.echo(f"  {marks[0]} {shown[0]}  {marks[1]} {shown[1]}  {one['expr']}")
    for job, pair in told["jobs"].items():
        from sim.report.compare import columns_of

        click.echo(f"job {job}")
        rows = [(f"  {name}", str(first), str(second)) for name, first, second in columns_of(pair)]
        if rows:
            print_columns(rows)
    for name, pair in told["trends"].items():
        click.echo(f"{name}   {_spread(pair[0])}   {_spread(pair[1])}")
    _print_devices(told)
    click.echo("the traces are equal" if told["same_trace"] else "the traces differ")


def _print_devices(told: dict[str, Any]) -> None:
    from sim.report.compare import changed

    count = told["devices_differing"]
    click.echo(f"{count} devices ended differently")
    for one in told["devices"][:DEVICES_SHOWN]:
        click.echo(f"  {one['device']}: {', '.join(changed(one['was']))}")
    if count > DEVICES_SHOWN:
        click.echo(f"  … and {count - DEVICES_SHOWN} more, in --json")


def _spread(spread: dict[str, int] | None) -> str:
    if spread is None:
        return "-"
    times = [f"{word} {format_duration(value)}" for word, value in spread.items() if word != "count"]
    return " ".join([f"{spread['count']}×", *times])
