"""`qpyota dev flash`: what is in the flash of a device, what it cost, and what has changed since the factory."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns
from sim.units import format_duration, format_size

ROW_BYTES = 16


@click.group()
def flash() -> None:
    """Look into the flash of a device. Nothing is changed, and the device does not notice."""


@flash.command()
@click.argument("device")
@data_option
@json_option
def info(device: str, data: Path, *, as_json: bool) -> Exit:
    """The part, and how much it has worked."""
    from sim.cli.dev import ask, show

    it = ask(data, "flash", device=device, to="info")
    text = (
        f"{it['part']}, {format_size(it['bytes'])} in sectors of {format_size(it['sector_bytes'])}\n"
        f"{it['operations']} erases and programs, {format_duration(it['busy_us'])} in all\n"
        f"the most erased sector: {it['most_erases']} of {it['endurance_cycles']} times"
    )
    return show(it, as_json, text)


@flash.command("map")
@click.argument("device")
@data_option
@json_option
def map_it(device: str, data: Path, *, as_json: bool) -> Exit:
    """Partitions, and how much of each is in use."""
    from sim.cli.dev import ask, show

    answer = ask(data, "flash", device=device, to="map")
    if not as_json:
        rows = [
            (it["name"], f"0x{it['offset']:06x}", format_size(it["bytes"]),
             f"{it['used_sectors']}/{it['sectors']}", str(it["most_erases"]), it["use"])
            for it in answer["partitions"]
        ]  # fmt: skip
        print_columns([("PARTITION", "OFFSET", "SIZE", "SECTORS USED", "MOST ERASES", "USE"), *rows])
    return show(answer, as_json, "")


@flash.command()
@click.argument("device")
@click.argument("at", metavar="PARTITION|ADDRESS")
@click.argument("size", metavar="BYTES", type=int, required=False)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Into a file, as it is.")
@data_option
@json_option
def read(device: str, at: str, size: int | None, data: Path, *, output: Path | None, as_json: bool) -> Exit:
    """Show BYTES (a sector, unless told otherwise) from PARTITION, PARTITION+0x10 or an address on."""
    from sim.cli.dev import ask, show
    from sim.cli.sources import write_bytes

    answer = ask(data, "flash", device=device, to="read", at=at, bytes=size)
    content = base64.b64decode(answer["data"])
    if output is not None:
        write_bytes(output, content)
        facts = {"offset": answer["offset"], "bytes": len(content), "file": str(output)}
        return show(facts, as_json, f"{len(content)} bytes from 0x{answer['offset']:06x} in {output}")
    facts = {"offset": answer["offset"], "bytes": len(content), "base64": answer["data"]}
    return show(facts, as_json, "\n".join(dump(answer["offset"], content)))


@flash.command()
@click.argument("device")
@data_option
@json_option
def diff(device: str, data: Path, *, as_json: bool) -> Exit:
    """Sectors that are no longer as the factory made them."""
    from sim.cli.dev import ask, show

    answer = ask(data, "flash", device=device, to="diff")
    if not as_json and answer["partitions"]:
        rows = [(it["name"], str(len(it["sectors"])), _spans(it["sectors"])) for it in answer["partitions"]]
        print_columns([("PARTITION", "CHANGED", "SECTORS"), *rows])
    return show(answer, as_json, "" if answer["partitions"] else "nothing has changed")


def dump(offset: int, content: bytes) -> Iterator[str]:
    """Rows of 16 bytes: address, hexadecimal, text; equal rows after another are one `*`, as `xxd -a` has it."""
    before = b""
    for at in range(0, len(content), ROW_BYTES):
        row = content[at : at + ROW_BYTES]
        if row == before and at + ROW_BYTES < len(content):
            if content[at - 2 * ROW_BYTES : at - ROW_BYTES] != row or at == ROW_BYTES:
                yield "*"
            continue
        before = row
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{offset + at:06x}  {row.hex(' '):<47}  {text}"


def _spans(numbers: Iterable[int]) -> str:
    """7, 9-12."""
    ordered = sorted(numbers)
    breaks = [0, *(at for at, (one, two) in enumerate(pairwise(ordered), 1) if two != one + 1), len(ordered)]
    spans = [(ordered[start], ordered[end - 1]) for start, end in pairwise(breaks)]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
