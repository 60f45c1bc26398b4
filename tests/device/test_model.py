"""Model files: what is shipped is whole, and what is wrong in one is told by file and key."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.device import catalogue
from sim.device.catalogue import known_models, load_model, read_family
from sim.device.model import ModelSpec
from sim.errors import SpecError
from sim.flash.filesystem import FileSystem
from sim.flash.nor import Nor
from sim.shipped import models_dir

FAMILIES = sorted(models_dir().glob("*.yaml"))
PARTS = sorted((models_dir() / "parts").glob("*.yaml"))
VARIANTS = [row.variant for row in known_models()]


# -- what is shipped ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_regions_of_a_model_are_apart_and_within_their_partitions(variant: str) -> None:
    spec = load_model(variant)
    regions = spec.regions(Nor(spec.part))
    layout = regions.boot_layout
    windows = [*layout.firmware.values(), layout.journal, layout.scratch, layout.package, *regions.volumes.values()]
    windows += [layout.request] if layout.request else []
    places = sorted((window.start, window.start + window.size_bytes) for window in windows)
    assert all(end <= start for (_, end), (start, _) in pairwise(places))
    assert tuple(layout.images) == spec.images
    assert set(layout.firmware) == set(spec.image_bytes)
    assert (layout.mini is None) == (layout.request is None) == ("minimal" not in spec.methods)
    assert layout.family == spec.family
    for window in windows:
        assert window.partition.offset <= window.start
        assert window.start + window.size_bytes <= window.partition.end
    staging = spec.partitions[spec.staging.partition]
    assert layout.journal.start == staging.offset
    assert layout.package.start + layout.package.size_bytes == staging.end


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_volumes_of_a_model_can_be_mounted(variant: str) -> None:
    spec = load_model(variant)
    for point, region in spec.regions(Nor(spec.part)).volumes.items():
        volume = FileSystem(region)
        volume.format()
        volume.mount()
        assert volume.statvfs()[1] * 4096 == spec.partitions[spec.file_systems[point]].size_bytes
        volume.unmount()


@pytest.mark.parametrize("variant", VARIANTS)
def test_figures_are_plausible(variant: str) -> None:
    spec = load_model(variant)
    assert sum(partition.size_bytes for partition in spec.partitions) == spec.part.size_bytes
    assert spec.image_places.keys() == spec.image_bytes.keys()
    for name, (offset, size_bytes) in spec.image_places.items():
        assert spec.partitions.at(offset).name == name
        assert 4096 < spec.image_bytes[name] <= size_bytes * 9 // 10, "an image grows from version to version"
    assert sum(spec.image_bytes.values()) <= 6 << 20, "tests build packages of all families"
    assert set(spec.packages) == spec.methods
    assert spec.staging.scratch_bytes >= spec.apply.block_sectors * spec.part.sector_bytes
    assert 0 < spec.timings.bootloader_us < spec.timings.boot_us < 60_000_000
    assert 0 < spec.timings.attach_us < 120_000_000
    assert 0 <= spec.radio.jitter_us < spec.radio.rtt_us
    assert spec.radio.up_bytes_per_s <= spec.radio.down_bytes_per_s
    assert spec.timings.boot_us > spec.mini.boot_us if spec.mini else True


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_figure_says_where_it_comes_from(variant: str) -> None:
    spec = load_model(variant)
    assert {f"partitions.{partition.name}" for partition in spec.partitions} < set(spec.sources)
    assert {"chip", "images." + spec.images[0], "apply.block", "radio.down", "timings.attach"} < set(spec.sources)
    assert {"part.size", "part.sector_erase", "part.endurance_cycles"} < set(spec.sources)
    assert ("mini.url_limit_chars" in spec.sources) == (spec.mini is not None)
    for key, source in spec.sources.items():
        assert len(source) >= 10, key
        assert "facts" not in source.lower(), f"{key}: names no public source"


ANCHORS = [
    ("EC600NCNLC", "cp", 0x40000, None, "ASR boot33"),
    ("EC600NCNLC", "fota_param", 0xDBF000, 0x1000, "ASR boot33"),
    ("EC600NCNLC", "updater", 0xDC0000, 0x20000, "ASR boot33"),
    ("EC600NCNLC", "rd", 0x24000, None, "entry of system.img"),
    ("EC800NCNLA", "customer_fs", None, 576 << 10, "measured"),
    ("EC800NCNLA", "customer_backup_fs", None, 100 << 10, "measured"),
    ("EC800G", "SPL", 0, 0x20000, "UIS8850 SDK"),
    ("EC800G", "BOOT", 0x20000, 0x10000, "UIS8850 SDK"),
    ("EC800G", "APP", 0x30000, 0x280000, "UIS8850 SDK"),
    ("EC800G", "APPIMG", 0x2B0000, 0x220000, "UIS8850 SDK"),
    ("EC800G", "FS_SYS", 0x4D0000, None, "UIS8850 SDK"),
    ("EC800G", "FS_MODEM", 0x720000, 0xC0000, "UIS8850 SDK"),
    ("EC800G", "FACTORY", 0x7E0000, 0x20000, "UIS8850 SDK"),
    ("EC800E", "AP", 0x24000, 0x280000, "EC618 mem_map.h"),
    ("EC800E", "fota", 0x304000, 0x80000, "EC618 mem_map.h"),
    ("EC800E", "customer_fs", 0x384000, None, "EC618 mem_map.h"),
    ("EC800E", "kv", 0x3CC000, 0x10000, "EC618 mem_map.h"),
    ("EC800E", "plat_config", 0x3FC000, 0x4000, "EC618 mem_map.h"),
    ("EC800E", "CP", 0x400000, 0x80000, "EC618 mem_map.h, CP behind AP"),
    ("EC800E", "rel_cp", 0x4E7000, 0x19000, "EC618 mem_map.h, CP behind AP"),
    ("BG95", "EFS_USR", 0x800000, 2 << 20, "EFS of 8 MB, quota of 2 MB"),
]


@pytest.mark.parametrize(("variant", "name", "offset", "size_bytes", "why"), ANCHORS)
def test_public_anchors_are_kept(variant: str, name: str, offset: int | None, size_bytes: int | None, why: str) -> None:
    partition = load_model(variant).partitions[name]
    assert offset in (None, partition.offset), why
    assert size_bytes in (None, partition.size_bytes), why


def test_the_8910_table_has_the_published_places() -> None:
    partitions = load_model("EG915U").partitions
    assert (partitions["PY_FS_U"].offset, partitions["PY_FS_U"].size_bytes) == (0x4E0000, 0x60000)
    assert (partitions["PY_FS_B"].offset, partitions["PY_FS_B"].size_bytes) == (0x540000, 0x20000)
    assert partitions.at(0x10000).name == "APP"
    assert partitions.at(0x22FFFF).name == "APP"
    assert [partition.name for partition in partitions] == [
        "BOOT",
        "APP",
        "APPIMG",
        "FS_SYS",
        "PY_FS_U",
        "PY_FS_B",
        "PY_FS_T",
        "FS_MODEM",
        "FACTORY",
    ]


def test_the_figures_of_an_eg915u() -> None:
    spec = load_model("EG915U")
    assert (spec.family, spec.row, spec.chip, spec.generation) == ("ecx00u", 5, "UIS8910DM", "G25")
    assert (spec.part.name, spec.part.sector_erase_us, spec.part.page_program_us) == ("W25Q64JV", 45_000, 400)
    assert (spec.staging.journal_bytes, spec.staging.scratch_bytes) == (8192, 65536)
    assert spec.images == ("APP", "APPIMG")
    assert spec.methods == {"differential"}
    assert spec.packages == {"differential": ("*.pack",)}
    assert (spec.apply.kind, spec.apply.block_sectors, spec.mini) == ("staged", 16, None)
    assert (spec.fota.blocking, spec.fota.reset_disable, spec.fota.reset_delay_us) == (True, True, 250_000)
    assert spec.fota.url_limit_chars is None
    assert (spec.radio.rtt_us, spec.radio.down_bytes_per_s) == (80_000, 160_000)
    assert spec.file_systems == {"/usr": "PY_FS_U", "/bak": "PY_FS_B"}


def test_the_figures_of_a_family_with_a_minimal_system() -> None:
    spec = load_model("EC800NCNLA")
    assert spec.mini is not None
    assert (spec.mini.image, spec.mini.request, spec.mini.url_limit_chars) == ("mini", "fota_param", 128)
    assert spec.images == ("cp", "dsp", "customer_app"), "the minimal system is not part of the big one"
    assert set(spec.image_bytes) == {*spec.images, "mini"}, "but a version has an image for it"
    assert (spec.apply.kind, spec.apply.block_sectors) == ("in_place", 1)
    assert spec.packages == {"minimal": ("*.mini_1", "*.mini_2")}
    assert (spec.fota.blocking, spec.fota.reset_disable) == (False, False)


def test_where_families_differ() -> None:
    """Radio, times and traits that scripts and links can tell families by."""
    assert load_model("BG95").radio.category == "Cat M1"
    assert load_model("BG95").generation == "G21"
    assert load_model("EC200A").radio.down_bytes_per_s > 3 * load_model("EG915U").radio.down_bytes_per_s
    assert load_model("BG95").radio.down_bytes_per_s < load_model("EG915U").radio.down_bytes_per_s / 3
    assert load_model("BG95").timings.attach_us > load_model("EG915U").timings.attach_us
    at_once = {variant for variant in VARIANTS if not load_model(variant).fota.blocking}
    assert at_once == {variant for variant in VARIANTS if load_model(variant).row <= 3}
    assert at_once == {variant for variant in VARIANTS if not load_model(variant).fota.reset_disable}


SEEN = [
    ("EG915UEUABR03A21M08_OCPU_QPY", "EG915U"),
    ("EC600UCNLBR03A01M08_OCPU_QPY_BETA1207", "EC600U"),
    ("EC600UCNLBR03A01M08_BT_OCPU_QPY_BETA1107", "EC600U"),
    ("EC200ACNHAR01A02M16", "EC200A"),
    ("EC200AEUHAR01A24M16", "EC200A"),
    ("EC600NCNLCR03A11M16_OCPU_QPY_BETA0313", "EC600NCNLC"),
    ("EC600MCNLER06A06M08_OCPU_QPY", "EC600M"),
    ("EC800MCNLER01A03M08_OCPU_QPY_TEST0813", "EC800M"),
    ("BG95M3LAR02A03_BETA0614", "BG95"),
    ("BG600LM3LAR02A03", "BG600L"),
    # Not seen, but of the shape of those seen.
    ("EG912NENAAR05A01M16_OCPU_QPY", "EG912N"),
    ("EC800NCNLAR01A01M08_OCPU_QPY", "EC800NCNLA"),
    ("EC800MCNLFR07A01M04_OCPU_QPY", "EC800MCNLF"),
    ("EC800GCNLDR01A01M08_OCPU_QPY", "EC800G"),
    ("EC800ECNLCR01A21M04_OCPU_QPY", "EC800E"),
    # Modules that are not in the support table.
    ("EC600SCNLAR01A01M16_OCPU_PY_BETA0414", None),
    ("EC100YCNAAR01A01M16_OCPU_PY", None),
    ("EC800KCNCCR07A01M02_OCPY_QPY_BETA1202", None),
    # Sizes of flash that no such model has, and other mistakes.
    ("EG915UEUABR03A21M16_OCPU_QPY", None),
    ("EC600NCNLCR03A11M08_OCPU_QPY", None),
    ("EC600NCNLAR03A11M16_OCPU_QPY", None),
    ("EC800MCNLFR07A01M08X_OCPU_QPY", None),
    ("EC600UCNLBR03A01M08_OCPU_QPYX", None),
    ("xEC600UCNLBR03A01M08_OCPU_QPY", None),
    ("EC600U", None),
    ("V0002", None),
    ("", None),
]


@pytest.mark.parametrize(("version", "owner"), SEEN)
def test_a_version_belongs_to_one_variant_at_most(version: str, owner: str | None) -> None:
    owners = [variant for variant in VARIANTS if load_model(variant).owns_version(version)]
    assert owners == ([owner] if owner else [])


def test_all_devices_of_a_variant_share_one_model() -> None:
    assert load_model("EG915U") is load_model("EG915U")


def test_models_are_listed_by_row() -> None:
    rows = known_models()
    assert {"EG915U", "EG912U", "EC600U", "EC200U"} <= {row.variant for row in rows}
    assert [row.row for row in rows] == sorted(row.row for row in rows)
    row = next(row for row in rows if row.variant == "EG915U")
    assert (row.flash_bytes, row.methods, row.category) == (8 << 20, ("differential",), "Cat 1")


@pytest.mark.parametrize(("name", "hint"), [("eg915u", "EG915U"), ("EG916U", "EG915U"), ("EC200", "EC200U")])
def test_an_unknown_model_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(SpecError, match=f"there is no model '{name}'; did you mean '{hint}'"):
        load_model(name)


def test_a_model_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(SpecError, match=r"'toaster'\nknown models: .*EG915U") as error:
        load_model("toaster")
    assert "did you mean" not in str(error.value)


# -- what is wrong --------------------------------------------------------------------------------------------

Place = tuple[str | int, ...]
REMOVE = object()


def changed(tmp_path: Path, place: Place, value: Any, file: str = "ecx00u.yaml") -> Path:
    """A copy of the shipped files in which the value at `place` of `file` is another, or gone."""
    for path in (*FAMILIES, *PARTS):
        copy = tmp_path / path.relative_to(models_dir())
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text("utf-8"), "utf-8")
    target = tmp_path / file
    data = yaml.safe_load(target.read_text("utf-8"))
    node = data
    for step in place[:-1]:
        node = node[step]
    if value is REMOVE:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    target.write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
    return target if target.parent == tmp_path else tmp_path / "ecx00u.yaml"


WRONG: list[tuple[Place, Any, str]] = [
    (("family",), REMOVE, r"ecx00u.yaml: family: Field required"),
    (("colour",), "red", r"ecx00u.yaml: colour: Extra inputs"),
    (("radio", "rtt", "value"), 80, r"ecx00u.yaml: radio.rtt.value: a duration needs a unit, e.g. 30s"),
    (("radio", "down", "value"), "160KB", r"radio.down.value: a rate needs a unit"),
    (("radio", "down", "value"), "0", r"radio.down"),
    (("radio", "up", "source"), "", r"radio.up.source: a figure needs its source"),
    (("radio", "up", "source"), REMOVE, r"radio.up.source: Field required"),
    (("timings", "boot", "source"), "ESTIMATE", r"timings.boot.source: an ESTIMATE needs its reason"),
    (("timings", "boot", "source"), "ESTIMATE: guess", r"timings.boot.source: an ESTIMATE needs its reason"),
    (("partitions", 1, "size"), "2MiB", r"partitions: .*gap of 131072 bytes at 0x210000 between APP and APPIMG"),
    (("partitions", 1, "size"), "many", r"partitions.1.size: 'many' is not a size"),
    (("partitions", 4, "name"), "PY_FS_B", r"PY_FS_B is there twice"),
    (("partitions", 8, "size"), "64KiB", r"FACTORY ends at 0x7f0000, the flash at 0x800000"),
    (("file_systems", "value"), {"/usr": "PY"}, r"file_systems./usr: there is no partition 'PY'"),
    (
        ("file_systems", "value"),
        {"/usr": "FS_SYS"},
        r"staging.partition: partition FS_SYS is already that of file_systems./usr",
    ),
    (("images", "APP", "value"), "3MiB", r"images.APP: 3145728 bytes do not fit partition APP"),
    (("images", "KERNEL"), {"value": "1MiB", "source": "made up"}, r"images.KERNEL: there is no partition 'KERNEL'"),
    (("images",), {}, r"images: must not be empty"),
    (("staging", "partition"), "FS_X", r"staging.partition: there is no partition 'FS_X'"),
    (
        ("staging", "journal", "value"),
        "4KiB",
        r"staging.journal: must be whole sectors of 4096 bytes, 8192 bytes or more",
    ),
    (("staging", "scratch", "value"), "5000B", r"staging.scratch: must be whole sectors"),
    (("staging", "scratch", "value"), "2MiB", r"staging: journal and scratch leave no room"),
    (("methods", "value"), ["partial"], r"methods.value.0: Input should be 'full', 'differential' or 'minimal'"),
    (("methods", "value"), [], r"methods: must not be empty"),
    (("variants", "value"), [], r"variants: must not be empty"),
    (("version_pattern", "value"), "EG915U", r"version_pattern.value: it must hold {variant}"),
    (("version_pattern", "value"), "{variant}(", r"version_pattern.value: not a regular expression"),
    (("fota", "blocking", "value"), "yes", r"fota.blocking.value: Input should be a valid boolean"),
    (("part",), "w25q128", r"part: there is no flash part 'w25q128'; known: .*w25q64jv"),
    (("series",), REMOVE, r"ecx00u.yaml: series: Field required"),
    (("generation", "value"), "G23", r"generation.value: Input should be 'G21', 'G25' or 'UNI'"),
    (("apply", "kind", "value"), "copied", r"apply.kind.value: Input should be 'staged' or 'in_place'"),
    (("apply", "kind", "value"), "in_place", r"apply.block: 65536 bytes when staged, and only then"),
    (("apply", "block", "value"), "32KiB", r"apply.block: 65536 bytes when staged, and only then"),
    (("apply", "block", "value"), "6000B", r"apply.block: must be whole sectors of 4096 bytes"),
    (("staging", "scratch", "value"), "32KiB", r"staging.scratch: must hold one block of 65536 bytes"),
    (("packages", "value"), {}, r"packages: names the files of each of methods"),
    (("packages", "value"), {"full": ["*.pack"]}, r"packages: names the files of each of methods"),
    (("packages", "value"), {"differential": ["a", "b"]}, r"packages.differential: the package is 1 file$"),
    (("methods", "value"), ["differential", "minimal"], r"mini: is there exactly when methods has minimal"),
]

WRONG_MINI: list[tuple[Place, Any, str]] = [
    (("mini",), REMOVE, r"ecx00n_8m.yaml: mini: is there exactly when methods has minimal"),
    (("mini", "image"), "mini_pkg", r"mini.image: 'mini_pkg' is not one of images"),
    (("mini", "request"), "param", r"mini.request: there is no partition 'param'"),
    (("mini", "request"), "customer_fs", r"mini.request: partition customer_fs is already that of file_systems./usr"),
    (("mini", "url_limit_chars"), 128, r"mini.url_limit_chars: Input should be a valid dictionary"),
    (("packages", "value"), {"minimal": ["*.mini_1"]}, r"packages.minimal: the package is 2 files$"),
    (("images",), {"mini": {"value": "448KiB", "source": "as it was there"}}, r"images: must not be empty"),
    (
        ("images", "customer_backup_fs"),
        {"value": "64KiB", "source": "made up"},
        r"images.customer_backup_fs: .*12 char",
    ),
]


@pytest.mark.parametrize(("place", "value", "told"), WRONG)
def test_a_wrong_family_file_is_told_by_file_and_key(tmp_path: Path, place: Place, value: Any, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        read_family(changed(tmp_path, place, value))


@pytest.mark.parametrize(("place", "value", "told"), WRONG_MINI)
def test_a_wrong_minimal_system_is_told_by_file_and_key(tmp_path: Path, place: Place, value: Any, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        read_family(changed(tmp_path, place, value, file="ecx00n_8m.yaml"))


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("size", "value"), "4MiB", r"ecx00u.yaml: partitions: .*the flash at 0x400000"),
        (("sector_erase", "value"), "45", r"w25q64jv.yaml: sector_erase.value: a duration needs a unit"),
        (("page", "value"), "300B", r"w25q64jv.yaml: flash part 'W25Q64JV': pages must fill sectors"),
        (("endurance_cycles", "value"), -1, r"w25q64jv.yaml: .*not negative"),
    ],
)
def test_a_wrong_part_file_is_told_by_file_and_key(tmp_path: Path, place: Place, value: Any, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        read_family(changed(tmp_path, place, value, file="parts/w25q64jv.yaml"))


@pytest.mark.parametrize("content", [b"", b"- a\n", b"a: [", b"\xff\xfe", b"a: !!python/object:os.system x\n"])
def test_a_file_that_is_no_model_is_told_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"broken\.yaml"):
        read_family(path)
    with pytest.raises(SpecError, match="missing"):
        read_family(tmp_path / "missing.yaml")


def test_all_wrong_keys_are_told_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, ("radio", "rtt", "value"), 80)
    data = yaml.safe_load(path.read_text("utf-8"))
    data["timings"]["boot"]["value"] = "soon"
    path.write_text(yaml.safe_dump(data), "utf-8")
    with pytest.raises(SpecError) as error:
        read_family(path)
    assert len(str(error.value).splitlines()) == 2


def test_a_variant_in_two_families_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(tmp_path, ("family",), "twin")
    (tmp_path / "twin.yaml").write_text(path.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(catalogue, "models_dir", lambda: tmp_path)
    with pytest.raises(SpecError, match=r"twin.yaml: variants: EG915U is in family twin too"):
        catalogue._shipped.__wrapped__()


@pytest.mark.parametrize(("place", "value"), [(("series",), "ECx00G Series"), (("row",), 4)])
def test_files_of_one_row_say_the_same_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place, value: Any
) -> None:
    changed(tmp_path, place, value, file="ecx00g.yaml")
    monkeypatch.setattr(catalogue, "models_dir", lambda: tmp_path)
    with pytest.raises(SpecError, match=r"row [45] has another series or other methods in family ec"):
        catalogue._shipped.__wrapped__()


def test_a_file_of_another_family_is_read_without_a_change_of_code(tmp_path: Path) -> None:
    path = changed(tmp_path, ("variants", "value"), ["TEST1"])
    data = yaml.safe_load(path.read_text("utf-8"))
    data |= {"family": "other", "row": 9, "images": {"APP": data["images"]["APP"]}}
    path.write_text(yaml.safe_dump(data), "utf-8")
    specs: dict[str, ModelSpec] = read_family(path)
    assert list(specs) == ["TEST1"]
    assert specs["TEST1"].images == ("APP",)
    assert specs["TEST1"].owns_version("TEST1CNAAR01A01M08_OCPU_PY")
