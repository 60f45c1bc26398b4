"""AWS Signature Version 4, as the signing documentation of AWS has it: how a request is spelled, and its signature.

The algorithm and nothing else: whose key counts, which dates are good and what a refusal looks like is decided by
each service. Nothing here is secret: the operator's pair is printed for everybody, keys of the service come from a
constant.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_HASH = sha256(b"").hexdigest()

_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<credential>[^\s,]+)\s*,\s*SignedHeaders=(?P<headers>[^\s,]+)"
    r"\s*,\s*Signature=(?P<signature>[^\s,]+)\s*"
)
_LAST_S = 253_402_300_799  # 9999-12-31T23:59:59Z

Query = tuple[tuple[bytes, bytes], ...]
"""Parameters of a URL in their order, percent-decoded."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair; `token` goes with the pair of an assumed role, "" for a lasting one."""

    access_key: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


OPERATOR = Credentials("AKIAQPYOTAEXAMPLE234", "qpyota/this+key+is+public+by+design/0000")
"""The one lasting pair the emulated cloud knows: for boto3, the AWS CLI and anybody else on this machine."""


class Scope(NamedTuple):
    """What a signature is good for: a day (YYYYMMDD), a region and a service's signing name."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an Authorization header says of its request."""

    access_key: str
    scope: Scope
    stamp: str
    header_names: tuple[str, ...]
    signature: str


@dataclass(frozen=True, slots=True)
class Canonical:
    """A request as it is signed: `path` in its canonical spelling, `headers` the signed ones by lower-case name."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    payload_hash: str = UNSIGNED_PAYLOAD

    def text(self) -> str:
        names = sorted(self.headers)
        lines = [self.method, self.path, canonical_query(self.query)]
        lines += [f"{name}:{' '.join(self.headers[name].split())}" for name in names]
        return "\n".join([*lines, "", ";".join(names), self.payload_hash])


def signature(secret: str, scope: Scope, stamp: str, request: Canonical | str) -> str:
    """The signature of a request, given as such or as its text, in hex."""
    text = request if isinstance(request, str) else request.text()
    canonical_hash = sha256(text.encode(errors="replace")).hexdigest()
    return seal(secret, scope, f"{ALGORITHM}\n{stamp}\n{scope}\n{canonical_hash}")


def seal(secret: str, scope: Scope, text: str) -> str:
    """The keyed hash of a string to sign, in hex."""
    sealed = _sealer(secret, scope).copy()
    sealed.update(text.encode(errors="replace"))
    return sealed.hexdigest()


def same(expected: str, given: str) -> bool:
    """Whether two signatures agree, in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))


def parse_authorization(headers: Mapping[str, str]) -> Claim | None:
    """The claim in `Authorization` and `X-Amz-Date` (names in lower case); None when either is malformed."""
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", "").strip())
    stamp = headers.get("x-amz-date", "")
    if match is None or epoch_s(stamp) is None:
        return None
    access_key, scope = split_credential(match["credential"])
    if scope is None:
        return None
    return Claim(access_key, scope, stamp, tuple(match["headers"].split(";")), match["signature"])


def split_credential(text: str) -> tuple[str, Scope | None]:
    """Access key and scope of `KEY/DATE/REGION/SERVICE/aws4_request`; the scope is None when it has another form."""
    access_key, _, rest = text.partition("/")
    parts = rest.split("/")
    if len(parts) != 4 or parts[3] != "aws4_request":
        return access_key, None
    return access_key, Scope(*parts[:3])


def parse_query(text: str) -> Query:
    """The parameters of a raw query; a plus sign is a plus sign, as SigV4 has it."""
    return tuple([_pair(part) for part in text.split("&") if part])


def canonical_query(query: Query) -> str:
    """All parameters but the signature, encoded and in order."""
    pairs = [(_encoded(name), _encoded(value)) for name, value in query if name != b"X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def signed_headers(names: tuple[str, ...], headers: Mapping[str, str], host: str) -> dict[str, str]:
    """The headers a claim covers; `host` as the client spelled it."""
    return {name: host if name == "host" else headers.get(name, "") for name in names}


def amz_date(now_s: int) -> str:
    """A time as SigV4 writes it, e.g. 20260101T000000Z."""
    days, seconds = divmod(now_s, 86_400)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{_date(days)}T{hours:02}{minutes:02}{seconds:02}Z"


@lru_cache(maxsize=16)
def _date(days: int) -> str:
    return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y%m%d")


def iso(now_s: int) -> str:
    """A time as the XML of S3 writes it; what would leave the calendar is its last second."""
    return datetime.fromtimestamp(min(now_s, _LAST_S), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=256)
def epoch_s(stamp: str) -> int | None:
    """Unix seconds of a SigV4 date, None when it is none."""
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _pair(text: str) -> tuple[bytes, bytes]:
    name, _, value = text.partition("=")
    return unquote_to_bytes(name), unquote_to_bytes(value)


@lru_cache(maxsize=256)
def _encoded(text: bytes) -> str:
    """A parameter as SigV4 spells it. Kept, because the long session token is part of every URL."""
    return quote(text, safe="")


@lru_cache(maxsize=64)
def _sealer(secret: str, scope: Scope) -> hmac.HMAC:
    """The hash by a scope's key, of nothing so far; to be copied."""
    key = b"AWS4" + secret.encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(errors="replace"), "sha256")
    return hmac.new(key, digestmod="sha256")
