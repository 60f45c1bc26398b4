"""Job documents: what may be stored, and how a presigned URL gets into what a device receives.

A document is any JSON value in at most 32768 characters. It is stored with its placeholders; at every delivery each
`${aws:iot:s3-presigned-url:URL}` inside a string value becomes a freshly signed URL, so an expired URL is renewed by
asking again; an upload placeholder becomes a URL to PUT to, which may name thing, job and attempt. Other placeholders
that are terminated stay as they are. Faults are told at creation, never at delivery.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from sim.errors import QpyotaError
from sim.jobs.messages import Json
from sim.json_text import text_of

_TEXT = text_of()

DOCUMENT_MAX_CHARS = 32_768
NESTING_MAX = 64
"""ESTIMATE: AWS publishes no limit; one is needed so that delivery can never exhaust the stack."""
PRESIGN_MIN_S, PRESIGN_MAX_S = 60, 3600
"""presignedUrlConfig.expiresInSec, AWS IoT API reference."""

VARIABLES = ("thingName", "jobId", "executionNumber")
VARIABLE_MAX_TIMES = 2
"""What an upload's address may say of who gets it, and how often each (AWS IoT developer guide, presigned URLs)."""


class S3Place(NamedTuple):
    """An object to be read, of one version or the latest; or one to be uploaded."""

    bucket: str
    key: str
    version: str | None = None
    upload: bool = False


Presign = Callable[[S3Place, int, int], str]
"""(place, expires_s, now_s) → URL."""

_NAMES = "|".join(VARIABLES)
_VARIABLE = re.compile(rf"\$\{{({_NAMES})\}}")
_PLACEHOLDER = re.compile(rf"\$\{{((?:\$\{{(?:{_NAMES})\}}|[^}}])*)\}}")
TEXTS_KEPT, DOCUMENTS_KEPT = 256, 64
"""Strings of documents whose placeholders are known; documents that were written, and that are given again."""

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
    value: Json = field(repr=False, compare=False)  # what the text says
    presign_expires_s: int | None

    def deliver(self, presign: Presign, now_s: int, receiver: Mapping[str, str]) -> str:
        """The document for one device now as JSON, every presign placeholder replaced. `receiver` has the VARIABLES."""
        expires_s = self.presign_expires_s
        texts, places = _written(self.text, expires_s is not None)
        if expires_s is None:
            return texts[0]
        urls = []
        for place in places:
            if place.upload:
                place = place._replace(key=_VARIABLE.sub(lambda variable: receiver[variable[1]], place.key))
            urls.append(presign(place, expires_s, now_s))
        return _filled(texts, tuple(urls))


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
            signed |= _place_of(inner) is not None
    if signed and presign_expires_s is None:
        raise _invalid("presignedUrlConfig role ARN is required to generate an S3 presigned url in job document.")
    return JobDocument(text, value, presign_expires_s if signed else None)


@lru_cache(maxsize=DOCUMENTS_KEPT)
def _written(text: str, signs: bool) -> tuple[tuple[str, ...], tuple[S3Place, ...]]:
    """A stored document's JSON and, where it `signs`, the objects whose signed URLs stand between its pieces, in
    order."""
    texts, places = [""], []
    for piece in _json(json.loads(text), signs=signs):
        if isinstance(piece, str):
            texts[-1] += piece
        else:
            texts.append("")
            places.append(piece)
    return tuple(texts), tuple(places)


@lru_cache(maxsize=DOCUMENTS_KEPT)  # who asks within one second gets the same URLs
def _filled(texts: tuple[str, ...], urls: tuple[str, ...]) -> str:
    """A document's JSON with these URLs between its pieces."""
    first, *others = texts
    return first + "".join([_TEXT(url)[1:-1] + text for url, text in zip(urls, others, strict=True)])


@lru_cache(maxsize=TEXTS_KEPT)
def _pieces(text: str) -> tuple[str | S3Place, ...]:
    """A string of a document: what stays as it is, and the objects whose signed URLs stand between."""
    pieces: list[str | S3Place] = []
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        place = _place_of(match[1])
        if place is not None:
            pieces += [text[at : match.start()], place]
            at = match.end()
    return (*pieces, text[at:])


def _place_of(placeholder: str) -> S3Place | None:
    """The object of a presign placeholder's inner text; None for any other placeholder."""
    match = _PRESIGN.fullmatch(placeholder)
    if match is None:
        return None
    variant, url, version = match["variant"], match["url"], ""
    if variant == "-v2":  # only its URLs are percent-encoded; in the others the key is written as it is
        url, versioned, version = unquote(url).partition("?versionId=")
        if versioned and not version:
            raise _invalid("?versionId= in a placeholder names no version")
    where = _VIRTUAL_HOSTED.fullmatch(url) or _PATH_STYLE.fullmatch(url)
    if where is None:
        raise _invalid(f"{url!r} names no S3 object; write https://BUCKET.s3.REGION.amazonaws.com/KEY")
    upload = variant == "-upload"
    if upload:
        named = _VARIABLE.findall(url)
        for name in VARIABLES:
            if named.count(name) > VARIABLE_MAX_TIMES:
                raise _invalid(
                    f"${{{name}}} stands {named.count(name)} times in a URL; {VARIABLE_MAX_TIMES} are allowed"
                )
    return S3Place(where[1], where[2], version or None, upload)


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


def _json(value: Json, *, signs: bool) -> Iterator[str | S3Place]:
    """A value's shortest JSON in pieces; where it `signs`, objects to be signed for are pieces of their own."""
    if isinstance(value, str):
        yield '"'
        for piece in _pieces(value) if signs else (value,):
            yield _TEXT(piece)[1:-1] if isinstance(piece, str) else piece
        yield '"'
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield "," if number else "["
            yield from _json(item, signs=signs)
        yield "]" if value else "[]"
    elif isinstance(value, dict):
        for number, (name, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{_TEXT(name)}:"
            yield from _json(item, signs=signs)
        yield "}" if value else "{}"
    else:
        yield _TEXT(value)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _invalid(message: str) -> JobError:
    return JobError("InvalidRequestException", message)
