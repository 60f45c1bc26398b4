"""Job documents: what may be stored, and how a presigned URL gets into what a device receives.

A document is any JSON value in at most 32768 characters. It is stored with its placeholders; at every delivery each
`${aws:iot:s3-presigned-url:URL}` inside a string value becomes a freshly signed URL, so an expired URL is renewed by
asking again. Other placeholders that are terminated stay as they are. Faults are told at creation, never at delivery.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from sim.errors import QpyotaError
from sim.jobs.messages import Json

DOCUMENT_MAX_CHARS = 32_768
NESTING_MAX = 64
"""ESTIMATE: AWS publishes no limit; one is needed so that delivery can never exhaust the stack."""
PRESIGN_MIN_S, PRESIGN_MAX_S = 60, 3600
"""presignedUrlConfig.expiresInSec, AWS IoT API reference."""

Presign = Callable[[str, str, int, int], str]
"""(bucket, key, expires_s, now_s) → URL."""

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_PRESIGN = re.compile(r"aws:iot:s3-presigned-url(?P<variant>-v1|-v2|-upload)?:(?P<url>.*)", re.DOTALL)
_VIRTUAL_HOSTED = re.compile(r"https://([a-z0-9][a-z0-9.-]*)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/(.+)", re.DOTALL)
_PATH_STYLE = re.compile(r"https://s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/([^/]+)/(.+)", re.DOTALL)


class JobError(QpyotaError):
    """The cloud refuses what an operator asks. `exception` is AWS's name for it, e.g. InvalidRequestException."""

    exit_code = 2

    def __init__(self, exception: str, message: str) -> None:
        self.exception = exception
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class JobDocument:
    """A stored document: its text as given, its value, and the life of its URLs (None: it has none)."""

    text: str
    value: Json = field(repr=False)
    presign_expires_s: int | None

    def deliver(self, presign: Presign, now_s: int) -> Json:
        """The document for one device now, every presign placeholder replaced."""
        expires_s = self.presign_expires_s
        if expires_s is None:
            return self.value

        def replacement(match: re.Match[str]) -> str:
            found = _object_of(match[1])
            return match[0] if found is None else presign(*found, expires_s, now_s)

        return _map_strings(self.value, lambda text: _PLACEHOLDER.sub(replacement, text))


def parse_document(text: str, presign_expires_s: int | None) -> JobDocument:
    """Check a document as CreateJob does; `presign_expires_s` None means no presignedUrlConfig was given.

    Raises JobError with InvalidRequestException or InvalidJobDocumentException.
    """
    if not 1 <= len(text) <= DOCUMENT_MAX_CHARS:
        raise _invalid(f"job document has {len(text)} characters; 1 to {DOCUMENT_MAX_CHARS} are allowed")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"job document is not JSON: {error}") from None
    if presign_expires_s is not None and not PRESIGN_MIN_S <= presign_expires_s <= PRESIGN_MAX_S:
        raise _invalid(f"presignedUrlConfig.expiresInSec is {presign_expires_s}; {PRESIGN_MIN_S} to {PRESIGN_MAX_S}")
    signed = False
    for string, is_value in _strings(value, 0):
        if "${" in _PLACEHOLDER.sub("", string):
            raise JobError("InvalidJobDocumentException", "One or more parameters or placeholders are not terminated.")
        for inner in _PLACEHOLDER.findall(string) if is_value else ():
            signed |= _object_of(inner) is not None
    if signed and presign_expires_s is None:
        raise _invalid("presignedUrlConfig role ARN is required to generate an S3 presigned url in job document.")
    return JobDocument(text, value, presign_expires_s if signed else None)


def _object_of(placeholder: str) -> tuple[str, str] | None:
    """Bucket and key of a presign placeholder's inner text; None for any other placeholder."""
    match = _PRESIGN.fullmatch(placeholder)
    if match is None:
        return None
    if match["variant"] == "-upload":
        raise _invalid("upload placeholders (s3-presigned-url-upload) are not emulated; use s3-presigned-url")
    # Only -v2 URLs are percent-encoded; in the others the key is written as it is.
    url = unquote(match["url"]) if match["variant"] == "-v2" else match["url"]
    if match["variant"] == "-v2" and "?versionId=" in url:
        raise _invalid("object versions (?versionId=) are not emulated; name the object without a version")
    where = _VIRTUAL_HOSTED.fullmatch(url) or _PATH_STYLE.fullmatch(url)
    if where is None:
        raise _invalid(f"{url!r} names no S3 object; write https://BUCKET.s3.REGION.amazonaws.com/KEY")
    return where[1], where[2]


def _strings(value: Json, depth: int) -> Iterator[tuple[str, bool]]:
    """Every string in the value, and whether it is a value (True) or a member name (False)."""
    if depth > NESTING_MAX:
        raise _invalid(f"job document is nested deeper than {NESTING_MAX}")
    if isinstance(value, str):
        yield value, True
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name, False
            yield from _strings(item, depth + 1)


def _map_strings(value: Json, change: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {name: _map_strings(item, change) for name, item in value.items()}
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _invalid(message: str) -> JobError:
    return JobError("InvalidRequestException", message)
