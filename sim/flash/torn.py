"""What a flash command leaves behind when power goes while it runs. Pure functions of the cells and a seed.

A torn program has turned some of the 1 bits to 0 that it was to turn, a torn erase has raised some of the 0
bits; neither ever does the opposite. The five shapes are the ones that break naive recovery code in different
ways: nothing happened, only the start, only the end, random bits, everything (but nobody was told).
"""

from __future__ import annotations

from enum import StrEnum

from sim.kernel.seeds import Stream, stream


class Torn(StrEnum):
    """The shape of the command that a power cut interrupts."""

    NONE = "none"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    RANDOM = "random"
    COMPLETE = "complete"


def torn_program(old: bytes, data: bytes, shape: Torn, seed: int) -> bytes:
    """The cells after a torn program of `data` onto `old`; both have the same length, `data` is programmable."""
    return _between(old, data, shape, stream(seed, "", "torn program"))


def torn_erase(old: bytes, shape: Torn, seed: int) -> bytes:
    """The cells of one sector after a torn erase of `old`."""
    return _between(old, b"\xff" * len(old), shape, stream(seed, "", "torn erase"))


def _between(old: bytes, new: bytes, shape: Torn, rng: Stream) -> bytes:
    """A state on the way from `old` to `new`: every bit is that of one of the two."""
    border = rng.randrange(1, len(old)) if len(old) > 1 else 0
    match shape:
        case Torn.NONE:
            return old
        case Torn.PREFIX:
            return new[:border] + old[border:]
        case Torn.SUFFIX:
            return old[:border] + new[border:]
        case Torn.RANDOM:
            was, will = int.from_bytes(old), int.from_bytes(new)
            return (was ^ ((was ^ will) & rng.getrandbits(8 * len(old)))).to_bytes(len(old))
        case Torn.COMPLETE:
            return new
