"""The dashboard's options, and what `qpyota run --ui` does with them. Nothing of the dashboard is imported before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.cli.exits import Exit
from sim.errors import MachineError, QpyotaError

if TYPE_CHECKING:
    from contextlib import ExitStack

    from sim.film.camera import Camera
    from sim.film.entries import Block
    from sim.ui.theatre import Place

LOOPBACK = "127.0.0.1"
OURS = frozenset({"ui", "ui_port", "host", "token", "film_fd"})
"""Options of the dashboard, which a take is not told."""
LEAVES_FILES = frozenset({"store", "keep", "record", "report", "trace", "follow", "port", "speed", "film"})
"""Options that a branch is not told besides: it writes nothing, and runs as fast as it can."""

F = TypeVar("F", bound=Callable[..., Any])


def ui_options(command: F) -> F:
    """--ui-port, --host and --token."""
    for option in (
        click.option("--token", default="", envvar="QPYOTA_UI_TOKEN", help="In its URL.  [default: a new one]"),
        click.option("--host", default=LOOPBACK, show_default=True, help="Address of the dashboard."),
        click.option("--ui-port", type=click.IntRange(0, 65535), help="Its port.  [default: a free one from 7880 on]"),
    ):
        command = option(command)
    return command


def place_of(values: dict[str, Any]) -> Place:
    """Where the dashboard listens. UsageError for what would open it to strangers."""
    from sim.ui.theatre import Place

    host, token = values["host"], values["token"]
    if not _is_loopback(host) and not token:
        raise click.UsageError(
            f"--host {host} lets other machines in, so it needs --token TEXT (or QPYOTA_UI_TOKEN), which they must know"
        )
    return Place(host, values["ui_port"], token)


def play_run(context: click.Context, *, as_json: bool) -> Exit:
    """`qpyota run --ui`: these very words in a process of its own, with the dashboard around it."""
    from sim.ui.stage import Script
    from sim.ui.theatre import play

    place = place_of(context.params)
    again = list(words_of(context, LEAVES_FILES))
    if context.params["transport"] == "paced":
        again += ["--transport", "virtual"]
    script = Script(list(words_of(context)), again)
    code = play(script, place, lambda text: click.echo(text, err=as_json))
    return Exit(code) if code in list(Exit) else Exit.INTERNAL


def words_of(context: click.Context, without: frozenset[str] = frozenset()) -> Iterator[str]:
    """The command line that leads to these values, without the dashboard's own options and those named."""
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in OURS | without or value is None or value == parameter.get_default(context):
            continue
        if isinstance(parameter, click.Argument):
            yield str(value)
        elif isinstance(parameter, click.Option):
            yield from _option(parameter, value)


@dataclass(frozen=True, slots=True)
class Film:
    """What of a run is filmed, and where to: a `file`, and a descriptor that was handed down."""

    descriptor: int | None
    file: Path | None
    injections: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    @property
    def wanted(self) -> bool:
        """An injection needs a camera, which counts the entries."""
        return self.descriptor is not None or self.file is not None or bool(self.injections)

    def camera(self, stack: ExitStack) -> Camera:
        """What ends the run before its end is told in the film, too."""
        from sim.film.camera import Camera, Framing
        from sim.film.entries import FAILURE, pack_json
        from sim.film.injections import Injections, parse_injection

        sinks = [] if self.descriptor is None else [_sink(self.descriptor)]
        if self.file is not None:
            sinks.append(_keeper(self.file, stack))

        def sink(block: Block) -> None:
            for one in sinks:
                one(block)

        def failed(_kind: object, error: BaseException | None, _traceback: object) -> None:
            if isinstance(error, QpyotaError):
                sink(pack_json(FAILURE, {"message": str(error)}))
            elif isinstance(error, KeyboardInterrupt):
                sink(pack_json(FAILURE, {"message": "the run was interrupted"}))

        stack.push(failed)
        log = Injections([parse_injection(text) for text in self.injections]) if self.injections else None
        return Camera(sink, Framing(self.devices, injections=log))


def _keeper(path: Path, stack: ExitStack) -> Callable[[Block], None]:
    """Keep a film in a file, written at the end, whatever that is."""
    from sim.film.bundle import Bundled, save_bundle
    from sim.film.film import Film as Reel

    reel = Reel()

    def save() -> None:
        if reel.head:
            save_bundle(path, {1: Bundled(reel)})

    stack.callback(save)
    return reel.add


def _sink(descriptor: int) -> Callable[[Block], None]:
    try:
        pipe = os.fdopen(descriptor, "wb")
    except OSError as error:
        raise MachineError(f"--film-fd {descriptor} cannot be written: {error.strerror}") from None

    def sink(block: Block) -> None:
        try:
            pipe.write(block.packed())
            pipe.flush()
        except OSError:
            raise MachineError("the dashboard has gone, and its run with it") from None

    return sink


def _option(option: click.Option, value: Any) -> Iterator[str]:
    if option.is_flag:
        yield (option.opts if value else option.secondary_opts)[0]
        return
    for one in value if option.multiple else [value]:
        yield from (option.opts[0], str(one))


def _is_loopback(host: str) -> bool:
    import ipaddress  # takes longer than all else here

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
