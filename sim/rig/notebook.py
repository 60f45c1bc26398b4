"""What notebooks show: a PNG, a figure, a table. No script in it, so that it shows wherever HTML does."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape

Colour = tuple[int, int, int]


def png(cells: Sequence[Sequence[Colour]], cell_px: int, grid: Colour) -> bytes:
    """A picture of coloured squares with lines between them; PNG with a palette, 8 bits a pixel. The last row may be
    shorter than the others."""
    palette = list(dict.fromkeys([grid, *(colour for row in cells for colour in row)]))
    assert len(palette) <= 256, "a palette has 256 colours"
    number = {colour: index for index, colour in enumerate(palette)}
    columns = max((len(row) for row in cells), default=0)
    width, height = max(1, columns * cell_px), max(1, len(cells) * cell_px)
    lines = bytearray()
    for row in cells:
        line = b"".join(bytes([number[colour]]) * (cell_px - 1) + b"\0" for colour in row).ljust(width, b"\0")
        lines += (b"\0" + line) * (cell_px - 1) + b"\0" * (1 + width)
    lines = lines or bytearray(b"\0\0")
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", head),
        (b"PLTE", bytes(sum(palette, ()))),
        (b"IDAT", zlib.compress(bytes(lines), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def figure(picture: bytes, caption: str) -> str:
    """A PNG with words below it."""
    data = base64.b64encode(picture).decode()
    return (
        f'<figure><img alt="{escape(caption, quote=True)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[object]], colours: Sequence[Colour] = ()) -> str:
    """Rows under heads; a row may begin with a square of its colour."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = ""
    for index, row in enumerate(rows):
        square = ""
        if index < len(colours):
            square = '<span style="color:#{:02x}{:02x}{:02x}">■</span> '.format(*colours[index])
        cells = [escape(str(value)) for value in row]
        body += "<tr><td>" + square + "</td><td>".join(cells) + "</td></tr>"
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
