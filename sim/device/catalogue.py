"""The models that there are: every variant of the files in `models/`, found by name, and the vendor's support table.

A file is checked as a whole when it is read: its partitions tile the flash, what it names exists, and what has to fit
fits. Each is read once in a process; all devices of a variant share its ModelSpec.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from sim.device.model import ApplySpec, FotaTraits, MiniSpec, ModelSpec, RadioSpec, Staging, TempSpec, Timings
from sim.device.model_file import FamilyFile, Method, PartFile, faults, package_bytes, read_file, sources
from sim.errors import SpecError
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, PartitionTable
from sim.shipped import models_dir


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A variant in brief."""

    row: int
    family: str
    variant: str
    title: str
    chip: str
    flash_bytes: int
    methods: tuple[Method, ...]
    category: str


@dataclass(frozen=True, slots=True)
class SupportRow:
    """One line of the vendor's support table, with the full method beside it, and what of it can be emulated."""

    row: int
    series: str
    methods: frozenset[Method]
    families: tuple[str, ...]
    variants: tuple[str, ...]


def load_model(name: str) -> ModelSpec:
    """The model of an orderable variant, e.g. `EG915U`; SpecError with the nearest name if there is none."""
    specs = _shipped()
    if name in specs:
        return specs[name]
    by_fold = {variant.upper(): variant for variant in specs}
    near = [by_fold[fold] for fold in get_close_matches(name.upper(), by_fold, n=1)]
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SpecError(f"there is no model {name!r}{hint}\nknown models: {', '.join(specs)}")


def known_models() -> list[ModelRow]:
    """All variants, by row of the support table and then as their file lists them."""
    return [_row(spec) for spec in sorted(_shipped().values(), key=lambda spec: spec.row)]


def support_table() -> list[SupportRow]:
    """The vendor's support table, in its order."""
    rows: dict[int, list[ModelSpec]] = {}
    for spec in sorted(_shipped().values(), key=lambda spec: spec.row):
        rows.setdefault(spec.row, []).append(spec)
    return [
        SupportRow(
            row=number,
            series=specs[0].series,
            methods=specs[0].methods,
            families=tuple(dict.fromkeys(spec.family for spec in specs)),
            variants=tuple(spec.variant for spec in specs),
        )
        for number, specs in rows.items()
    ]


def read_family(path: Path) -> dict[str, ModelSpec]:
    """Variant → model, from one family file; its flash part is looked up in `parts` beside it."""
    file = read_file(path, FamilyFile)
    part, part_sources = _read_part(path, file.part)
    partitions = [Partition(row.name, row.offset, row.size, row.use, row.source) for row in file.partitions]
    try:
        table = PartitionTable(partitions, part.size_bytes, part.sector_bytes)
    except SpecError as error:
        raise SpecError(f"{path}: partitions: {error}") from None
    told = [f"{path}: {fault}" for fault in faults(file, table, part.sector_bytes)]
    if told:
        raise SpecError("\n".join(told))
    known = {**sources(file), **{f"part.{key}": source for key, source in part_sources.items()}}
    return {variant: _spec(file, variant, part, table, known) for variant in file.variants.value}


@cache
def _shipped() -> dict[str, ModelSpec]:
    specs: dict[str, ModelSpec] = {}
    rows: dict[int, ModelSpec] = {}
    for path in sorted(models_dir().glob("*.yaml")):
        for variant, spec in read_family(path).items():
            if variant in specs:
                raise SpecError(f"{path}: variants: {variant} is in family {specs[variant].family} too")
            specs[variant] = spec
            first = rows.setdefault(spec.row, spec)
            if (spec.series, spec.methods) != (first.series, first.methods):
                raise SpecError(f"{path}: row {spec.row} has another series or other methods in family {first.family}")
    return specs


def _read_part(family: Path, name: str) -> tuple[FlashPart, dict[str, str]]:
    """The part called `name`, and where its figures come from."""
    path = family.parent / "parts" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        raise SpecError(f"{family}: part: there is no flash part {name!r}; known: {known}")
    file = read_file(path, PartFile)
    try:
        part = FlashPart(
            name=file.name,
            size_bytes=file.size.value,
            sector_bytes=file.sector.value,
            page_bytes=file.page.value,
            sector_erase_us=file.sector_erase.value,
            page_program_us=file.page_program.value,
            read_us_per_kib=file.read_per_kib.value,
            endurance_cycles=file.endurance_cycles.value,
        )
    except ValueError as error:
        raise SpecError(f"{path}: {error}") from None
    return part, sources(file)


def _spec(
    file: FamilyFile, variant: str, part: FlashPart, table: PartitionTable, known: Mapping[str, str]
) -> ModelSpec:
    staging, apply, mini = file.staging, file.apply, file.mini
    fota, timings, radio = file.fota, file.timings, file.radio
    lacks = tuple(name for name, variants in file.lacks.value.items() if variant in variants)
    return ModelSpec(
        variant=variant,
        family=file.family,
        title=file.title,
        row=file.row,
        series=file.series,
        chip=file.chip.value,
        generation=file.generation.value,
        part=part,
        partitions=table,
        file_systems=dict(file.file_systems.value),
        image_bytes={name: figure.value for name, figure in file.images.items()},
        staging=Staging(staging.partition, staging.journal.value, staging.scratch.value, package_bytes(file, table)),
        apply=ApplySpec(apply.kind.value, apply.block.value // part.sector_bytes),
        mini=MiniSpec(mini.image, mini.request, mini.url_limit_chars.value, mini.boot.value, mini.attach.value)
        if mini
        else None,
        temp=TempSpec(file.temp.partition, file.temp.builds.value) if file.temp else None,
        methods=frozenset(file.methods.value),
        packages={method: tuple(names) for method, names in file.packages.value.items()},
        has_power_down_reason=variant in file.power_down_reason.value,
        lacks=lacks,
        lacks_2021=(*lacks, *(file.lacks_2021.value if file.lacks_2021 else ())),
        power_key_press=file.power_key_press.value,
        secure_data=file.secure_data.value,
        fota=FotaTraits(
            fota.blocking.value,
            fota.reset_disable.value,
            fota.reset_delay.value,
            fota.url_limit_chars.value,
            fota.ftp.value,
            fota.own_apn.value,
            dict(fota.local.value),
        ),
        mqtt_state=file.mqtt_state.value,
        mqtt_ping_stack_bytes=file.mqtt_ping_stack.value,
        timings=Timings(timings.bootloader.value, timings.boot.value, timings.attach.value),
        radio=RadioSpec(radio.category.value, radio.rtt.value, radio.jitter.value, radio.down.value, radio.up.value),
        version_pattern=file.version_pattern.value.replace("{variant}", re.escape(variant)),
        sources=known,
    )


def _row(spec: ModelSpec) -> ModelRow:
    return ModelRow(
        row=spec.row,
        family=spec.family,
        variant=spec.variant,
        title=spec.title,
        chip=spec.chip,
        flash_bytes=spec.part.size_bytes,
        methods=tuple(sorted(spec.methods)),
        category=spec.radio.category,
    )
