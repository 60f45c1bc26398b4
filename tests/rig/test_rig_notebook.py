"""What a notebook shows of a device, its flash and a job: text, a PNG that is one, and HTML without scripts."""

from __future__ import annotations

import asyncio
import struct
import zlib
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.rig import Rig
from sim.rig.flash import CELL_PX, COLUMNS, colour
from sim.rig.notebook import Colour, png, table


def decoded(picture: bytes) -> list[list[Colour]]:
    """Pixels of a PNG with a palette and no filters; every chunk's CRC-32 is checked."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", picture, at + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 3, 0, 0, 0]
    palette = [tuple(chunks[b"PLTE"][n : n + 3]) for n in range(0, len(chunks[b"PLTE"]), 3)]
    lines = zlib.decompress(chunks[b"IDAT"])
    assert len(lines) == height * (width + 1)
    rows = [lines[row * (width + 1) :][: width + 1] for row in range(height)]
    assert all(row[0] == 0 for row in rows)
    return [[palette[index] for index in row[1:]] for row in rows]  # type: ignore[misc]


COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(COLOURS, min_size=1, max_size=5), max_size=4), st.integers(2, 4))
def test_png_shows_each_cell(cells: list[list[Colour]], size: int) -> None:
    grid = (1, 2, 3)
    pixels = decoded(png(cells, size, grid))
    for y, row in enumerate(cells):
        for x, wanted in enumerate(row):
            assert pixels[y * size][x * size] == wanted
            assert pixels[y * size + size - 1][x * size] == grid
            assert pixels[y * size][x * size + size - 1] == grid


def test_flash_map_has_a_square_for_each_sector(rig: Rig) -> None:
    device = rig.device()
    bundle = device._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png", "text/html"}
    pixels = decoded(bundle["image/png"])
    assert (len(pixels[0]), len(pixels)) == (COLUMNS * CELL_PX, 2048 // COLUMNS * CELL_PX)
    app = device.flash.partitions[1]
    assert app["name"] == "APP"
    used = sum(line[x] == colour(1) for line in pixels[::CELL_PX] for x in range(0, len(line), CELL_PX))
    assert used == app["used_sectors"] > 0
    assert bundle["text/plain"].startswith("<EG915U device-1: off")
    assert f"{app['used_sectors']} of {app['sectors']} sectors in use" in bundle["text/plain"]
    assert device.flash._repr_mimebundle_()["image/png"] == bundle["image/png"]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_and_has_no_script(rig: Rig) -> None:
    device = rig.device()
    job = rig.cloud.create_job("j", device, document={})
    for html in (device._repr_mimebundle_()["text/html"], job._repr_mimebundle_()["text/html"]):
        tags = Tags()
        tags.feed(html)
        assert tags.open == []
        assert "table" in tags.seen
        assert "script" not in tags.seen
    assert "http" not in html


def test_what_a_device_says_is_no_html() -> None:
    html = table("<b>", ("<i>",), [("<script>",)])
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_it_works_where_a_loop_runs_already() -> None:
    """As in a notebook's cell."""

    async def cell() -> str:
        with Rig() as rig:
            device = rig.device()
            device.boot()
            return device.state

    assert asyncio.run(cell()) == "running"


def test_a_palette_has_its_limit() -> None:
    with pytest.raises(AssertionError):
        png([[(n // 256, n % 256, 0) for n in range(300)]], 2, (0, 0, 1))
