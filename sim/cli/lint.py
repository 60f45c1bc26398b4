"""`qpyota lint`: what an application would stumble over on the device, before it is there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.errors import SpecError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave this rule out; may be repeated.")
@click.option("--rules", "show_rules", is_flag=True, help="List the rules and end.")
@json_option
def lint(folder: Path | None, ignore: tuple[str, ...], show_rules: bool, as_json: bool) -> Exit:
    """Check the application in FOLDER, which holds what would be on /usr. Exit code 1 when something was found."""
    from sim.script.lint.check import check_application
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
    findings = [finding for finding in check_application(folder) if finding.rule not in ignore]
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(f"{len(findings)} finding{'s' * (len(findings) != 1)}" if findings else "nothing found")
    return Exit.FAILED if findings else Exit.PASSED
