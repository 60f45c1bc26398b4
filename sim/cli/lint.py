"""`qpyota lint`: what an application would stumble over on the device, before it is there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.errors import SpecError

if TYPE_CHECKING:
    from sim.script.lint.finding import Finding


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave this rule out; may be repeated.")
@click.option("--rules", "show_rules", is_flag=True, help="List the rules and end.")
@click.option(
    "--job", type=click.Path(dir_okay=False, path_type=Path), help="A job document: look at what it delivers, too."
)
@click.option(
    "--delivers",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files of --job are.  [default: beside it]",
)
@click.option("--mpy-cross", "compile_too", is_flag=True, help="Also ask MicroPython's compiler, if it is installed.")
@json_option
def lint(
    folder: Path | None, ignore: tuple[str, ...], show_rules: bool, compile_too: bool, as_json: bool, **job: Path | None
) -> Exit:
    """Check the application in FOLDER, which holds what would be on /usr. Exit code 1 when something was found."""
    from sim.script.lint.finding import RULES

    if show_rules:
        print_columns(RULES.items())
        return Exit.PASSED
    if folder is None:
        raise click.UsageError("give the FOLDER of an application, or --rules")
    if not folder.is_dir():
        raise SpecError(f"{folder} is not a folder; give the one that holds main.py")
    unknown = sorted(set(ignore) - set(RULES))
    if unknown:
        raise click.UsageError(f"there is no rule {unknown[0]}; qpyota lint --rules lists them")
    if job["delivers"] is not None and job["job"] is None:
        raise click.UsageError("--delivers needs --job, which names the files")
    compiled, note = _compiled(folder) if compile_too else ([], "")
    findings = [f for f in (*_checked(folder, job["job"], job["delivers"]), *compiled) if f.rule not in ignore]
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "compiler": note or None})
    else:
        for finding in findings:
            click.echo(str(finding))
        if note:
            click.echo(note)
        click.echo(f"{len(findings)} finding{'s' * (len(findings) != 1)}" if findings else "nothing found")
    return Exit.FAILED if findings else Exit.PASSED


def _checked(folder: Path, job: Path | None, delivers: Path | None) -> list[Finding]:
    """Findings in the application, and in what a job would make of it."""
    from sim.script.lint.check import check_application
    from sim.script.lint.delivery import delivered_files, delivery_findings

    if job is None:
        return check_application(folder)
    files = delivered_files(job, delivers or job.parent)
    scripts = {
        Path(file.name.removeprefix("/").removeprefix("usr/")): file.source.read_bytes()
        for file in files
        if file.source is not None and file.source.suffix == ".py"
    }
    return [*check_application(folder, scripts), *delivery_findings(job, files)]


def _compiled(folder: Path) -> tuple[list[Finding], str]:
    """Findings of MicroPython's compiler, and which one it was or why there is none."""
    from sim.script.lint.compiler import Compiler, compiler_findings, find_compiler

    compiler = find_compiler()
    if isinstance(compiler, Compiler):
        return list(compiler_findings(compiler, folder)), f"compiled with mpy-cross of MicroPython {compiler.version}"
    return [], f"not compiled: {compiler}"
