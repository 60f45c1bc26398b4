"""`qpyota dev`: the workbench. One virtual module at a time, as if it lay on the desk.

Rules: commands talk to the running `qpyota up` and to nothing else, except `new`, which can also be done while none
runs. A path on a device is `DEV:/usr/main.py`, as in `docker cp` and in mpremote's `:path`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.data import data_option, running_cloud
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.errors import SpecError

if TYPE_CHECKING:
    from sim.serve.data_dir import DataDir


@click.group()
def dev() -> None:
    """Make virtual modules and work with them: prompt, files, power, flash.

    Paths on a device are DEV:/usr/main.py. `dev ls` alone lists the devices, `dev ls DEV:/usr` files.
    """


def ask(data: Path, what: str, /, **members: Any) -> dict[str, Any]:
    """One order to the cloud that runs; its answer."""
    from sim.serve.bench_client import order

    return order(running_cloud(data), what, **members)


def split_place(text: str, context: str = "") -> tuple[str, str]:
    """(device, path) of `DEV:/path`; SpecError when it is not one."""
    device, colon, path = text.partition(":")
    if not colon or not device or not path.startswith("/"):
        hint = f", e.g. {device or 'bench-1'}:/usr/{path.lstrip('/')}" if not path.startswith("/") else ""
        raise SpecError(f"{text!r} is no place on a device: write DEV:/path{hint}{context}")
    return device, path


def show(answer: dict[str, Any], as_json: bool, text: str) -> Exit:
    """The answer for machines, or a line for people."""
    if as_json:
        print_json(answer)
    elif text:
        click.echo(text)
    return Exit.PASSED


# -- devices


@dev.command()
@click.argument("device")
@click.option("--model", "-m", default="EG915U", show_default=True, help="As `qpyota models` lists them.")
@click.option("--firmware", help="Version it runs.  [default: a plain one of the model]")
@data_option
@json_option
def new(device: str, model: str, firmware: str | None, data: Path, *, as_json: bool) -> Exit:
    """Make a module named DEVICE, which is also its thing name. It boots at once, or with the next `qpyota up`."""
    from sim.serve.data_dir import DataDir

    where = DataDir(data)
    if where.running() is not None:
        from sim.device.catalogue import load_model

        version = firmware or load_model(model).example_version
        answer = ask(data, "new", device=device, model=model, firmware=version)
        text = f"{device} boots: {model}, {answer['firmware'] or version}"
    else:
        answer = _note(where, device, model, firmware)
        text = f"{device} is made and boots with the next: qpyota up --data {data}"
    return show(answer, as_json, text)


def _note(where: DataDir, device: str, model: str, firmware: str | None) -> dict[str, Any]:
    from sim.cloud.store.database import Database
    from sim.device.catalogue import load_model
    from sim.serve.workshop import checked, remember

    row = checked(device, model, firmware or load_model(model).example_version)
    where.make()
    where.lock()
    try:
        database = Database(where.database)
        try:
            remember(database, row)
        finally:
            database.close()
    finally:
        where.release()
    return {"device": device, "model": model, "firmware": row["firmware"], "state": "off"}


@dev.command()
@click.argument("place", required=False)
@data_option
@json_option
def ls(place: str | None, data: Path, *, as_json: bool) -> Exit:
    """List the devices, or the files of DEV:/path."""
    if place is None:
        answer = ask(data, "devices")
        rows = [
            (it["device"], it["model"], it["state"], it["firmware"] or "-", it["network"], str(it["boots"]))
            for it in answer["devices"]
        ]
        if not as_json and rows:
            print_columns([("DEVICE", "MODEL", "STATE", "FIRMWARE", "NETWORK", "BOOTS"), *rows])
        return show(answer, as_json, "" if rows else "no devices; qpyota dev new NAME makes one")
    device, path = split_place(place if ":" in place else f"{place}:/")
    answer = ask(data, "ls", device=device, path=path)
    if not as_json and answer["files"]:
        print_columns([(f"{it['bytes']:>8}", it["name"] + "/" * it["folder"]) for it in answer["files"]])
    return show(answer, as_json, "")


# -- code


@dev.command()
@click.argument("device")
@data_option
def repl(device: str, data: Path) -> Exit:
    """Open the prompt of DEVICE. Ctrl-] or Ctrl-X leaves it; Ctrl-C and Ctrl-D go to the device."""
    from sim.serve.bench_client import console
    from sim.serve.terminal import converse

    line = console(running_cloud(data), device)
    click.echo(f"{device}: Ctrl-] leaves, Ctrl-C interrupts, Ctrl-D restarts the interpreter", err=True)
    converse(line)
    return Exit.PASSED


@dev.command("exec")
@click.argument("device")
@click.argument("code")
@data_option
@json_option
def execute(device: str, code: str, data: Path, *, as_json: bool) -> Exit:
    """Run CODE at the prompt of DEVICE. A main.py that still runs is interrupted, as by Ctrl-C; threads go on."""
    return _run_code(data, device, code.encode(), as_json=as_json, fresh=False)


@dev.command()
@click.argument("device")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--watch", is_flag=True, help="Run it again whenever it was saved, until Ctrl-C.")
@data_option
@json_option
def run(device: str, file: Path, data: Path, *, watch: bool, as_json: bool) -> Exit:
    """Run a FILE of this machine on DEVICE, in a fresh interpreter; nothing is written to its flash."""
    if watch:
        if as_json:
            raise click.UsageError("--watch prints as it goes and has no --json")
        from sim.serve.watch import run_again

        run_again(running_cloud(data), device, file, _put)
        return Exit.PASSED
    return _run_code(data, device, file.read_bytes(), as_json=as_json, fresh=True)


def _put(data: bytes) -> None:
    sys.stdout.write(data.replace(b"\r\n", b"\n").decode("utf-8", "replace"))
    sys.stdout.flush()


def _run_code(data: Path, device: str, source: bytes, *, as_json: bool, fresh: bool) -> Exit:
    from sim.serve.bench_client import console

    printed = bytearray()
    line = console(running_cloud(data), device)
    try:
        error = line.run(source, printed.extend if as_json else _put, fresh=fresh)
    finally:
        line.leave()
    error = error.replace("\r\n", "\n")
    if as_json:
        output = printed.replace(b"\r\n", b"\n").decode("utf-8", "replace")
        print_json({"device": device, "output": output, "error": error})
    elif error:
        click.echo(error, err=True, nl=False)
    return Exit.FAILED if error else Exit.PASSED


# -- the surroundings


@dev.command()
@click.argument("device")
@click.option("--hard", is_flag=True, help="Pull the RESET pin: bootloader, boot, all of it.")
@data_option
@json_option
def reset(device: str, data: Path, *, hard: bool, as_json: bool) -> Exit:
    """Restart the interpreter of DEVICE, as Ctrl-D at its prompt does."""
    return show(ask(data, "reset", device=device, hard=hard), as_json, f"{device} restarts")


@dev.command()
@click.argument("to", type=click.Choice(["cut", "on"]))
@click.argument("device")
@data_option
@json_option
def power(to: str, device: str, data: Path, *, as_json: bool) -> Exit:
    """Take the power from DEVICE, or give it back."""
    answer = ask(data, "power", device=device, to=to)
    return show(answer, as_json, f"{device} is off" if to == "cut" else f"{device} boots")


@dev.command()
@click.argument("to", type=click.Choice(["down", "up"]))
@click.argument("device")
@data_option
@json_option
def net(to: str, device: str, data: Path, *, as_json: bool) -> Exit:
    """Take the network from DEVICE, until it is given back."""
    answer = ask(data, "net", device=device, to=to)
    return show(answer, as_json, f"{device}: {answer['network']}")


@dev.command()
@click.argument("device")
@click.argument("millivolts", type=int, required=False)
@data_option
@json_option
def battery(device: str, millivolts: int | None, data: Path, *, as_json: bool) -> Exit:
    """Show the battery of DEVICE, or set it to MILLIVOLTS."""
    answer = ask(data, "battery", device=device, millivolts=millivolts)
    return show(answer, as_json, f"{answer['millivolts']} mV")


@dev.command()
@click.argument("device")
@click.option("--tcp", type=click.IntRange(0, 65535), default=0, help="This port.  [default: any free one]")
@click.option("--pty", is_flag=True, help="A pseudo-terminal instead, for programs that want a serial port.")
@data_option
def serve(device: str, tcp: int, data: Path, *, pty: bool) -> Exit:
    """Give the console of DEVICE to mpremote, Thonny or a serial terminal, until Ctrl-C."""
    from sim.serve.bridge import serve_pty, serve_tcp

    running = running_cloud(data)
    ask(data, "show", device=device)
    try:
        if pty:
            serve_pty(running, device, lambda path: click.echo(f"mpremote connect {path}"))
        else:
            serve_tcp(running, device, tcp, lambda port: click.echo(f"mpremote connect socket://127.0.0.1:{port}"))
    except KeyboardInterrupt:
        pass
    return Exit.PASSED


def _add(module: str, *names: str) -> None:
    for name in names:
        dev.add_command(getattr(import_module(module), name))


_add("sim.cli.dev_files", "cat", "cp", "rm", "mkdir")
_add("sim.cli.dev_flash", "flash")
_add("sim.cli.logs", "logs")
