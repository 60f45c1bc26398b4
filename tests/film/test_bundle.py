"""A bundle opens as it was saved, and what is none is refused with a sentence."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from film_rig import Filmed, filmed
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import MachineError, SpecError
from sim.film import bundle
from sim.film.bundle import Bundled, read_bundle, save_bundle
from sim.film.entries import Block, Splitter, blocks_of
from sim.film.film import Film


@pytest.fixture(scope="module")
def one() -> Filmed:
    return filmed("one_device")


@pytest.fixture
def kept(tmp_path: Path, one: Filmed) -> Path:
    path = tmp_path / "a.qpyrun"
    save_bundle(path, {1: Bundled(one.film), 3: Bundled(one.film, 1, 7, ({"n": 8, "what": "power_cut"},))})
    return path


def test_it_opens_as_it_was_saved(kept: Path, one: Filmed) -> None:
    films = read_bundle(kept)
    assert list(films) == [1, 3]
    assert list(films[1].film.blocks()) == list(one.film.blocks())
    assert films[1].film.described() == one.film.described()
    assert (films[3].parent, films[3].equal, films[3].log) == (1, 7, ({"n": 8, "what": "power_cut"},))


def test_the_same_films_give_the_same_bytes(kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.qpyrun"
    save_bundle(other, read_bundle(kept))
    assert other.read_bytes() == kept.read_bytes()


def test_a_film_that_broke_off_opens_and_says_so(tmp_path: Path, one: Filmed) -> None:
    film = Film()
    for block in list(one.film.blocks())[:-1]:
        film.add(block)
    save_bundle(tmp_path / "a.qpyrun", {1: Bundled(film)})
    (again,) = read_bundle(tmp_path / "a.qpyrun").values()
    assert again.film.failure == "it had not come to its end when it was saved"
    assert not again.film.growing


def changed(kept: Path, name: str, data: bytes | None) -> Path:
    """The bundle with one file in it replaced, or left out."""
    path = kept.with_name("changed.qpyrun")
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        if data is not None:
            new.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("bundle.json", None, "holds no films"),
        ("bundle.json", b"{", "holds no films"),
        ("bundle.json", b'{"qpyrun": 99, "qpyota": "9.9", "films": {"1": {}}}', "another version of qpyota, 9.9"),
        ("bundle.json", b'{"qpyrun": 1, "films": {}}', "0 films"),
        ("bundle.json", b'{"qpyrun": 1, "films": {"../1": {}}}', "holds no films"),
        ("1.tape", None, "film 1 is missing"),
        ("1.tape", b"", "film 1 is not whole"),
        ("1.tape", b"\xff\xff\xff\xff\x01", "damaged"),
        ("1.tape", b"\x02\x00\x00\x00\x00{}", "film 1 is not whole"),
    ],
)
def test_what_is_no_bundle_is_said(kept: Path, name: str, data: bytes | None, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        read_bundle(changed(kept, name, data))


def test_files_that_are_something_else(tmp_path: Path) -> None:
    text = tmp_path / "note.qpyrun"
    text.write_text("hello")
    with pytest.raises(SpecError, match=r"is no \.qpyrun file"):
        read_bundle(text)
    with pytest.raises(SpecError, match="there is no"):
        read_bundle(tmp_path / "nothing.qpyrun")
    with pytest.raises(MachineError, match="cannot be written"):
        save_bundle(tmp_path / "no" / "folder.qpyrun", {})


def test_a_bomb_is_not_unpacked(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "TAPE_MAX_BYTES", 1000)
    with pytest.raises(SpecError, match="is larger than"):
        read_bundle(kept)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_tape_is_a_spec_error_or_a_film(data: st.DataObject) -> None:
    """Any byte changed: it is read, or refused in words, and never anything else."""
    tape = bytearray(TAPE)
    for _ in range(data.draw(st.integers(1, 4))):
        tape[data.draw(st.integers(0, len(tape) - 1))] ^= data.draw(st.integers(1, 255))
    film: Any = Film()
    try:
        for block in blocks_of(bytes(tape)):
            film.add(block)
        film.described()
        b"".join(film.tape())
    except SpecError:
        pass


@given(pieces=st.lists(st.binary(max_size=40), max_size=8), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_blocks_come_out_of_any_pieces(pieces: list[bytes], cuts: list[int]) -> None:
    blocks = [Block(number % 9, body) for number, body in enumerate(pieces)]
    stream, splitter, found, at = b"".join(block.packed() for block in blocks), Splitter(), [], 0
    while at < len(stream):
        step = cuts[at % len(cuts)]
        found += splitter.feed(stream[at : at + step])
        at += step
    assert found == blocks
    assert splitter.empty


TAPE = b"".join(block.packed() for block in filmed("one_device", "duration=10s").film.blocks())


def test_the_index_is_readable(kept: Path) -> None:
    with zipfile.ZipFile(kept) as archive:
        assert set(json.loads(archive.read("bundle.json"))["films"]) == {"1", "3"}
