"""`ubinascii`: bytes as hexadecimal digits and as base64, and CRC-32."""

from __future__ import annotations

import binascii
from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

Data = bytes | bytearray | memoryview | str


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace(
        "ubinascii",
        hexlify=_hexlify,
        unhexlify=_unhexlify,
        a2b_base64=_a2b_base64,
        b2a_base64=lambda data: binascii.b2a_base64(as_bytes(data)),
        crc32=lambda data, start=0: binascii.crc32(as_bytes(data), start),
    )


def as_bytes(data: Data) -> bytes:
    """Text counts as its UTF-8, as these builds take either."""
    return data.encode() if isinstance(data, str) else bytes(data)


def _hexlify(data: Data, separator: Data | None = None) -> bytes:
    digits = binascii.hexlify(as_bytes(data))
    if separator is None:
        return digits
    return as_bytes(separator).join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _unhexlify(data: Data) -> bytes:
    try:
        return binascii.unhexlify(as_bytes(data))
    except binascii.Error:
        odd = len(as_bytes(data)) % 2
        raise ValueError("odd-length string" if odd else "non-hex digit found") from None


def _a2b_base64(data: Data) -> bytes:
    try:
        return binascii.a2b_base64(as_bytes(data))
    except binascii.Error:
        raise ValueError("incorrect padding") from None
