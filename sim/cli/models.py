"""`qpyota models`: what can be emulated, and with which figures."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.units import format_duration, format_size

if TYPE_CHECKING:
    from sim.device.model import ModelSpec


@click.command()
@click.argument("show", required=False)
@json_option
def models(show: str | None, as_json: bool) -> Exit:
    """List the known models, or SHOW one of them."""
    from sim.device.model import known_models, load_model

    if show is None:
        rows = known_models()
        if as_json:
            print_json({"models": [asdict(row) for row in rows]})
        else:
            head = ("MODEL", "FAMILY", "CHIP", "FLASH", "UPGRADES", "PACKAGE")
            print_columns(
                [
                    head,
                    *(
                        (
                            r.variant,
                            r.family,
                            r.chip,
                            format_size(r.flash_bytes),
                            ", ".join(r.methods),
                            r.package_suffix,
                        )
                        for r in rows
                    ),
                ]
            )
        return Exit.PASSED
    spec = load_model(show)
    if as_json:
        print_json(_facts(spec))
    else:
        _print_model(spec)
    return Exit.PASSED


def _facts(spec: ModelSpec) -> dict[str, Any]:
    return {
        "variant": spec.variant,
        "family": spec.family,
        "title": spec.title,
        "chip": spec.chip,
        "methods": sorted(spec.methods),
        "package_suffix": spec.package_suffix,
        "version_pattern": spec.version_pattern,
        "flash": asdict(spec.part),
        "partitions": [asdict(partition) for partition in spec.partitions],
        "images": dict(spec.image_bytes),
        "file_systems": dict(spec.file_systems),
        "staging": asdict(spec.staging),
        "timings": asdict(spec.timings),
        "radio": asdict(spec.radio),
    }


def _print_model(spec: ModelSpec) -> None:
    part, radio, timings = spec.part, spec.radio, spec.timings
    click.echo(f"{spec.variant}: {spec.title}, {spec.chip}")
    click.echo(f"upgrades   {', '.join(sorted(spec.methods))}; packages are {spec.package_suffix}")
    click.echo(f"versions   {spec.version_pattern}")
    times = f"erase {part.sector_erase_us / 1000:g} ms, program {part.page_program_us / 1000:g} ms"
    click.echo(f"flash      {part.name}, {format_size(part.size_bytes)}; {times}")
    rates = f"{format_size(radio.down_bytes_per_s)}/s down, {format_size(radio.up_bytes_per_s)}/s up"
    click.echo(f"radio      {radio.category}, {rates}, round trip {radio.rtt_us / 1000:g} ms")
    boot = format_duration(timings.bootloader_us + timings.boot_us)
    click.echo(f"boot       {boot} to the first line of a script, {format_duration(timings.attach_us)} to attach")
    click.echo("")
    mounts = {partition: point for point, partition in spec.file_systems.items()}
    rows = [("PARTITION", "OFFSET", "SIZE", "USE")]
    for partition in spec.partitions:
        use = mounts.get(partition.name, "") or ("image" if partition.name in spec.images else partition.use)
        rows.append((partition.name, f"0x{partition.offset:06x}", format_size(partition.size_bytes), use))
    print_columns(rows)
