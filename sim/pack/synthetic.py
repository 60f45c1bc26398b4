"""Synthetic firmware code: what an image contains when nobody has a real one.

It looks to a compressor and to a matcher like Cortex-M code: functions made of recurring instruction idioms, BL
calls with true Thumb-2 encoding, literal pools with absolute addresses, strings, a function table, an asset. A
version is a set of edits to the family's common base, then linked anew, so that addresses shift everywhere as they
do in life. Rules: integers only, drawn from raw PCG64 output (a stream numpy promises to keep), so that the same
(family, partition, version, size) gives the same bytes on every machine; a version never depends on another one.

The shares and rates below are ESTIMATES, tuned so that LZMA ratio (about 60 %) and the patch between two versions
(3–8 %) match public MicroPython builds for Cortex-M and their minor releases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb, isqrt

import numpy as np
import numpy.typing as npt

from sim.kernel.seeds import key

Words = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.int64]

_LOAD_ADDRESS = 0x6001_0000
_HEADER_BYTES = 64

_BASE_PER_MILLE = 975  # of the bound: room for a version's insertions
_TEXT_PER_MILLE = 160
_ASSET_PER_MILLE = 60
_NOISY_PER_1024 = 460  # instructions whose low byte is an immediate or registers, hence unlike its idiom's
_IDIOMS = 3000
_WORDS_PER_CALL = 7
_WORDS_PER_LITERAL = 12
_EDITED_PER_10000 = 45  # functions with a changed line; two versions differ by both their edits
_ADDED_PER_10000 = 8
_TEXT_EDITED_PER_10000 = 20


@dataclass(frozen=True)
class _Program:
    """An image before linking; positions and lengths in 32-bit words, each sorted by position."""

    code: Words
    functions: Numbers  # where each function starts
    calls: Numbers
    callees: Numbers  # function index per call
    literals: Numbers
    literal_seeds: Numbers  # decides what a literal points to
    text: Words
    strings: Numbers  # where each string starts
    asset: bytes


class _Draw:
    """A named stream of raw numbers."""

    def __init__(self, *name: object) -> None:
        self._bits = np.random.PCG64(key(0, "firmware", repr(name)))

    def raw(self, count: int) -> npt.NDArray[np.uint64]:
        return np.atleast_1d(np.asarray(self._bits.random_raw(count), dtype=np.uint64))

    def below(self, limit: int, count: int) -> Numbers:
        """`count` numbers in 0 … limit-1; limit at most 2**31."""
        return (((self.raw(count) >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)

    def pick(self, table: Numbers, count: int) -> Numbers:
        """`count` entries of a 65,536-entry table of weighted values."""
        return table[(self.raw(count) & np.uint64(0xFFFF)).astype(np.int64)]


def synthetic_body(family: str, partition: str, version: str, bound_bytes: int) -> bytes:
    """The bytes after the image header: at most `bound_bytes`, a function of the arguments only."""
    program = _base(family, partition, bound_bytes)
    image = _link(_edited(program, _Draw("version", family, partition, version, bound_bytes), family))
    return image[:bound_bytes]


@lru_cache(maxsize=8)
def _base(family: str, partition: str, bound_bytes: int) -> _Program:
    draw = _Draw("base", family, partition, bound_bytes)
    size = bound_bytes * _BASE_PER_MILLE // 1000
    text, strings = _text(draw, size * _TEXT_PER_MILLE // 1000 // 4)
    code_words = size * (1000 - _TEXT_PER_MILLE - _ASSET_PER_MILLE) // 1000 // 4
    lengths = _function_lengths(draw, code_words)
    functions = np.cumsum(lengths) - lengths
    calls, _ = _sites(draw, functions, lengths, _WORDS_PER_CALL)
    # Few functions have most of the callers.
    callees = draw.below(len(lengths), len(calls)) * draw.below(len(lengths), len(calls)) // len(lengths)
    pool_lengths = np.maximum(lengths // _WORDS_PER_LITERAL, 1)
    owner = np.repeat(np.arange(len(lengths)), pool_lengths)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(pool_lengths) - pool_lengths, pool_lengths)
    literals = (functions + lengths - pool_lengths)[owner] + within
    in_pool = np.isin(calls, literals)
    return _Program(
        code=_instructions(draw, family, int(lengths.sum())),
        functions=functions,
        calls=calls[~in_pool],
        callees=callees[~in_pool],
        literals=literals,
        literal_seeds=draw.below(1 << 30, len(literals)),
        text=text,
        strings=strings,
        asset=draw.raw(size * _ASSET_PER_MILLE // 1000 // 8).astype("<u8").tobytes(),
    )


def _sites(draw: _Draw, starts: Numbers, lengths: Numbers, spacing: int) -> tuple[Numbers, Numbers]:
    """One position in every `spacing` words of every function, and which function it is in."""
    counts = lengths // spacing
    owner = np.repeat(np.arange(len(lengths)), counts)
    ordinal = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return starts[owner] + ordinal * spacing + draw.below(spacing, len(owner)), owner


def _function_lengths(draw: _Draw, total_words: int) -> Numbers:
    """Bell-shaped on a logarithmic scale, median about 120 words, together `total_words` or a few less."""
    scale, value = [], 10
    for _ in range(13):
        scale.append(value)
        value = value * 3 // 2
    table = np.array(scale, dtype=np.int64)[_weighted([comb(12, level) for level in range(13)])]
    count = total_words // 40 + 1
    lengths = draw.pick(table, count) + draw.below(8, count)
    lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), total_words, side="right"))]
    rest = total_words - int(lengths.sum())
    return np.append(lengths, rest) if rest >= 10 else lengths


def _instructions(draw: _Draw, family: str, count: int) -> Words:
    """`count` words of code: idioms of the family in Zipf order, with noisy immediates."""
    tokens, starts, lengths = _idioms(family)
    chosen = draw.pick(_zipf_table(_IDIOMS), count)  # an idiom is at least two halfwords: always enough
    sizes = lengths[chosen]
    ends = np.cumsum(sizes)
    flat = np.repeat(starts[chosen] - (ends - sizes), sizes)[: 2 * count] + np.arange(2 * count)
    halves = tokens[flat]
    noise = draw.raw(2 * count)
    noisy = (noise & np.uint64(1023)) < np.uint64(_NOISY_PER_1024)
    low = (_immediate_table()[((noise >> np.uint64(10)) & np.uint64(0xFFFF)).astype(np.int64)]
           + ((noise >> np.uint64(30)) % np.uint64(3)).astype(np.int64) * 32) & 0xFF  # fmt: skip
    halves = np.where(noisy, (halves & 0xFF00) | low, halves)
    return (halves[0::2] | (halves[1::2] << 16)).astype(np.uint32)


@lru_cache(maxsize=8)
def _idioms(family: str) -> tuple[Numbers, Numbers, Numbers]:
    draw = _Draw("idioms", family)
    lengths = draw.below(5, _IDIOMS) + 2
    total = int(lengths.sum())
    opcodes = draw.below(256, 64)
    tokens = (opcodes[draw.pick(_zipf_table(64), total)] << 8) | draw.pick(_zipf_table(256), total)
    return tokens, np.cumsum(lengths) - lengths, lengths


def _text(draw: _Draw, total_words: int) -> tuple[Words, Numbers]:
    letters = np.frombuffer(b"eeeettaaooiinnsshhrrddlucmfwypvbgkqjxz__", dtype=np.uint8)
    lengths = draw.below(8, 1500) + 2
    pool = letters[draw.below(len(letters), int(lengths.sum()))].tobytes()
    ends = np.cumsum(lengths)
    vocabulary = [pool[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]
    picks = draw.pick(_zipf_table(1500), total_words).tolist()
    counts = (draw.below(7, total_words) + 1).tolist()
    text, starts, at, size, limit = [], [0], 0, 0, 4 * total_words
    for count in counts:
        string = b" ".join(vocabulary[pick] for pick in picks[at : at + count]) + b"\0"
        string += b"\0" * (-len(string) % 4)
        if size + len(string) > limit or at + count > len(picks):
            break
        text.append(string)
        at, size = at + count, size + len(string)
        starts.append(size // 4)
    words = np.frombuffer(b"".join(text), dtype="<u4").astype(np.uint32)
    return words, np.array(starts[:-1] or [0], dtype=np.int64)


def _edited(base: _Program, draw: _Draw, family: str) -> _Program:
    """The base with one version's edits: changed lines, added functions, longer strings."""
    lengths = np.diff(np.append(base.functions, len(base.code)))
    changed = _some(draw, len(lengths), _EDITED_PER_10000)
    at = base.functions[changed] + 1 + draw.below(1 << 16, len(changed)) % np.maximum(lengths[changed] // 2, 1)
    removed = np.minimum(draw.below(3, len(changed)), lengths[changed] // 2)
    grown = draw.below(5, len(changed))
    added = base.functions[_some(draw, len(lengths), _ADDED_PER_10000)]
    sizes = draw.below(200, len(added)) + 20
    code = _Splice(
        np.concatenate((at, added)),
        np.concatenate((removed, np.zeros(len(added), dtype=np.int64))),
        np.concatenate((grown, sizes)),
    )
    fresh = _instructions(draw, family, int(code.inserted.sum()) + 1)
    strings = _some(draw, len(base.strings), _TEXT_EDITED_PER_10000)
    nothing = np.zeros(len(strings), dtype=np.int64)
    text = _Splice(base.strings[strings], nothing, draw.below(4, len(strings)) + 1)
    words = fresh | np.uint32(0x6060_6060)  # letters, roughly
    calls, kept_calls = code.moved(base.calls)
    literals, kept_literals = code.moved(base.literals)
    return _Program(
        code=code.apply(base.code, fresh),
        functions=code.moved(base.functions)[0],
        calls=calls[kept_calls],
        callees=base.callees[kept_calls],
        literals=literals[kept_literals],
        literal_seeds=base.literal_seeds[kept_literals],
        text=text.apply(base.text, np.resize(words, int(text.inserted.sum()))),
        strings=text.moved(base.strings)[0],
        asset=base.asset,
    )


def _some(draw: _Draw, count: int, per_10000: int) -> Numbers:
    """At least one index below `count`, sorted, each once."""
    return np.unique(draw.below(count, max(1, count * per_10000 // 10000)))


class _Splice:
    """Replacements in an array: at `at`, `removed` words go and `inserted` words come."""

    def __init__(self, at: Numbers, removed: Numbers, inserted: Numbers) -> None:
        order = np.argsort(at, kind="stable")
        self.at, self.removed, self.inserted = at[order], removed[order], inserted[order]
        # A removal must not reach into the next edit.
        self.removed[:-1] = np.minimum(self.removed[:-1], np.diff(self.at))
        self._shift = np.concatenate(([0], np.cumsum(self.inserted - self.removed)))

    def apply(self, words: Words, fresh: Words) -> Words:
        pieces, done, used = [], 0, 0
        for at, removed, inserted in zip(self.at.tolist(), self.removed.tolist(), self.inserted.tolist(), strict=True):
            pieces += [words[done:at], fresh[used : used + inserted]]
            done, used = at + removed, used + inserted
        return np.concatenate([*pieces, words[done:]])

    def moved(self, positions: Numbers) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """Where positions are afterwards, and whether the word there survived."""
        edits_before = np.searchsorted(self.at, positions, side="right")
        last = np.maximum(edits_before - 1, 0)
        survived = (edits_before == 0) | (positions >= self.at[last] + self.removed[last])
        return positions + self._shift[edits_before], survived


def _link(program: _Program) -> bytes:
    """Resolve calls, literals and the function table at the program's addresses."""
    code = program.code.copy()
    code[program.calls] = _branch_with_link(4 * (program.functions[program.callees] - program.calls) - 4)
    start = _LOAD_ADDRESS + _HEADER_BYTES
    seeds = program.literal_seeds >> 2
    kinds = program.literal_seeds & 3
    strings = start + 4 * (len(code) + program.strings[seeds % len(program.strings)])
    entries = start + 4 * program.functions + 1  # bit 0 set: Thumb code
    functions = entries[seeds % len(entries)]
    code[program.literals] = np.where(kinds < 2, strings, np.where(kinds == 2, functions, seeds & 0xFFFF))
    parts = (code, program.text, entries.astype(np.uint32))
    return b"".join(part.astype("<u4").tobytes() for part in parts) + program.asset


def _branch_with_link(offsets: Numbers) -> Words:
    """Thumb-2 encoding T1 of BL for byte offsets from the call's pc; first halfword in the low half."""
    sign = (offsets < 0).astype(np.int64)
    value = offsets & 0x1FF_FFFF
    j1 = 1 - (((value >> 23) & 1) ^ sign)
    j2 = 1 - (((value >> 22) & 1) ^ sign)
    first = 0xF000 | (sign << 10) | ((value >> 12) & 0x3FF)
    second = 0xD000 | (j1 << 13) | (j2 << 11) | ((value >> 1) & 0x7FF)
    return (first | (second << 16)).astype(np.uint32)


def _weighted(weights: list[int]) -> Numbers:
    """65,536 indices into `weights`, each as often as its weight asks."""
    total, sum_before, counts = sum(weights), 0, []
    for weight in weights:
        counts.append((sum_before + weight) * 65536 // total - sum_before * 65536 // total)
        sum_before += weight
    return np.repeat(np.arange(len(weights), dtype=np.int64), np.array(counts, dtype=np.int64))


@lru_cache(maxsize=8)
def _zipf_table(count: int) -> Numbers:
    """Rank r has weight r**-1.25, by integer roots."""
    return _weighted([(1 << 40) // (rank * isqrt(isqrt(rank << 32))) for rank in range(1, count + 1)])


@lru_cache(maxsize=1)
def _immediate_table() -> Numbers:
    """Small immediates are commoner: each value 2 % rarer than the one below."""
    weights, weight = [], 1 << 40
    for _ in range(256):
        weights.append(weight)
        weight = weight * 98 // 100
    return _weighted(weights)
