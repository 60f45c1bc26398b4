"""A served cloud as the commands see it: its REST port, spoken to with the operator's key.

Requests are signed as any AWS client signs them; there is no way round the API. A refusal is told in the cloud's words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener
from xml.etree import ElementTree

from sim.errors import MachineError, SpecError

if TYPE_CHECKING:
    from sim.serve.data_dir import Running

TIMEOUT_S = 60.0
"""ESTIMATE: a cloud that is busy with a fleet answers within a second or two."""
THROTTLED_PAUSE_S, THROTTLED_MAX_S = 0.2, 30.0
"""AWS's quotas count by the second, so a call that exceeds one is made again soon, and given up in the end."""
PAGE_ROWS = 250
"""Largest page of the AWS IoT registry."""


class CloudError(SpecError):
    """The cloud said no. `name` is AWS's name of the reason."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"the cloud refuses: {name}: {message}")
        self.name = name


class CloudClient:
    """One served cloud."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._open = build_opener(ProxyHandler({})).open  # no proxy leads to a cloud on this machine

    def iot(self, method: str, path: str, body: Any = None, **more: Mapping[str, str]) -> dict[str, Any]:
        """An operation of the control plane; `more` are `query` and `headers`."""
        data = b"" if body is None else json.dumps(body).encode()
        until_s = time.monotonic() + THROTTLED_MAX_S
        while True:
            try:
                return dict(json.loads(self._call("iot", method, path, data, **more) or b"{}"))
            except CloudError as error:
                if error.name != "ThrottlingException" or time.monotonic() > until_s:
                    raise
            time.sleep(THROTTLED_PAUSE_S)

    def rows(self, path: str, member: str, size: str, token: str, answered: str) -> Iterator[dict[str, Any]]:
        """All rows of a list; the rest are the names of its page size, of its marker, and of the next one's."""
        query = {size: str(PAGE_ROWS)}
        while True:
            page = self.iot("GET", path, query=query)
            yield from page[member]
            if not page.get(answered):
                return
            query[token] = page[answered]

    def s3(self, method: str, path: str, body: bytes = b"", **more: Mapping[str, str]) -> bytes:
        """An operation of the artifact server; `path` is /BUCKET/KEY."""
        return self._call("s3", method, path, body, **more)

    def _call(
        self,
        service: str,
        method: str,
        path: str,
        body: bytes,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        running = self._running
        raw_path = quote(path, safe="/~")
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in (query or {}).items())
        signed = _signed(running, service, (method, raw_path, text), headers or {}, body)
        url = f"{running.rest_url}{raw_path}" + (f"?{text}" if text else "")
        try:
            with self._open(Request(url, body or None, signed, method=method), timeout=TIMEOUT_S) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            with error:
                raise _refusal(error) from None
        except (URLError, OSError) as error:
            raise MachineError(f"the cloud at {running.rest_url} does not answer: {error}") from None


def _signed(
    running: Running, service: str, target: tuple[str, str, str], extra: Mapping[str, str], body: bytes
) -> dict[str, str]:
    """The headers of a request, its signature among them; `target` is method, path and query as they are sent."""
    from sim.cloud import sigv4

    method, path, query = target
    stamp = sigv4.amz_date(int(time.time()))
    payload_hash = sha256(body).hexdigest()
    headers = {
        "host": urlsplit(running.rest_url).netloc,
        "x-amz-date": stamp,
        "x-amz-content-sha256": payload_hash,
        **{name.lower(): value for name, value in extra.items()},
    }
    scope = sigv4.Scope(stamp[:8], running.region, service)
    canonical_path = path if service == "s3" else quote(path, safe="/~")
    canonical = sigv4.Canonical(method, canonical_path, sigv4.parse_query(query), headers, payload_hash)
    signature = sigv4.signature(running.secret_key, scope, stamp, canonical)
    names = ";".join(sorted(headers))
    credential = f"{sigv4.ALGORITHM} Credential={running.access_key}/{scope}"
    return {**headers, "Authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}


def _refusal(error: HTTPError) -> CloudError:
    text = error.read()
    kind = error.headers.get("x-amzn-ErrorType", "")
    if kind:
        return CloudError(kind, str(json.loads(text or b"{}").get("message", "")))
    try:
        root = ElementTree.fromstring(text)
        return CloudError(root.findtext("Code") or str(error.code), root.findtext("Message") or error.reason)
    except ElementTree.ParseError:
        return CloudError(str(error.code), error.reason)
