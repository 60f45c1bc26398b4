"""The model of a device: everything that differs between module families, as plain values from `models/`.

Nothing in the code may ask for a family's name; it asks the ModelSpec for a figure. A ModelSpec is checked as a
whole when it is read: its partitions tile the flash, what it names exists, and what has to fit fits. All devices
of a variant share one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from sim.boot.bootloader import BootLayout
from sim.device.model_file import (
    ApplyKind,
    FamilyFile,
    Generation,
    LocalUse,
    Method,
    PartFile,
    faults,
    package_bytes,
    read_file,
    sources,
)
from sim.errors import SpecError
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, PartitionTable, Region
from sim.records import record
from sim.shipped import models_dir

SECURE_SECTORS = 2
"""What `SecureData` needs: all its records fit one sector, and the other one is for the next state of them."""

_PLAINEST = (("[A-Z]{4}", "EUAB"), ("[A-Z]{2}", "EU"), ("[0-9]{2}", "01"), ("[0-9]", "1"), ("Q?", "Q"))
"""Parts of version patterns, and what stands for each in an example."""


@dataclass(frozen=True, slots=True)
class FotaTraits:
    """How `fota` behaves in scripts. `blocking`: httpDownload returns when all is done; `reset_disable` is honoured;
    `reset_delay_us` from success to the reset in G25; `url_limit_chars` None for no limit; `ftp`: such addresses are
    taken; `own_apn`: apn_set and download_cancel are there; `local`: what write, flush and verify do, by generation.
    """

    blocking: bool
    reset_disable: bool
    reset_delay_us: int
    url_limit_chars: int | None
    ftp: bool
    own_apn: bool
    local: Mapping[Generation, LocalUse]


@dataclass(frozen=True, slots=True)
class RadioSpec:
    """The link in good conditions: round trip, its jitter (added, 0 to this), and rates that applications reach.

    Of a named network also `loss`, the share of packets that must be sent again, and `spread`, with which the round
    trip is log-normal around `rtt_us` (air.py).
    """

    category: str
    rtt_us: int
    jitter_us: int
    down_bytes_per_s: int
    up_bytes_per_s: int
    loss: float = 0.0
    spread: float = 0.0


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
class ApplySpec:
    """How differential packages are made and applied. `staged`: large blocks, each put together in scratch as a whole;
    `in_place`: small ones that take turns in scratch. `block_sectors` is what the package maker needs."""

    kind: ApplyKind
    block_sectors: int


@dataclass(frozen=True, slots=True)
class MiniSpec:
    """The minimal system, which runs instead of the big one while that is replaced.

    `image`: the partition of its image; `request`: the partition that keeps the two URLs over resets; `url_limit_chars`
    of each; `boot_us` from boot decision until it runs; `attach_us` to a data call.
    """

    image: str
    request: str
    url_limit_chars: int
    boot_us: int
    attach_us: int


@dataclass(frozen=True, slots=True)
class TempSpec:
    """A volume for staged application files; `builds` is found in the version of firmware that uses it."""

    partition: str
    builds: str


@record
class Regions:
    """The windows of one device's flash: the bootloader's, mount point → volume, `SecureData`'s records, and the volume
    for staged application files."""

    boot_layout: BootLayout
    volumes: Mapping[str, Region]
    secure: Region | None = None
    temp: Region | None = None

    def on(self, nor: Nor) -> Regions:
        """The same windows onto another flash of the same part."""
        return Regions(
            self.boot_layout.on(nor),
            {point: region.on(nor) for point, region in self.volumes.items()},
            self.secure and self.secure.on(nor),
            self.temp and self.temp.on(nor),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec:
    """One orderable variant.

    `series`: its row of the support table in the table's own words; `file_systems`: mount point → partition;
    `image_bytes`: image partition, the minimal system's too → size of the synthetic image; `packages`: method → file
    names of a package, `*` stands for any; `secure_data`: partition at whose end `SecureData` keeps its records, None
    where there is none; `lacks`: modules, and names as `module.name`, that scripts do not find, `lacks_2021`: in G21;
    `power_key_press`: programs are told of a pressed key; `version_pattern`: what a whole version string of this
    variant matches; `mqtt_state`: scripts have `get_mqttsta`; `sources`: key in the model file → where the figure
    comes from.
    """

    variant: str
    family: str
    title: str
    row: int
    series: str
    chip: str
    generation: Generation
    part: FlashPart
    partitions: PartitionTable
    file_systems: Mapping[str, str]
    image_bytes: Mapping[str, int]
    staging: Staging
    apply: ApplySpec
    mini: MiniSpec | None
    temp: TempSpec | None
    methods: frozenset[Method]
    packages: Mapping[Method, tuple[str, ...]]
    has_power_down_reason: bool
    lacks: tuple[str, ...]
    lacks_2021: tuple[str, ...]
    power_key_press: bool
    secure_data: str | None
    fota: FotaTraits
    mqtt_state: bool
    mqtt_ping_stack_bytes: int
    timings: Timings
    radio: RadioSpec
    version_pattern: str
    sources: Mapping[str, str]

    @property
    def images(self) -> tuple[str, ...]:
        """Partitions of the big system's images, in order: what must be whole for an application to run."""
        mini = self.mini.image if self.mini else None
        return tuple(name for name in self.image_bytes if name != mini)

    @property
    def image_places(self) -> dict[str, tuple[int, int]]:
        """Partition of each image, the minimal system's too → (offset, size in bytes): the package maker's layout."""
        places = {name: self.partitions[name] for name in self.image_bytes}
        return {name: (place.offset, place.size_bytes) for name, place in places.items()}

    def owns_version(self, version: str) -> bool:
        """Whether this version string is one of this variant's firmware."""
        return re.fullmatch(self.version_pattern, version) is not None

    @property
    def example_version(self) -> str:
        """The plainest version string that is one of this variant's, for devices that nobody names one for."""
        text, before = self.version_pattern, ""
        while text != before:
            before = text
            text = re.sub(r"\([^()]*\)\?", "", text)
            text = re.sub(r"\(([^()|]*)\|[^()]*\)(?!\?)", r"\1", text)
        for pattern, plain in _PLAINEST:
            text = text.replace(pattern, plain)
        return text

    def has_temp(self, version: str) -> bool:
        """Whether firmware of this version has the volume for staged application files."""
        return self.temp is not None and re.search(self.temp.builds, version) is not None

    def regions(self, nor: Nor) -> Regions:
        """The windows onto a flash of this model's part."""
        return _windows(self).on(nor)

    def _windows(self, nor: Nor) -> Regions:
        staged = Region(nor, self.partitions[self.staging.partition])
        journal, scratch = self.staging.journal_bytes, self.staging.scratch_bytes
        layout = BootLayout(
            family=self.family,
            images={name: Region(nor, self.partitions[name]) for name in self.images},
            journal=staged.sub(0, journal),
            scratch=staged.sub(journal, scratch),
            package=staged.sub(journal + scratch, self.staging.package_bytes),
            mini=Region(nor, self.partitions[self.mini.image]) if self.mini else None,
            request=Region(nor, self.partitions[self.mini.request]) if self.mini else None,
        )
        volumes = {point: Region(nor, self.partitions[name]) for point, name in self.file_systems.items()}
        temp = Region(nor, self.partitions[self.temp.partition]) if self.temp else None
        return Regions(layout, volumes, self._secure(nor), temp)

    def _secure(self, nor: Nor) -> Region | None:
        if self.secure_data is None:
            return None
        place, size_bytes = self.partitions[self.secure_data], SECURE_SECTORS * self.part.sector_bytes
        return Region(nor, place, place.size_bytes - size_bytes, size_bytes)


@cache
def _windows(model: ModelSpec) -> Regions:
    """The windows onto a blank flash of this model: what is checked, checked once."""
    return model._windows(Nor(model.part))


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
