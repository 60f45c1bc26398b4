"""`qpyota`: the commands by name, and the one place where an error becomes a message and an exit code.

Rules: nothing heavy is imported here, so that `qpyota --help` is instant; a command's module is imported when
it is called, and imports the emulator inside its functions. Commands return their exit code.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from sim import __version__
from sim.cli.exits import Exit
from sim.errors import QpyotaError, SpecError

COMMANDS = {
    "run": ("sim.cli.run:run", "Run a scenario and judge it."),
    "up": ("sim.cli.up:up", "Keep a cloud running, and the devices of a scenario."),
    "ps": ("sim.cli.ps:ps", "Show the cloud that runs, and its devices."),
    "logs": ("sim.cli.logs:logs", "Show what the devices and the cloud did."),
    "env": ("sim.cli.env:env", "Print the environment in which clients find the cloud."),
    "down": ("sim.cli.down:down", "End the cloud that runs."),
    "dev": ("sim.cli.dev:dev", "Make virtual modules and work with them: prompt, files, power, flash."),
    "cloud": ("sim.cli.cloud:cloud", "Look into the cloud that runs, and give devices certificates."),
    "sweep": ("sim.cli.sweep:sweep", "Cut power everywhere, and tell how every cut ends."),
    "worker": ("sim.cli.worker:worker", "Take a shard of a run that goes on elsewhere."),
    "whatif": ("sim.cli.whatif:whatif", "Compare settings of a rollout under many seeds."),
    "shrink": ("sim.cli.shrink:shrink", "Reduce a failing scenario to the smallest that still fails."),
    "open": ("sim.cli.open:open_", "Show a kept film, or the cloud that runs, in a browser."),
    "trace": ("sim.cli.trace:trace", "Write a run as a trace for Perfetto, and show it there."),
    "runs": ("sim.cli.runs:runs", "List and remove the runs that were kept."),
    "report": ("sim.cli.report:report", "Write a run as one HTML page to look at."),
    "compare": ("sim.cli.runs:compare", "Tell what two runs differ in."),
    "export": ("sim.cli.runs:export", "Write a run as CSV, Parquet, JUnit, a Chrome trace or a summary."),
    "learn": ("sim.cli.learn:learn", "Labs: learn about upgrades by making them, without hardware."),
    "check": ("sim.cli.check:check", "Check scenario files without running them."),
    "new": ("sim.cli.new:new", "Make a scenario to begin with."),
    "schema": ("sim.cli.schema:schema", "Print the JSON Schema of scenarios, for editors."),
    "models": ("sim.cli.models:models", "List the module models, or show one."),
    "lint": ("sim.cli.lint:lint", "Find what an application would stumble over on the device."),
    "pkg": ("sim.cli.pkg:pkg", "Build, inspect and verify upgrade packages."),
    "doctor": ("sim.cli.doctor:doctor", "See whether this machine can run qpyota."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and help line, and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The help lines, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qpyota")
def cli() -> None:
    """Emulate Quectel QuecPython modules, their over-the-air upgrades and the cloud that drives them.

    Exit codes: 0 passed, 1 failed, 2 wrong usage or file, 3 defect of qpyota, 4 the machine lacks something,
    5 run incomplete, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `qpyota` command; ends the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(int(_run(words)))


def _run(words: list[str]) -> int:
    as_json = "--json" in words
    try:
        code = cli.main(words, prog_name="qpyota", standalone_mode=False)
        return code if isinstance(code, int) else Exit.PASSED
    except click.ClickException as error:
        return _tell(as_json, Exit.USAGE, "UsageError", error.format_message(), hint=_usage(error))
    except (KeyboardInterrupt, click.Abort):
        return _tell(as_json, Exit.INTERRUPTED, "Interrupted", "interrupted")
    except QpyotaError as error:
        problems = [_place(problem) for problem in error.problems] if isinstance(error, SpecError) else []
        return _tell(as_json, error.exit_code, type(error).__name__, str(error), problems=problems)
    except Exception as error:  # noqa: BLE001 - a defect: told with its traceback, in the agreed exit code
        traceback.print_exc()
        text = f"a defect of qpyota, please report it: {type(error).__name__}: {error}"
        return _tell(as_json, Exit.INTERNAL, "InternalError", text)


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"\ntry: {context.command_path} --help" if context else ""


def _place(problem: Any) -> dict[str, Any]:
    names = ("file", "line", "column", "message", "path")
    return {name: getattr(problem, name) for name in names}


def _tell(as_json: bool, code: int, kind: str, message: str, *, hint: str = "", **more: Any) -> int:
    """One message on stderr, or one JSON object on stdout; returns the exit code."""
    if as_json:
        click.echo(json.dumps({"error": {"kind": kind, "message": message, "exit_code": int(code), **more}}))
    elif more.get("problems"):
        count = len(more["problems"])
        click.echo(f"{message}\n{count} error{'s' * (count > 1)}", err=True)
    else:
        click.echo(f"qpyota: {message}{hint}", err=True)
    return code
