"""`qpyota cloud`: look into a cloud that runs, and give devices of one's own a certificate of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.cloud_s3 import s3
from sim.cli.data import data_option, running_cloud
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.errors import MachineError, SpecError

if TYPE_CHECKING:
    from sim.serve.cloud_client import CloudClient


@click.group()
def cloud() -> None:
    """Things, certificates and files of the cloud that `qpyota up` runs."""


cloud.add_command(s3)


@cloud.command()
@data_option
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
def ca(data: Path, output: Path | None) -> Exit:
    """Print the certificate of the cloud's authority, for whoever verifies its servers."""
    text = _ca_text(data)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
        click.echo(f"{output}: the authority of {data}")
    return Exit.PASSED


@cloud.command()
@click.argument("thing")
@data_option
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=".", show_default=True,
    help="Folder for the files.",
)  # fmt: skip
@click.option(
    "--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policy document (JSON) of the certificate.  [default: qpyota-device]",
)  # fmt: skip
@json_option
def issue(thing: str, data: Path, output: Path, policy: Path | None, as_json: bool) -> Exit:
    """Make THING a key, and register an active certificate that belongs to it.

    Writes THING.cert.pem, THING.key.pem (for its owner alone) and ca.pem. The key never leaves this process but for its
    file.
    """
    from sim.cli.cloud_issue import check_free, enrol, save
    from sim.jobs.topics import THING_NAME
    from sim.serve.cloud_client import CloudClient

    if not THING_NAME.fullmatch(thing):
        raise SpecError(f"{thing[:140]!r} is no thing name: 1 to 128 of a-z A-Z 0-9 : _ - are allowed")
    document = None if policy is None else policy.read_text(encoding="utf-8")
    files = check_free(thing, output)
    running = running_cloud(data)
    made = enrol(CloudClient(running), thing, document)
    save(files, made, _ca_text(data))
    if as_json:
        facts = {"thing": thing, "certificateArn": made.arn, "policy": made.policy}
        print_json({**facts, "files": [str(path) for path in (files.certificate, files.key, files.ca)]})
    else:
        click.echo(f"{files.certificate}, {files.key}, {files.ca}: {thing} with policy {made.policy}")
        click.echo(f"connect with client id {thing} to {running.host}, port {running.mqtt_port}")
    return Exit.PASSED


def _list(name: str, text: str, columns: dict[str, str], **page: str) -> None:
    """Add a command that lists something; `columns`: heading → member of a row."""

    @cloud.command(name, help=text)
    @data_option
    @json_option
    def show(data: Path, as_json: bool) -> Exit:
        rows = list(_client(data).rows(**page))
        if as_json:
            print_json({page["member"]: rows})
        else:
            print_columns([tuple(columns), *(tuple(_cell(row.get(it)) for it in columns.values()) for row in rows)])
        return Exit.PASSED


_TOKENS = {"size": "maxResults", "token": "nextToken", "answered": "nextToken"}
_MARKERS = {"size": "pageSize", "token": "marker", "answered": "nextMarker"}

_list(
    "things",
    "List the things.",
    {"THING": "thingName", "TYPE": "thingTypeName", "VERSION": "version", "ATTRIBUTES": "attributes"},
    path="/things",
    member="things",
    **_TOKENS,
)
_list(
    "groups",
    "List the thing groups.",
    {"GROUP": "groupName", "ARN": "groupArn"},
    path="/thing-groups",
    member="thingGroups",
    **_TOKENS,
)
_list(
    "certs",
    "List the certificates.",
    {"CERTIFICATE": "certificateId", "STATUS": "status"},
    path="/certificates",
    member="certificates",
    **_MARKERS,
)
_list(
    "policies",
    "List the policies.",
    {"POLICY": "policyName", "ARN": "policyArn"},
    path="/policies",
    member="policies",
    **_MARKERS,
)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={it}" for name, it in value.items())
    return "" if value is None else str(value)


def _client(data: Path) -> CloudClient:
    from sim.serve.cloud_client import CloudClient

    return CloudClient(running_cloud(data))


def _ca_text(data: Path) -> str:
    from sim.serve.data_dir import DataDir

    try:
        return DataDir(data).ca_file.read_text(encoding="ascii")
    except OSError:
        raise MachineError(f"{data} holds no cloud yet; make one with: qpyota up -d --data {data}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}") from None
