"""Bodies in signed and unsigned chunks, and their checksums. Chunks are signed here by a second derivation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib

import pytest
from test_artifacts import refusal

from sim.cloud.artifacts import ArtifactStore
from sim.cloud.s3.fault import Fault
from sim.cloud.s3.multipart import parse_xml
from sim.cloud.sigv4 import OPERATOR
from sim.ports import HttpRequest, HttpResponse

STAMP = "20260101T000000Z"
SCOPE = "20260101/us-west-2/s3/aws4_request"
NOW = 1_767_225_600
HOST = "s3.us-west-2.amazonaws.com"


@pytest.fixture
def store() -> ArtifactStore:
    store = ArtifactStore()
    store.put("bucket", "other", b"")
    return store


def keyed(text: str) -> str:
    key = ("AWS4" + OPERATOR.secret).encode()
    for part in SCOPE.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def authorization(kind: str, headers: dict[str, str]) -> tuple[dict[str, str], str]:
    """All headers of PUT /bucket/k, and the signature that the first chunk continues."""
    signed = {"host": HOST, "x-amz-date": STAMP, "x-amz-content-sha256": kind, **headers}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = f"PUT\n/bucket/k\n\n{lines}\n{names}\n{kind}"
    signature = keyed(f"AWS4-HMAC-SHA256\n{STAMP}\n{SCOPE}\n{sha(canonical.encode())}")
    value = f"AWS4-HMAC-SHA256 Credential={OPERATOR.access_key}/{SCOPE},SignedHeaders={names},Signature={signature}"
    return {**signed, "Authorization": value}, signature


def put(store: ArtifactStore, headers: dict[str, str], body: bytes) -> HttpResponse:
    return store.respond(HttpRequest("PUT", f"https://{HOST}/bucket/k", headers, body), NOW)


def signed_chunks(pieces: list[bytes], seed: str) -> bytes:
    body, previous = b"", seed
    for piece in [*pieces, b""]:
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{STAMP}\n{SCOPE}\n{previous}\n{sha(b'')}\n{sha(piece)}"
        previous = keyed(text)
        body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n"
    return body


def streaming(size: int, kind: str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") -> tuple[dict[str, str], str]:
    return authorization(kind, {"content-encoding": "aws-chunked,gzip", "x-amz-decoded-content-length": str(size)})


def test_signed_chunks(store: ArtifactStore) -> None:
    headers, seed = streaming(9)
    assert put(store, headers, signed_chunks([b"hello", b"bye!"], seed)).status == 200
    assert store.get("bucket", "k") == b"hellobye!"
    kept = store.buckets["bucket"].find("k", None)
    assert kept.headers["content-encoding"] == "gzip"


def test_chunks_that_were_changed_or_swapped(store: ArtifactStore) -> None:
    headers, seed = streaming(10)
    body = signed_chunks([b"hello", b"world"], seed)
    assert refusal(put(store, headers, body.replace(b"hello", b"jello"))) == (403, "SignatureDoesNotMatch")
    one, two = body.split(b"\r\n")[0:2], body.split(b"\r\n")[2:4]
    swapped = b"\r\n".join([*two, *one, *body.split(b"\r\n")[4:]])
    assert refusal(put(store, headers, swapped)) == (403, "SignatureDoesNotMatch")
    assert store.get("bucket", "k") is None


@pytest.mark.parametrize(
    ("size", "body", "code"),
    [
        (5, b"5\r\nhello\r\n", "IncompleteBody"),
        (5, b"5\r\nhell", "IncompleteBody"),
        (4, b"5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
        (5, b"x\r\nhello\r\n0\r\n\r\n", "InvalidChunkSizeError"),
        (5, b"", "IncompleteBody"),
        (5, b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "BadDigest"),
        (5, b"f" * 300, "IncompleteBody"),
    ],
)
def test_chunks_that_cannot_be_read(store: ArtifactStore, size: int, body: bytes, code: str) -> None:
    headers, _ = streaming(size, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert refusal(put(store, headers, body)) == (400, code)
    assert store.get("bucket", "k") is None


def test_unsigned_chunks_with_a_checksum_behind_them(store: ArtifactStore) -> None:
    headers, _ = streaming(5, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    crc = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big"))
    body = b"2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n"
    answer = put(store, headers, body)
    assert (answer.status, answer.headers["x-amz-checksum-crc32"]) == (200, crc.decode())
    assert store.get("bucket", "k") == b"hello"


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("crc32", (0xCBF43926).to_bytes(4, "big")),
        ("crc32c", (0xE3069283).to_bytes(4, "big")),
        ("crc64nvme", (0xAE8B14860A799888).to_bytes(8, "big")),
        ("sha1", hashlib.sha1(b"123456789").digest()),
        ("sha256", hashlib.sha256(b"123456789").digest()),
    ],
)
def test_checksums_against_published_check_values(store: ArtifactStore, algorithm: str, value: bytes) -> None:
    good = {f"x-amz-checksum-{algorithm}": base64.b64encode(value).decode()}
    headers, _ = authorization("UNSIGNED-PAYLOAD", good)
    assert put(store, headers, b"123456789").status == 200
    assert refusal(put(store, headers, b"12345678")) == (400, "BadDigest")
    assert store.get("bucket", "k") == b"123456789"


def test_bodies_that_are_not_what_was_signed(store: ArtifactStore) -> None:
    headers, _ = authorization(sha(b"signed"), {})
    assert refusal(put(store, headers, b"other")) == (400, "XAmzContentSHA256Mismatch")
    assert put(store, headers, b"signed").status == 200
    headers, _ = authorization("no hash", {})
    assert refusal(put(store, headers, b"signed")) == (400, "InvalidRequest")
    headers, _ = authorization("UNSIGNED-PAYLOAD", {"x-amz-checksum-md6": "x"})
    assert refusal(put(store, headers, b"signed")) == (501, "NotImplemented")


@pytest.mark.parametrize("body", ["<!DOCTYPE x [<!ENTITY a '1'>]><x>&a;</x>", "<x", "", "\xff", "<x>\x00</x>"])
def test_xml_that_is_refused(body: str) -> None:
    with pytest.raises(Fault) as refused:
        parse_xml(body.encode("latin-1"))
    assert (refused.value.status, refused.value.code) == (400, "MalformedXML")
