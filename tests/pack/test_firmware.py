"""Firmware images say what they are, and synthetic ones are the same everywhere."""

from __future__ import annotations

import lzma
from hashlib import sha256

import bsdiff4
import pytest

from sim.errors import SpecError
from sim.pack.firmware import HEADER_BYTES, load_firmware, make_image, read_header, save_firmware, synthesize
from sim.pack.synthetic import _base

SIZES = {"APP": 1792 * 1024, "APPIMG": 640 * 1024}  # what an EG915U has room for, about


# -- headers


@pytest.mark.parametrize("version", ["", "x" * 49, "V1\n", "V\u00e9"])
def test_a_version_that_does_not_fit_the_header_is_refused(version):
    with pytest.raises(SpecError, match="1 to 48 printable ASCII"):
        make_image(version, b"code")


@pytest.mark.parametrize("at", range(HEADER_BYTES))
def test_a_damaged_header_is_no_header(at):
    image = bytearray(make_image("V0001", b"code"))
    image[at] ^= 1
    assert read_header(bytes(image)) is None


def test_erased_flash_and_short_data_have_no_header():
    assert read_header(b"\xff" * 64) is None
    assert read_header(bytes(64)) is None
    assert read_header(make_image("V0001", b"")[:63]) is None


def test_a_header_tells_version_length_and_crc():
    header = read_header(make_image("V" * 48, b"123456789"))
    assert header is not None
    assert (header.version, header.length_bytes, header.crc32) == ("V" * 48, 64 + 9, 0xCBF43926)


# -- synthetic firmware


def test_the_same_name_gives_the_same_bytes_on_every_machine():
    images = synthesize("ecx00u", "EG915UEUABR03A21M08_OCPU_QPY", {"APP": 256 * 1024, "APPIMG": 20_000}).images
    assert {name: sha256(image).hexdigest()[:16] for name, image in images.items()} == GOLDEN


def test_a_version_does_not_depend_on_what_was_made_before():
    first = synthesize("order", "V0002", {"APP": 100_000}).images
    _base.cache_clear()
    synthesize.__globals__["_synthesize"].cache_clear()
    synthesize("order", "V0001", {"APP": 100_000})
    synthesize("order", "V0003", {"APP": 50_000})
    assert synthesize("order", "V0002", {"APP": 100_000}).images == first


@pytest.mark.parametrize("size", [4096, 4097, 5000, 8192, 30_000, 65_536, 300_001])
def test_images_respect_their_bound_and_versions_differ(size):
    images = [synthesize("small", f"V{n:04}", {"APP": size}).images["APP"] for n in range(12)]
    assert all(size * 9 // 10 < len(image) <= size for image in images)
    assert len({image[HEADER_BYTES:] for image in images}) == 12


def test_a_bound_too_small_for_any_code_is_refused():
    with pytest.raises(SpecError, match="4096 B"):
        synthesize("small", "V0001", {"APP": 4095})


def test_all_images_carry_the_version():
    firmware = synthesize("ecx00u", "V0007", SIZES)
    headers = [read_header(image) for image in firmware.images.values()]
    assert [header.version for header in headers if header] == ["V0007", "V0007"]
    assert [header.length_bytes for header in headers if header] == [len(i) for i in firmware.images.values()]


def test_code_compresses_and_versions_differ_like_real_minor_releases():
    old, new = (synthesize("ecx00u", version, SIZES).images["APPIMG"] for version in ("V0001", "V0002"))
    assert 0.5 < len(lzma.compress(old)) / len(old) < 0.68
    assert 0.02 < len(bsdiff4.diff(old, new)) / len(new) < 0.09
    changed = sum(old[at : at + 4096] != new[at : at + 4096] for at in range(0, len(new), 4096))
    assert changed > len(new) // 4096 * 0.95  # addresses shift, so that nearly every sector differs


def test_a_firmware_folder_is_read_back(tmp_path):
    firmware = synthesize("small", "V0001", {"APP": 8192, "APPIMG": 4096})
    save_firmware(firmware, tmp_path / "v1")
    assert load_firmware(tmp_path / "v1") == firmware


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (lambda folder: (folder / "firmware.yaml").unlink(), "firmware.yaml is missing"),
        (lambda folder: (folder / "firmware.yaml").write_text("- 1"), "must give `family:`"),
        (lambda folder: (folder / "firmware.yaml").write_text("family: 1\nversion: V1"), "as text"),
        (lambda folder: (folder / "firmware.yaml").write_text("a: [b"), "cannot be read"),
        (lambda folder: (folder / "firmware.yaml").write_text("family: f\nversion: V2"), "holds version V0001"),
        (lambda folder: (folder / "APP.img").unlink(), "no <PARTITION>.img"),
        (lambda folder: (folder / "APP.img").write_bytes(b"\x00" * 100), "image header"),
        (lambda folder: (folder / "APP.img").write_bytes((folder / "APP.img").read_bytes()[:-1]), "damaged"),
    ],
)
def test_a_bad_folder_is_refused_with_the_file_at_fault(tmp_path, harm, text):
    save_firmware(synthesize("small", "V0001", {"APP": 8192}), tmp_path)
    harm(tmp_path)
    with pytest.raises(SpecError, match=text):
        load_firmware(tmp_path)


GOLDEN = {"APP": "8ead196b4a297b48", "APPIMG": "a974fee3dc8ee7cc"}
