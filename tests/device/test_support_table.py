"""The vendor's support table: what it says of each series is what the models, the command and the documents say."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sim.cli.models import models as models_command
from sim.device.catalogue import load_model, support_table
from sim.device.model import ModelSpec
from sim.device.model_file import FamilyFile
from sim.pack.build import build_diff, build_full, build_mini_pair
from sim.pack.firmware import synthesize
from sim.units import format_size

DOCUMENT = Path(__file__).parents[2] / "docs" / "models.md"
HEADING = "Model Differential Upgrade Minimal System Upgrade\n"
LINE = re.compile(r"(.+ Series) (Supported|Not Supported) (Supported|Not Supported)")
SAID = {True: "Supported", False: "Not Supported"}
FAMILIES = {spec.family: spec for row in support_table() for spec in map(load_model, reversed(row.variants))}


def shown(*args: str) -> str:
    result = CliRunner().invoke(models_command, args, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.output


@pytest.fixture(scope="module")
def vendor_table(vendor_document: Any) -> list[tuple[str, ...]]:
    """(series, differential, minimal) as the vendor prints them."""
    lines = vendor_document[vendor_document.index(HEADING) + len(HEADING) :].strip().splitlines()
    matches = [LINE.fullmatch(line.strip()) for line in lines]
    assert all(matches), lines
    return [match.groups() for match in matches if match]


def test_the_models_support_what_the_vendor_says(vendor_table: list[tuple[str, ...]]) -> None:
    assert len(vendor_table) == 7
    ours = [
        (row.series, SAID["differential" in row.methods], SAID["minimal" in row.methods]) for row in support_table()
    ]
    assert ours == vendor_table
    assert [row.row for row in support_table()] == [1, 2, 3, 4, 5, 6, 7]


def test_the_command_prints_the_vendors_table(vendor_table: list[tuple[str, ...]]) -> None:
    lines = shown().splitlines()
    for (series, differential, minimal), line in zip(vendor_table, lines[1:], strict=False):
        assert re.match(rf"{re.escape(series)} +{differential} +{minimal} +(Not )?Supported +\w", line)


def test_every_series_of_the_table_has_models_with_its_name() -> None:
    """`ECx00U` stands for EC, three digits and U; a sub-model is named in full."""
    for row in support_table():
        names = row.series.removesuffix(" Series").split("&")
        stems = {name: re.compile(name.replace("x00", "[0-9]{3}")) for name in names}
        for name, stem in stems.items():
            assert any(stem.match(variant) for variant in row.variants), f"{row.series}: nothing for {name}"
        for variant in row.variants:
            assert any(stem.match(variant) for stem in stems.values()), f"{row.series}: what is {variant} doing here?"


def test_full_upgrades_are_for_one_series_only() -> None:
    assert [row.row for row in support_table() if "full" in row.methods] == [1]


@pytest.mark.parametrize("spec", FAMILIES.values(), ids=FAMILIES)
def test_packages_of_every_method_fit_the_family(spec: ModelSpec) -> None:
    """As large as packages get: a full one of all images, a differential one from one minor release to the next."""
    old, new = (synthesize(spec.family, version, spec.image_bytes) for version in ("A01", "A02"))
    room, blocks, places = spec.staging.package_bytes, spec.apply.block_sectors, spec.image_places
    staged = []
    if "differential" in spec.methods:
        staged.append(build_diff(old, new, places, block_sectors=blocks, staging_bytes=room))
    if "full" in spec.methods:
        staged.append(build_full(new, places, block_sectors=blocks, staging_bytes=room))
    if spec.mini is not None:
        first, second = build_mini_pair(old, new, places, spec.mini.image, block_sectors=blocks)
        staged.append(first)
        if spec.methods == {"minimal"}:
            assert len(second) > room, "else the family could stage it, and would not need a minimal system"
    assert all(len(package) <= room * 95 // 100 for package in staged), "no room left for a larger release"


# -- the map --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", FAMILIES.values(), ids=FAMILIES)
def test_the_map_shows_every_partition_with_its_place_and_source(spec: ModelSpec) -> None:
    text = shown(spec.variant)
    assert shown(spec.family) == text
    notes = dict(re.findall(r"^\[(\d+)\] (.*)$", text, re.MULTILINE))
    rows = re.findall(r"^(0x[0-9a-f]{6})  (\d+) (KiB|MiB) +(\S+) +([·█]+) .*?(~| )\[(\d+)\] ", text, re.MULTILINE)
    assert [row[3] for row in rows] == [partition.name for partition in spec.partitions]
    for (offset, size, unit, _, bar, estimate, note), partition in zip(rows, spec.partitions, strict=True):
        assert int(offset, 16) == partition.offset
        assert int(size) << (10 if unit == "KiB" else 20) == partition.size_bytes
        assert re.fullmatch("·*█+·*", bar)
        assert abs(bar.count("█") - partition.size_bytes * len(bar) / spec.part.size_bytes) < 2
        assert notes[note] == partition.source
        assert (estimate == "~") == partition.source.startswith("ESTIMATE")
    starts = [row[4].index("█") for row in rows]
    assert all(before <= after for before, after in pairwise(starts))


def test_the_map_tells_the_free_room() -> None:
    text = shown("EG915U")
    for name, free in (("APP", "384 KiB"), ("FS_SYS", "1656 KiB"), ("PY_FS_U", "376 KiB")):
        assert re.search(rf" {name} +[·█]+ +{free} ", text), name
    assert re.search(r" BOOT +[·█]+ +\[", text), "nobody may use the room of a bootloader"


# -- the document ---------------------------------------------------------------------------------------------


def document_line(spec: ModelSpec, variants: list[str]) -> str:
    user = spec.partitions[spec.file_systems["/usr"]].size_bytes
    methods = ", ".join(sorted(spec.methods))
    files = ", ".join(dict.fromkeys(f"`{name}`" for method in sorted(spec.packages) for name in spec.packages[method]))
    cells = (
        str(spec.row),
        f"`{spec.family}`",
        ", ".join(variants),
        spec.chip,
        format_size(spec.part.size_bytes),
        f"{user // 1024} KiB",
        methods,
        files,
        spec.radio.category,
    )
    return f"| {' | '.join(cells)} |"


def test_the_document_lists_the_families_as_they_are() -> None:
    text = DOCUMENT.read_text("utf-8")
    expected = []
    for row in support_table():
        for family in row.families:
            variants = [name for name in row.variants if load_model(name).family == family]
            expected.append(document_line(FAMILIES[family], variants))
    listed = [line for line in text.splitlines() if re.match(r"\| \d \|", line)]
    assert listed == expected, "put these lines into docs/models.md:\n" + "\n".join(expected)


def test_the_document_names_every_key_of_a_model_file() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [key for key in FamilyFile.model_fields if f"`{key}" not in text] == []
