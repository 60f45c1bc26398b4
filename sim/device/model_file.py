"""The shape of the files in `models/`: what may be written there, and in which words.

Every figure carries its source. A source names something public, or says `ESTIMATE:` and the reason for the
value. Sizes, times and rates are text with a unit. Unknown keys are refused, so that a misspelt figure cannot
silently be missing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from sim.errors import SpecError
from sim.units import parse_duration_us, parse_rate_bytes_per_s, parse_size_bytes

__all__ = ["FamilyFile", "Method", "PartFile", "PartitionRow", "read_file"]

REASON_CHARS = 15  # an estimate's reason is a sentence, not a word

Method = Literal["full", "differential", "minimal"]


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


class FotaKeys(_Keys):
    blocking: Figure[bool]
    reset_disable: Figure[bool]
    reset_delay: Figure[Duration]
    url_limit_chars: Figure[int | None]


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
    """`models/FAMILY.yaml`: one row of the support table."""

    family: str
    title: str
    row: int
    part: str
    chip: Figure[str]
    generation: Figure[str]
    variants: Figure[list[str]]
    version_pattern: Figure[Pattern]
    partitions: list[PartitionRow]
    file_systems: Figure[dict[str, str]]
    images: dict[str, Figure[Size]]
    staging: StagingKeys
    methods: Figure[list[Method]]
    package_suffix: Figure[str]
    fota: FotaKeys
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


def _line(path: Path, detail: ErrorDetails) -> str:
    key = ".".join(str(step) for step in detail["loc"]) or "the file"
    return f"{path}: {key}: {detail['msg'].removeprefix('Value error, ')}"
