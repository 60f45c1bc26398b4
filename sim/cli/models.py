"""`qpyota models`: the support table, and one model's flash as a map, with where each figure comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_columns, print_json
from sim.units import format_duration, format_size

if TYPE_CHECKING:
    from sim.device.catalogue import SupportRow
    from sim.device.model import ModelSpec
    from sim.flash.partition import Partition

MAP_COLUMNS = 32
EMPTY_VOLUME_SECTORS = 2  # the root directory of a littlefs volume
TABLE_METHODS = ("differential", "minimal", "full")  # the vendor's columns first


@click.command()
@click.argument("show", required=False)
@json_option
def models(show: str | None, as_json: bool) -> Exit:
    """List the known models, or SHOW one of them or of a family, with the map of its flash."""
    from sim.device.catalogue import known_models, load_model, support_table

    rows = known_models()
    if show is None:
        if as_json:
            print_json({"table": list(map(_row_facts, support_table())), "models": [asdict(row) for row in rows]})
        else:
            _print_table(support_table())
        return Exit.PASSED
    first_of_family = {row.family: row.variant for row in reversed(rows)}
    spec = load_model(first_of_family.get(show, show))
    if as_json:
        print_json(_facts(spec))
    else:
        _print_model(spec, [row.variant for row in rows if row.family == spec.family])
    return Exit.PASSED


def _row_facts(row: SupportRow) -> dict[str, Any]:
    return asdict(row) | {"methods": sorted(row.methods)}


def _print_table(rows: Iterable[SupportRow]) -> None:
    table = [("SERIES", *(method.upper() for method in TABLE_METHODS), "MODELS")]
    for row in rows:
        supported = ("Supported" if method in row.methods else "Not Supported" for method in TABLE_METHODS)
        table.append((row.series, *supported, ", ".join(row.variants)))
    print_columns(table)
    click.echo("\n`qpyota models MODEL` draws the flash of one.")


def _facts(spec: ModelSpec) -> dict[str, Any]:
    facts = asdict(spec) | {"methods": sorted(spec.methods), "flash": asdict(spec.part), "images": spec.image_bytes}
    partitions = [
        asdict(partition) | {"free_bytes": _free_bytes(spec, partition), "estimate": _is_estimate(partition.source)}
        for partition in spec.partitions
    ]
    return {key: value for key, value in facts.items() if key not in ("part", "image_bytes")} | {
        "partitions": partitions
    }


def _print_model(spec: ModelSpec, siblings: list[str]) -> None:
    """Figures that are estimates carry a `~`."""
    part, radio, timings = spec.part, spec.radio, spec.timings
    click.echo(f"{spec.variant}: {spec.title}, {spec.chip}")
    others = ", ".join(name for name in siblings if name != spec.variant)
    times = f"erase {part.sector_erase_us / 1000:g} ms, program {part.page_program_us / 1000:g} ms"
    rates = f"{format_size(radio.down_bytes_per_s)}/s down, {format_size(radio.up_bytes_per_s)}/s up"
    boot = format_duration(timings.bootloader_us + timings.boot_us)
    figures = [
        ("family", f"{spec.family}, row {spec.row} of the support table" + (f"; also {others}" * bool(others)), ()),
        ("upgrades", "; ".join(f"{m} ({' + '.join(spec.packages[m])})" for m in sorted(spec.methods)), ()),
        ("applied", f"{spec.apply.kind.replace('_', ' ')}, in blocks of {_block(spec)}", ("apply.kind", "apply.block")),
        ("urls", _url_limits(spec), ("fota.url_limit_chars",)),
        ("download", _download(spec), ("fota.blocking",)),
        ("flash", f"{part.name}, {format_size(part.size_bytes)}; {times}", ("part.sector_erase", "part.page_program")),
        ("radio", f"{radio.category}, {rates}, round trip {radio.rtt_us / 1000:g} ms", ("radio.rtt", "radio.down")),
        ("boot", f"{boot} to a script, {format_duration(timings.attach_us)} to attach", ("timings.boot",)),
        ("versions", spec.version_pattern, ("version_pattern",)),
    ]
    for name, text, keys in figures:
        estimate = any(_is_estimate(spec.sources[key]) for key in keys)
        click.echo(f"{name:9} {'~' if estimate else ' '} {text}")
    click.echo("")
    _print_map(spec)


def _block(spec: ModelSpec) -> str:
    return format_size(spec.apply.block_sectors * spec.part.sector_bytes)


def _url_limits(spec: ModelSpec) -> str:
    limit = spec.fota.url_limit_chars
    usual = "any length" if limit is None else f"{limit} characters at most"
    return usual + (f", {spec.mini.url_limit_chars} in a minimal upgrade" if spec.mini and limit is None else "")


def _download(spec: ModelSpec) -> str:
    waits = "waits until the package is verified" if spec.fota.blocking else "returns at once"
    reset = "can be turned off" if spec.fota.reset_disable else "cannot be turned off"
    return f"httpDownload {waits}; the reset after it {reset}"


def _print_map(spec: ModelSpec) -> None:
    notes: dict[str, int] = {}
    rows = [("OFFSET", "SIZE", "PARTITION", "MAP".ljust(MAP_COLUMNS), "FREE", "SOURCE", "USE")]
    for partition in spec.partitions:
        note = notes.setdefault(partition.source, len(notes) + 1)
        free_bytes = _free_bytes(spec, partition)
        rows.append(
            (
                f"0x{partition.offset:06x}",
                _exact(partition.size_bytes),
                partition.name,
                _bar(partition, spec.part.size_bytes),
                "" if free_bytes is None else _exact(free_bytes),
                f"{'~' if _is_estimate(partition.source) else ' '}[{note}]",
                _use(spec, partition),
            )
        )
    print_columns(rows)
    staging = spec.staging
    kept = f"journal {format_size(staging.journal_bytes)}, scratch {format_size(staging.scratch_bytes)}"
    click.echo(f"\nFREE: room beside an image, in an empty volume, and for a package in {staging.partition} ({kept}).")
    click.echo("~ is an estimate; `--json` has the source of every figure. Sources of the map:\n")
    for source, note in notes.items():
        click.echo(f"[{note}] {source}")


def _bar(partition: Partition, flash_bytes: int) -> str:
    """Where in the flash it lies; at least one column wide."""
    start = partition.offset * MAP_COLUMNS // flash_bytes
    end = max(start + 1, -(-partition.end * MAP_COLUMNS // flash_bytes))
    return "·" * start + "█" * (end - start) + "·" * (MAP_COLUMNS - end)


def _use(spec: ModelSpec, partition: Partition) -> str:
    image_bytes = spec.image_bytes.get(partition.name)
    if image_bytes is None:
        return partition.use
    return f"{partition.use}; synthetic image of {_exact(image_bytes)}"


def _exact(size_bytes: int) -> str:
    """Whole MiB, else KiB: sizes in a map must add up."""
    return format_size(size_bytes) if size_bytes % 1024**2 == 0 else f"{size_bytes // 1024} KiB"


def _free_bytes(spec: ModelSpec, partition: Partition) -> int | None:
    """Room that an upgrade or a script may use; None where neither does."""
    if partition.name in spec.image_bytes:
        return partition.size_bytes - spec.image_bytes[partition.name]
    if partition.name in spec.file_systems.values():
        return partition.size_bytes - EMPTY_VOLUME_SECTORS * spec.part.sector_bytes
    return spec.staging.package_bytes if partition.name == spec.staging.partition else None


def _is_estimate(source: str) -> bool:
    return source.startswith("ESTIMATE")
