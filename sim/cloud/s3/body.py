"""The body of an upload as it was meant: framing of aws-chunked taken off, and every checksum given along compared.

A checksum that is given and does not fit refuses the upload; one of an algorithm unknown here refuses it too, because
success without checking would hide a broken client. CRC polynomials: RFC 3720 (CRC-32C) and the NVM Express
specification (CRC-64).
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import md5, sha1, sha256

from sim.cloud import sigv4
from sim.cloud.s3.auth import Seal
from sim.cloud.s3.fault import Fault, bad_request, not_implemented
from sim.cloud.s3.request import S3Request

CHECKSUM_PREFIX = "x-amz-checksum-"
CHUNK_LINE_MAX_BYTES = 256
"""ESTIMATE: longest line before a chunk; a signed one has 85 bytes and its size."""

_CRLF = b"\r\n"


def payload(request: S3Request, seal: Seal | None) -> tuple[bytes, dict[str, str]]:
    """Content of the body, and the checksums that were given and hold (header name → value)."""
    kind = request.headers.get("x-amz-content-sha256", sigv4.UNSIGNED_PAYLOAD)
    trailers: dict[str, str] = {}
    if kind.startswith("STREAMING-"):
        data, trailers = _unframe(request, seal if kind.startswith("STREAMING-AWS4-HMAC") else None)
        declared = request.headers.get("x-amz-decoded-content-length", "")
        if declared != str(len(data)):
            raise bad_request("IncompleteBody", f"The body has {len(data)} bytes and not {declared[:20]}")
    else:
        data = request.body
        if seal is not None and kind != sigv4.UNSIGNED_PAYLOAD and sha256(data).hexdigest() != kind:
            message = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise bad_request("XAmzContentSHA256Mismatch", message)
    _check_md5(data, request.headers.get("content-md5"))
    return data, _check(data, {**request.headers, **trailers})


def _unframe(request: S3Request, seal: Seal | None) -> tuple[bytes, dict[str, str]]:
    """Chunks put together, and the trailers after them. With a seal each chunk is signed in its turn."""
    rest, chunks = memoryview(request.body), []
    previous = seal.claim.signature if seal else ""
    while True:
        line, rest = _line(rest)
        size_text, _, extension = line.partition(b";")
        size = _size(size_text)
        chunk = bytes(rest[:size])
        if seal is not None:
            previous = _check_chunk(seal, previous, chunk, extension)
        if size == 0:
            break
        if len(chunk) != size or bytes(rest[size : size + 2]) != _CRLF:
            raise bad_request("IncompleteBody", "The request body terminated unexpectedly")
        chunks.append(chunk)
        rest = rest[size + 2 :]
    return b"".join(chunks), _trailers(bytes(rest))


def _check_chunk(seal: Seal, previous: str, chunk: bytes, extension: bytes) -> str:
    claim = seal.claim
    lines = ("AWS4-HMAC-SHA256-PAYLOAD", claim.stamp, str(claim.scope), previous, sigv4.EMPTY_HASH)
    expected = sigv4.seal(seal.secret, claim.scope, "\n".join([*lines, sha256(chunk).hexdigest()]))
    if not sigv4.same(f"chunk-signature={expected}", extension.decode("latin-1")):
        raise Fault(403, "SignatureDoesNotMatch", "The signature of a chunk does not match.")
    return expected


def _line(rest: memoryview) -> tuple[bytes, memoryview]:
    head = bytes(rest[:CHUNK_LINE_MAX_BYTES])
    line, found, _ = head.partition(_CRLF)
    if not found:
        raise bad_request("IncompleteBody", "The request body terminated unexpectedly")
    return line, rest[len(line) + 2 :]


def _size(text: bytes) -> int:
    digits = text.strip()
    if not 1 <= len(digits) <= 16 or digits.strip(b"0123456789abcdefABCDEF"):
        raise bad_request("InvalidChunkSizeError", "A chunk has no size")
    return int(digits, 16)


def _trailers(rest: bytes) -> dict[str, str]:
    """Checksums after the last chunk. A signature of theirs is not looked at: the checksums speak for the content."""
    found = {}
    for line in rest.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower().startswith(CHECKSUM_PREFIX):
            found[name.strip().lower()] = value.strip()
    return found


def _check(data: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    good = {}
    for name, value in headers.items():
        algorithm = name.removeprefix(CHECKSUM_PREFIX)
        if algorithm == name or algorithm in ("algorithm", "mode", "type"):
            continue
        if algorithm not in _ALGORITHMS:
            raise not_implemented(f"checksum {algorithm}")
        if b64encode(_ALGORITHMS[algorithm](data)).decode() != value:
            shown = algorithm.upper()
            raise bad_request("BadDigest", f"The {shown} you specified did not match the calculated checksum.")
        good[name] = value
    return good


def _check_md5(data: bytes, given: str | None) -> None:
    if given is None:
        return
    try:
        digest = b64decode(given, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        raise bad_request("InvalidDigest", "The Content-MD5 you specified was invalid.")
    if digest != md5(data, usedforsecurity=False).digest():
        raise bad_request("BadDigest", "The Content-MD5 you specified did not match what we received.")


def _crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def _reflected(polynomial: int, width: int) -> Callable[[bytes], bytes]:
    def checksum(data: bytes) -> bytes:
        table, mask = _table(polynomial), (1 << width) - 1
        crc = mask
        for byte in data:
            crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
        return (crc ^ mask).to_bytes(width // 8, "big")

    return checksum


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        return value

    return tuple(entry(byte) for byte in range(256))


_ALGORITHMS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": _crc32,
    "crc32c": _reflected(0x82F63B78, 32),
    "crc64nvme": _reflected(0x9A6C9329AC4BC9B5, 64),
    "sha1": lambda data: sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: sha256(data).digest(),
}
