"""A request to S3 taken apart: bucket and key from either style of address, the query, the body as it was meant.

Virtual-hosted (`BUCKET.s3.REGION.amazonaws.com`, `BUCKET.s3.localhost`, `BUCKET.localhost`) and path style. Nothing is
judged here but what cannot be read at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from sim.cloud.s3.fault import Fault, bad_request
from sim.cloud.sigv4 import Query, parse_query
from sim.ports import HttpRequest
from sim.records import record

_DEFAULT_PORT = {"https": 443, "http": 80}
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+?)\.(?:s3(?:[.-][a-z0-9-]+)?\.(?:amazonaws\.com|localhost)|localhost)")
_WHOLE = re.compile(r"[0-9]{1,9}")


@record
class S3Request:
    """One request. `host` as signed, `path` raw, header names in lower case; bucket and key "" for none."""

    method: str
    host: str
    path: bytes
    query: Query
    bucket: str
    key: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    now_s: int
    names: frozenset[bytes]
    """Of the query's parameters."""

    def has(self, name: str) -> bool:
        """Whether the query has a parameter, with or without a value."""
        return name.encode() in self.names

    def parameter(self, name: str) -> str | None:
        """A query parameter, None when it is absent. A Fault when it is not UTF-8."""
        wanted = name.encode()
        for given, value in self.query:
            if given == wanted:
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    raise bad_request("InvalidArgument", f"{name} is not UTF-8") from None
        return None

    def whole(self, name: str, default: int) -> int:
        """A number in the query, from 0."""
        text = self.parameter(name)
        if text is None or text == "":
            return default
        if not _WHOLE.fullmatch(text):
            raise bad_request("InvalidArgument", f"Provided {name} not an integer or within integer range")
        return int(text)


def take_apart(request: HttpRequest, now_s: int) -> S3Request:
    """The request, or the Fault of a URL that cannot be read."""
    host, path, query, bucket, key, names = _read_url(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return S3Request(request.method.upper(), host, path, query, bucket, key, headers, request.body, now_s, names)


@lru_cache(maxsize=256)
def http_date(at_s: int) -> str:
    """A time, epoch seconds, as headers have it."""
    return formatdate(at_s, usegmt=True)


@lru_cache(maxsize=256)  # a download asks with one URL again and again
def _read_url(url: str) -> tuple[str, bytes, Query, str, str, frozenset[bytes]]:
    """Host, path, query, bucket, key, and the names in the query; nobody changes them."""
    try:
        parts = urlsplit(url)
        host = _signed_host(parts)
        path = unquote_to_bytes(parts.path or "/")
        query = parse_query(parts.query)
        text = path.decode()
    except ValueError:  # includes text that is not UTF-8
        raise Fault(400, "InvalidURI", "Couldn't parse the specified URI.") from None
    virtual = _VIRTUAL_HOST.fullmatch(parts.hostname or "")
    if virtual is not None and virtual["bucket"] != "s3":
        bucket, key = virtual["bucket"], text[1:]
    else:
        bucket, _, key = text[1:].partition("/")
    return host, path, query, bucket, key, frozenset([name for name, _ in query])


def _signed_host(parts: SplitResult) -> str:
    """The Host header a client sends for this URL: the port only where it is not the scheme's own."""
    host, port = parts.hostname or "", parts.port
    return host if port is None or port == _DEFAULT_PORT.get(parts.scheme) else f"{host}:{port}"
