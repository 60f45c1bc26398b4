"""The model of a device: everything that differs between module families, as plain values from `models/`.

Nothing in the code may ask for a family's name; it asks the ModelSpec for a figure. A ModelSpec is checked as a
whole when it is read: its partitions tile the flash, what it names exists, and what has to fit fits. All devices
of a variant share one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from sim.boot.bootloader import BootLayout
from sim.device.model_file import FamilyFile, Method, PartFile, read_file
from sim.errors import SpecError
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, PartitionTable, Region
from sim.shipped import models_dir

MIN_JOURNAL_SECTORS = 2  # one is whole while the other is erased


@dataclass(frozen=True, slots=True)
class FotaTraits:
    """How `fota` behaves in scripts. `blocking`: httpDownload returns when all is done; `reset_disable` is honoured;
    `reset_delay_us` from success to the reset; `url_limit_chars` None for no limit."""

    blocking: bool
    reset_disable: bool
    reset_delay_us: int
    url_limit_chars: int | None


@dataclass(frozen=True, slots=True)
class RadioSpec:
    """The link in good conditions: round trip, its jitter (added, 0 to this), and rates that applications reach."""

    category: str
    rtt_us: int
    jitter_us: int
    down_bytes_per_s: int
    up_bytes_per_s: int


@dataclass(frozen=True, slots=True)
class Timings:
    """`bootloader_us` start to boot decision; `boot_us` from there to the script's first line; `attach_us` to a data
    call."""

    bootloader_us: int
    boot_us: int
    attach_us: int


@dataclass(frozen=True, slots=True)
class Staging:
    """Where an update is kept until it is applied: journal, scratch and package area, in this order, in `partition`."""

    partition: str
    journal_bytes: int
    scratch_bytes: int
    package_bytes: int


@dataclass(frozen=True, slots=True)
class Regions:
    """The windows of one device's flash: what the bootloader may touch, and mount point → volume."""

    boot_layout: BootLayout
    volumes: Mapping[str, Region]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One orderable variant. `file_systems`: mount point → partition; `image_bytes`: image partition → size of the
    synthetic image; `version_pattern`: what a whole version string of this variant matches."""

    variant: str
    family: str
    title: str
    row: int
    chip: str
    generation: str
    part: FlashPart
    partitions: PartitionTable
    file_systems: Mapping[str, str]
    image_bytes: Mapping[str, int]
    staging: Staging
    methods: frozenset[Method]
    package_suffix: str
    fota: FotaTraits
    timings: Timings
    radio: RadioSpec
    version_pattern: str

    @property
    def images(self) -> tuple[str, ...]:
        """Partitions that hold firmware images and are upgraded, in order."""
        return tuple(self.image_bytes)

    @property
    def image_places(self) -> dict[str, tuple[int, int]]:
        """Image partition → (offset, size in bytes), as the package maker wants it."""
        places = {name: self.partitions[name] for name in self.images}
        return {name: (place.offset, place.size_bytes) for name, place in places.items()}

    def owns_version(self, version: str) -> bool:
        """Whether this version string is one of this variant's firmware."""
        return re.fullmatch(self.version_pattern, version) is not None

    def regions(self, nor: Nor) -> Regions:
        """The windows onto a flash of this model's part."""
        staged = Region(nor, self.partitions[self.staging.partition])
        journal, scratch = self.staging.journal_bytes, self.staging.scratch_bytes
        layout = BootLayout(
            family=self.family,
            images={name: Region(nor, self.partitions[name]) for name in self.images},
            journal=staged.sub(0, journal),
            scratch=staged.sub(journal, scratch),
            package=staged.sub(journal + scratch, self.staging.package_bytes),
        )
        volumes = {point: Region(nor, self.partitions[name]) for point, name in self.file_systems.items()}
        return Regions(layout, volumes)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One line of `qpyota models`."""

    row: int
    family: str
    variant: str
    title: str
    chip: str
    flash_bytes: int
    methods: tuple[Method, ...]
    package_suffix: str
    category: str


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


def read_family(path: Path) -> dict[str, ModelSpec]:
    """Variant → model, from one family file; its flash part is looked up in `parts` beside it."""
    file = read_file(path, FamilyFile)
    part = _read_part(path, file.part)
    partitions = [Partition(row.name, row.offset, row.size, row.use, row.source) for row in file.partitions]
    try:
        table = PartitionTable(partitions, part.size_bytes, part.sector_bytes)
    except SpecError as error:
        raise SpecError(f"{path}: partitions: {error}") from None
    faults = [f"{path}: {fault}" for fault in _faults(file, table, part.sector_bytes)]
    if faults:
        raise SpecError("\n".join(faults))
    return {variant: _spec(file, variant, part, table) for variant in file.variants.value}


@cache
def _shipped() -> dict[str, ModelSpec]:
    specs: dict[str, ModelSpec] = {}
    for path in sorted(models_dir().glob("*.yaml")):
        for variant, spec in read_family(path).items():
            if variant in specs:
                raise SpecError(f"{path}: variants: {variant} is in family {specs[variant].family} too")
            specs[variant] = spec
    return specs


def _read_part(family: Path, name: str) -> FlashPart:
    path = family.parent / "parts" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        raise SpecError(f"{family}: part: there is no flash part {name!r}; known: {known}")
    file = read_file(path, PartFile)
    try:
        return FlashPart(
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


def _faults(file: FamilyFile, table: PartitionTable, sector_bytes: int) -> Iterator[str]:
    """What is wrong between the keys of a family file, each with the key."""
    staging = file.staging
    users = [(f"images.{name}", name) for name in file.images]
    users += [(f"file_systems.{point}", name) for point, name in file.file_systems.value.items()]
    users += [("staging.partition", staging.partition)]
    taken: dict[str, str] = {}
    for key, name in users:
        if name not in table:
            yield f"{key}: there is no partition {name!r}"
        elif name in taken:
            yield f"{key}: partition {name} is already that of {taken[name]}"
        taken[name] = key
    for name, figure in file.images.items():
        if name in table and figure.value > table[name].size_bytes:
            yield f"images.{name}: {figure.value} bytes do not fit partition {name} ({table[name].size_bytes})"
    for key, size, least in (
        ("journal", staging.journal.value, MIN_JOURNAL_SECTORS * sector_bytes),
        ("scratch", staging.scratch.value, sector_bytes),
    ):
        if size < least or size % sector_bytes:
            yield f"staging.{key}: must be whole sectors of {sector_bytes} bytes, {least} bytes or more"
    if staging.partition in table and _package_bytes(file, table) <= 0:
        yield f"staging: journal and scratch leave no room for a package in {staging.partition}"
    for key, empty in (
        ("variants", not file.variants.value),
        ("images", not file.images),
        ("methods", not file.methods.value),
    ):
        if empty:
            yield f"{key}: must not be empty"
    for key, rate in (("down", file.radio.down.value), ("up", file.radio.up.value)):
        if rate <= 0:
            yield f"radio.{key}: must be more than 0"


def _package_bytes(file: FamilyFile, table: PartitionTable) -> int:
    staging = file.staging
    return table[staging.partition].size_bytes - staging.journal.value - staging.scratch.value


def _spec(file: FamilyFile, variant: str, part: FlashPart, table: PartitionTable) -> ModelSpec:
    staging, fota, timings, radio = file.staging, file.fota, file.timings, file.radio
    return ModelSpec(
        variant=variant,
        family=file.family,
        title=file.title,
        row=file.row,
        chip=file.chip.value,
        generation=file.generation.value,
        part=part,
        partitions=table,
        file_systems=dict(file.file_systems.value),
        image_bytes={name: figure.value for name, figure in file.images.items()},
        staging=Staging(staging.partition, staging.journal.value, staging.scratch.value, _package_bytes(file, table)),
        methods=frozenset(file.methods.value),
        package_suffix=file.package_suffix.value,
        fota=FotaTraits(
            fota.blocking.value, fota.reset_disable.value, fota.reset_delay.value, fota.url_limit_chars.value
        ),
        timings=Timings(timings.bootloader.value, timings.boot.value, timings.attach.value),
        radio=RadioSpec(radio.category.value, radio.rtt.value, radio.jitter.value, radio.down.value, radio.up.value),
        version_pattern=file.version_pattern.value.replace("{variant}", re.escape(variant)),
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
        package_suffix=spec.package_suffix,
        category=spec.radio.category,
    )
