"""The shape of the files in `models/`: what may be written there, and in which words.

Every figure carries its source. A source names something public, or says `ESTIMATE:` and the reason for the
value. Sizes, times and rates are text with a unit. Unknown keys are refused, so that a misspelt figure cannot
silently be missing. What cannot be told from one key alone (a name that stands for nothing, an image larger than its
partition) is in `faults`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from sim.errors import SpecError
from sim.flash.partition import PartitionTable
from sim.pack.build import STAGED_BLOCK_SECTORS
from sim.units import parse_duration_us, parse_rate_bytes_per_s, parse_size_bytes

__all__ = ["FamilyFile", "PartFile", "faults", "package_bytes", "read_file", "sources"]

REASON_CHARS = 15  # an estimate's reason is a sentence, not a word
MIN_JOURNAL_SECTORS = 2  # one is whole while the other is erased
IMAGE_NAME_CHARS = 12  # a package has no more room for the name of a partition

Method = Literal["full", "differential", "minimal"]
ApplyKind = Literal["staged", "in_place"]
Generation = Literal["G21", "G25", "UNI"]
PORTS: tuple[Generation, ...] = ("G21", "G25")
"""Generations of the vendor's port; the third is a work of its own, and does as the second where nothing is said."""

LocalUse = Literal["works", "refused", "absent"]


def _check_source(source: str) -> str:
    if not source.strip():
        raise ValueError("a figure needs its source")
    estimate = re.match(r"ESTIMATE(.*)", source, re.DOTALL)
    if estimate and len(estimate[1].lstrip(": ")) < REASON_CHARS:
        raise ValueError("an ESTIMATE needs its reason, e.g. 'ESTIMATE: no public figure; as the EC600N'")
    return source


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if "{variant}" not in pattern:
        raise ValueError("it must hold {variant}, where the variant's name stands")
    return pattern


Source = Annotated[str, AfterValidator(_check_source)]
Size = Annotated[int, BeforeValidator(parse_size_bytes)]
Duration = Annotated[int, BeforeValidator(parse_duration_us)]
Rate = Annotated[int, BeforeValidator(parse_rate_bytes_per_s)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
_T = TypeVar("_T")
_File = TypeVar("_File", bound="_Keys")


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Figure(_Keys, Generic[_T]):
    """A value and where it comes from."""

    value: _T
    source: Source


class PartFile(_Keys):
    """`models/parts/NAME.yaml`: a flash part."""

    name: str
    size: Figure[Size]
    sector: Figure[Size]
    page: Figure[Size]
    sector_erase: Figure[Duration]
    page_program: Figure[Duration]
    read_per_kib: Figure[Duration]
    endurance_cycles: Figure[int]


class PartitionRow(_Keys):
    """One partition; `offset` is a plain number, best in hexadecimal."""

    name: str
    offset: int
    size: Size
    use: str
    source: Source


class StagingKeys(_Keys):
    partition: str
    journal: Figure[Size]
    scratch: Figure[Size]


class ApplyKeys(_Keys):
    kind: Figure[ApplyKind]
    block: Figure[Size]


class MiniKeys(_Keys):
    image: str
    request: str
    url_limit_chars: Figure[int]
    boot: Figure[Duration]
    attach: Figure[Duration]


class TempKeys(_Keys):
    partition: str
    builds: Figure[str]


class FotaKeys(_Keys):
    blocking: Figure[bool]
    reset_disable: Figure[bool]
    reset_delay: Figure[Duration]
    url_limit_chars: Figure[int | None]
    ftp: Figure[bool]
    own_apn: Figure[bool]
    local: Figure[dict[Generation, LocalUse]]


class TimingKeys(_Keys):
    bootloader: Figure[Duration]
    boot: Figure[Duration]
    attach: Figure[Duration]


class RadioKeys(_Keys):
    category: Figure[str]
    rtt: Figure[Duration]
    jitter: Figure[Duration]
    down: Figure[Rate]
    up: Figure[Rate]


class FamilyFile(_Keys):
    """`models/FAMILY.yaml`: one flash layout, and what goes with it. A row of the support table has one or more."""

    family: str
    title: str
    row: int
    series: str
    part: str
    chip: Figure[str]
    generation: Figure[Generation]
    variants: Figure[list[str]]
    version_pattern: Figure[Pattern]
    partitions: list[PartitionRow]
    file_systems: Figure[dict[str, str]]
    images: dict[str, Figure[Size]]
    staging: StagingKeys
    apply: ApplyKeys
    mini: MiniKeys | None = None
    temp: TempKeys | None = None
    methods: Figure[list[Method]]
    packages: Figure[dict[Method, list[str]]]
    power_down_reason: Figure[list[str]]
    lacks: Figure[dict[str, list[str]]]
    lacks_2021: Figure[list[str]] | None = None
    power_key_press: Figure[bool]
    secure_data: Figure[str | None]
    fota: FotaKeys
    mqtt_state: Figure[bool]
    mqtt_ping_stack: Figure[Size]
    timings: TimingKeys
    radio: RadioKeys


def read_file(path: Path, kind: type[_File]) -> _File:
    """The file as `kind`; SpecError names the file and every key that is wrong."""
    try:
        data: Any = yaml.safe_load(path.read_text("utf-8"))
        return kind.model_validate(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise SpecError("\n".join(_line(path, detail) for detail in error.errors(include_url=False))) from None


def sources(file: FamilyFile | PartFile) -> dict[str, str]:
    """Key of each figure, with dots between its steps → where the figure comes from."""
    return dict(_sources(file, ""))


def _sources(node: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Figure):
        yield place, node.source
    elif isinstance(node, PartitionRow):
        yield f"partitions.{node.name}", node.source
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _sources(getattr(node, name), f"{place}.{name}" if place else name)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _sources(value, f"{place}.{name}")
    elif isinstance(node, list):
        for value in node:
            yield from _sources(value, place)


def package_bytes(file: FamilyFile, table: PartitionTable) -> int:
    """What is left of the staging partition for a package."""
    staging = file.staging
    return table[staging.partition].size_bytes - staging.journal.value - staging.scratch.value


def faults(file: FamilyFile, table: PartitionTable, sector_bytes: int) -> Iterator[str]:
    """What is wrong between the keys of a family file, each with the key."""
    yield from _wrong_places(file, table)
    yield from _wrong_images(file, table)
    yield from _wrong_staging(file, table, sector_bytes)
    yield from _wrong_methods(file)
    if not file.variants.value:
        yield "variants: must not be empty"
    for key, rate in (("down", file.radio.down.value), ("up", file.radio.up.value)):
        if rate <= 0:
            yield f"radio.{key}: must be more than 0"


def _wrong_places(file: FamilyFile, table: PartitionTable) -> Iterator[str]:
    """A partition that is not there, or serves two."""
    users = [(f"images.{name}", name) for name in file.images]
    users += [(f"file_systems.{point}", name) for point, name in file.file_systems.value.items()]
    users += [("staging.partition", file.staging.partition)]
    users += [("mini.request", file.mini.request)] if file.mini else []
    users += [("secure_data", file.secure_data.value)] if file.secure_data.value else []
    users += [("temp.partition", file.temp.partition)] if file.temp else []
    taken: dict[str, str] = {}
    for key, name in users:
        if name not in table:
            yield f"{key}: there is no partition {name!r}"
        elif name in taken:
            yield f"{key}: partition {name} is already that of {taken[name]}"
        taken[name] = key


def _wrong_images(file: FamilyFile, table: PartitionTable) -> Iterator[str]:
    for name, figure in file.images.items():
        if name in table and figure.value > table[name].size_bytes:
            yield f"images.{name}: {figure.value} bytes do not fit partition {name} ({table[name].size_bytes})"
        if len(name) > IMAGE_NAME_CHARS:
            yield f"images.{name}: a package names a partition in {IMAGE_NAME_CHARS} characters at most"
    big = [name for name in file.images if file.mini is None or name != file.mini.image]
    if not big:
        yield "images: must not be empty"
    if file.mini is not None and file.mini.image not in file.images:
        yield f"mini.image: {file.mini.image!r} is not one of images"


def _wrong_staging(file: FamilyFile, table: PartitionTable, sector_bytes: int) -> Iterator[str]:
    staging, block = file.staging, file.apply.block.value
    for key, size, least in (
        ("staging.journal", staging.journal.value, MIN_JOURNAL_SECTORS * sector_bytes),
        ("staging.scratch", staging.scratch.value, sector_bytes),
        ("apply.block", block, sector_bytes),
    ):
        if size < least or size % sector_bytes:
            yield f"{key}: must be whole sectors of {sector_bytes} bytes, {least} bytes or more"
    if staging.partition in table and package_bytes(file, table) <= 0:
        yield f"staging: journal and scratch leave no room for a package in {staging.partition}"
    if staging.scratch.value < block:
        yield f"staging.scratch: must hold one block of {block} bytes"
    staged_bytes = STAGED_BLOCK_SECTORS * sector_bytes
    if (file.apply.kind.value == "staged") != (block == staged_bytes):
        yield f"apply.block: {staged_bytes} bytes when staged, and only then"


def _wrong_methods(file: FamilyFile) -> Iterator[str]:
    methods, packages = file.methods.value, file.packages.value
    if not methods:
        yield "methods: must not be empty"
    if set(file.fota.local.value) != set(PORTS):
        yield "fota.local: says what each generation does"
    if ("minimal" in methods) != (file.mini is not None):
        yield "mini: is there exactly when methods has minimal"
    if sorted(set(methods)) != sorted(packages):
        yield "packages: names the files of each of methods, and of no other"
    for method, names in packages.items():
        files = 2 if method == "minimal" else 1
        if len(names) != files:
            yield f"packages.{method}: the package is {files} file{'s' * (files > 1)}"


def _line(path: Path, detail: ErrorDetails) -> str:
    key = ".".join(str(step) for step in detail["loc"]) or "the file"
    return f"{path}: {key}: {detail['msg'].removeprefix('Value error, ')}"
