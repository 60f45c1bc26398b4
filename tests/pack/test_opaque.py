"""A vendor's package that nobody can read does what its note says, and nothing when one bit of it is wrong."""

from __future__ import annotations

from dataclasses import asdict, replace
from hashlib import sha256

import pytest
import yaml
from pack_samples import ALL_KINDS, FAMILY, NEW, OLD, diff, flashed

from sim.errors import PackageError, SpecError
from sim.pack.codes import PackageCode
from sim.pack.opaque import Note, load_note, save_note
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.pack.verify import Recipient, VerifiedPack, verify

VENDOR = b"nobody but the vendor knows " * 9000
"""Larger than its stand-in, as it may well be."""


def check(data: bytes, stand_ins: dict[bytes, bytes], running: str = OLD) -> VerifiedPack:
    recipient = Recipient(FAMILY, running, flashed(), ALL_KINDS, DEVELOPMENT_PUBLIC_KEY, stand_ins)
    return verify(lambda at, length: data[at : at + length], len(data), recipient)


def known() -> dict[bytes, bytes]:
    return {sha256(VENDOR).digest(): diff()}


def refusal(data: bytes, stand_ins: dict[bytes, bytes], running: str = OLD) -> int:
    with pytest.raises(PackageError) as refused:
        check(data, stand_ins, running)
    return refused.value.code


def test_without_a_stand_in_it_is_rubbish():
    assert refusal(VENDOR, {}) == PackageCode.CORRUPT


@pytest.mark.parametrize("at", [0, 1000, len(VENDOR) - 1])
def test_one_wrong_bit_makes_it_rubbish(at):
    damaged = VENDOR[:at] + bytes([VENDOR[at] ^ 1]) + VENDOR[at + 1 :]
    assert refusal(damaged, known()) == PackageCode.CORRUPT


def test_a_truncated_one_is_rubbish():
    assert refusal(VENDOR[:-1], known()) == PackageCode.CORRUPT


def test_what_the_stand_in_is_checked_for_is_checked():
    assert refusal(VENDOR, known(), running=NEW) == PackageCode.VERSION_MISMATCH


def test_its_bytes_and_size_are_its_own_and_its_blocks_the_stand_ins():
    pack, plain = check(VENDOR, known()), check(diff(), {})
    assert (pack.size_bytes, pack.read(0, 50)) == (len(VENDOR), VENDOR[:50])
    assert plain.size_bytes == len(diff())
    assert [pack.block(entry) for entry in pack.manifest.index] == [plain.block(e) for e in plain.manifest.index]


# -- the note


def note_in(folder, **changes) -> Note:
    (folder / "vendor.bin").write_bytes(VENDOR)
    made = Note("vendor.bin", sha256(VENDOR).hexdigest(), len(VENDOR), "EG915U", "differential", "V1", "V2")
    return replace(made, **changes)


def test_a_note_is_read_as_it_was_written(tmp_path):
    note = note_in(tmp_path)
    save_note(note, tmp_path / "note.yaml")
    assert load_note(tmp_path / "note.yaml") == (note, VENDOR)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"method": "minimal"}, "there is no other"),
        ({"base_version": ""}, "has a base version"),
        ({"method": "full"}, "has none"),
        ({"sha256": "00" * 32}, "has changed since"),
        ({"file": "other.bin"}, "No such file"),
        ({"size_bytes": "big"}, "must be a number"),
    ],
)
def test_a_note_that_does_not_hold_says_why(tmp_path, changes, word):
    save_note(note_in(tmp_path, **changes), tmp_path / "note.yaml")
    with pytest.raises(SpecError, match=word):
        load_note(tmp_path / "note.yaml")


@pytest.mark.parametrize("text", ["", "a: 1", "- x", "{", "\0", "file: x\nsha256: y"])
def test_what_is_no_note_is_told_so(tmp_path, text):
    (tmp_path / "note.yaml").write_text(text)
    with pytest.raises(SpecError, match="pkg wrap"):
        load_note(tmp_path / "note.yaml")


def test_a_note_with_a_key_too_many_is_refused(tmp_path):
    (tmp_path / "note.yaml").write_text(yaml.safe_dump({**asdict(note_in(tmp_path)), "more": 1}))
    with pytest.raises(SpecError, match="pkg wrap"):
        load_note(tmp_path / "note.yaml")
