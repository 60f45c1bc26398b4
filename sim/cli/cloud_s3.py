"""`qpyota cloud s3`: the files of the cloud, for those who have no AWS CLI at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import click

from sim.cli.data import data_option, running_cloud
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.errors import MachineError, SpecError

if TYPE_CHECKING:
    from sim.serve.cloud_client import CloudClient

_URL = re.compile(r"s3://(?P<bucket>[^/]+)(?:/(?P<key>.*))?", re.DOTALL)
_XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@click.group()
def s3() -> None:
    """Buckets and objects; URL is s3://BUCKET/KEY."""


@s3.command()
@click.argument("url", required=False)
@data_option
@json_option
def ls(url: str | None, data: Path, as_json: bool) -> Exit:
    """List the buckets, or the objects whose name begins like URL."""
    client = _client(data)
    if url is None:
        names = [row.findtext(f"{_XML}Name") or "" for row in _xml(client.s3("GET", "/")).iter(f"{_XML}Bucket")]
        if as_json:
            print_json({"buckets": names})
        else:
            print_columns([("BUCKET",), *((name,) for name in names)])
        return Exit.PASSED
    bucket, prefix = _place(url)
    rows = list(_objects(client, bucket, prefix))
    if as_json:
        print_json({"objects": [{"key": key, "size_bytes": size} for key, size in rows]})
    else:
        print_columns([("BYTES", "OBJECT"), *((str(size), f"s3://{bucket}/{key}") for key, size in rows)])
    return Exit.PASSED


@s3.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("url")
@data_option
def put(file: Path, url: str, data: Path) -> Exit:
    """Store FILE as URL; a URL that ends with / takes the file's name. A bucket that is not there is made."""
    from sim.serve.cloud_client import CloudError

    bucket, key = _place(url)
    key = f"{key}{file.name}" if not key or key.endswith("/") else key
    client, body = _client(data), file.read_bytes()
    try:
        client.s3("PUT", f"/{bucket}/{key}", body)
    except CloudError as refusal:
        if refusal.name != "NoSuchBucket":
            raise
        client.s3("PUT", f"/{bucket}")
        client.s3("PUT", f"/{bucket}/{key}", body)
    click.echo(f"s3://{bucket}/{key}: {len(body)} bytes")
    return Exit.PASSED


@s3.command()
@click.argument("url")
@click.argument("file", type=click.Path(path_type=Path), default=".")
@data_option
def get(url: str, file: Path, data: Path) -> Exit:
    """Fetch URL into FILE, or into that folder under the object's own name."""
    bucket, key = _place(url)
    if not key:
        raise SpecError(f"{url} names a bucket; give an object as s3://BUCKET/KEY")
    body = _client(data).s3("GET", f"/{bucket}/{key}")
    target = file / key.rpartition("/")[2] if file.is_dir() else file
    try:
        target.write_bytes(body)
    except OSError as error:
        raise MachineError(f"{target} cannot be written: {error.strerror}") from None
    click.echo(f"{target}: {len(body)} bytes")
    return Exit.PASSED


def _objects(client: CloudClient, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    query = {"list-type": "2", "prefix": prefix}
    while True:
        page = _xml(client.s3("GET", f"/{bucket}", query=query))
        for row in page.iter(f"{_XML}Contents"):
            yield row.findtext(f"{_XML}Key") or "", int(row.findtext(f"{_XML}Size") or 0)
        token = page.findtext(f"{_XML}NextContinuationToken")
        if not token:
            return
        query["continuation-token"] = token


def _place(url: str) -> tuple[str, str]:
    match = _URL.fullmatch(url)
    if match is None:
        raise SpecError(f"{url!r} is no address of an object; write s3://BUCKET/KEY")
    return match["bucket"], match["key"] or ""


def _xml(text: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def _client(data: Path) -> CloudClient:
    from sim.serve.cloud_client import CloudClient

    return CloudClient(running_cloud(data))
