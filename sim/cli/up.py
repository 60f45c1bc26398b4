"""`qpyota up`: serve the cloud, and a scenario's devices with it, until somebody ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.serve.options import LOOPBACK, MQTT_PORT, REST_PORT, TLS_PORT, UpOptions

if TYPE_CHECKING:
    from sim.serve.data_dir import Running

_PORT = click.IntRange(0, 65535)


@click.command()
@click.argument("scenario", required=False)
@data_option
@click.option("--listen", default=LOOPBACK, show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", type=_PORT, default=REST_PORT, show_default=True, help="REST; 0 for any free port, here and below."
)
@click.option("--tls-port", type=_PORT, default=TLS_PORT, show_default=True, help="REST over TLS.")
@click.option("--mqtt-port", type=_PORT, default=MQTT_PORT, show_default=True, help="MQTT over TLS.")
@click.option("--plain-mqtt-port", type=_PORT, help="MQTT without TLS.  [default: none]")
@click.option("--metrics-port", type=_PORT, help="Metrics for Prometheus, for whoever asks.  [default: none]")
@click.option("--token", default="", envvar="QPYOTA_TOKEN", help="Makes the operator's key a secret one.")
@click.option(
    "--users", type=click.Path(path_type=Path), help="File of users who come with a password in place of a certificate."
)
@click.option("--limits", type=click.Choice(["aws", "relaxed"]), help="Quotas and rates of all services.")
@click.option("--urls", type=click.Choice(["aws", "local"]), help="Names in presigned URLs of job documents.")
@click.option(
    "--speed", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Times the clock."
)
@click.option("--fsync", "synced", is_flag=True, help="Survive also the end of the machine; slower.")
@click.option("--ui", is_flag=True, help="Show it in a browser; qpyota open does so later.")
@click.option("--ui-port", type=_PORT, help="Port of the dashboard.  [default: a free one from 7880 on]")
@click.option("-d", "--detach", is_flag=True, help="In the background; returns when the cloud answers.")
def up(*, detach: bool, ui: bool, ui_port: int | None, **values: Any) -> Exit:
    """Serve the cloud and the devices of SCENARIO, if one is given. Ctrl-C or `qpyota down` ends it.

    Everything is kept in the data directory, and the next `up` goes on from there, however this one ended.
    """
    options = UpOptions(**values)
    options.check()
    if detach and ui:
        raise click.UsageError("--ui shows a cloud in the foreground; with --detach, use qpyota open afterwards")
    return _in_background(options) if detach else _here(options, ["--ui-port", str(ui_port)] if ui_port else [], ui=ui)


def _here(options: UpOptions, words: list[str], *, ui: bool) -> Exit:
    from sim.serve.site import Site

    site = Site(options)
    try:
        show(site.open())
        click.echo("Ctrl-C or qpyota down ends it; the data directory keeps everything")
        with _dashboard(options, words) if ui else nullcontext():
            site.run()
    finally:
        site.close()
    return Exit.PASSED


@contextmanager
def _dashboard(options: UpOptions, words: list[str]) -> Iterator[None]:
    """A process of its own, which prints its URL and ends with this."""
    import subprocess
    import sys

    command = [sys.executable, "-c", "from sim.cli.main import main; main()"]
    sys.stdout.flush()
    process = subprocess.Popen([*command, "open", "--data", str(options.data), *words], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _in_background(options: UpOptions) -> Exit:
    from sim.serve.daemon import detach
    from sim.serve.data_dir import DataDir

    outcome = detach(_words(options), {"QPYOTA_TOKEN": options.token}, DataDir(options.data))
    if isinstance(outcome, int):
        return Exit(outcome) if outcome in list(Exit) else Exit.INTERNAL
    show(outcome)
    return Exit.PASSED


def _words(options: UpOptions) -> list[str]:
    """The command line of these options. The token is not among them: everybody can read command lines."""
    words = ["up", *([options.scenario] if options.scenario else []), "--data", str(options.data)]
    for name in (
        "listen",
        "port",
        "tls_port",
        "mqtt_port",
        "plain_mqtt_port",
        "metrics_port",
        "limits",
        "urls",
        "speed",
        "users",
    ):
        value = getattr(options, name)
        if value is not None:
            words += ["--" + name.replace("_", "-"), str(value)]
    return [*words, *(["--fsync"] if options.synced else [])]


def show(running: Running) -> None:
    """Where the cloud is, for people."""
    click.echo(f"REST   {running.rest_url}   {running.tls_url}")
    plain = f"   plain on {running.plain_mqtt_port}" if running.plain_mqtt_port else ""
    click.echo(f"MQTT   {running.host}:{running.mqtt_port} with TLS{plain}")
    if running.metrics_url:
        click.echo(f"metrics {running.metrics_url}")
    for line, address in running.serial.items():
        click.echo(f"serial {line}: {address}")
