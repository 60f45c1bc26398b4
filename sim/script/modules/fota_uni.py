"""What `fota` is in the third generation, UniRTOS, which wrote it anew.

It always returns at once; of progress that nobody has heard yet only the newest is told; addresses end at 255
characters; it follows redirects, sends headers of the program's, and waits a minute for a silent server. Source:
UniRTOS/unirtos-quecpython on GitHub.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from sim.device.http_link import HttpLink
from sim.device.module import Module
from sim.kernel.clock import Story
from sim.ports import HttpFailure, HttpRequest, HttpResponse
from sim.script.authorities import ca_of, takes
from sim.update.download import HTTP_URL
from sim.update.site import UpdateFailed

WORDS = frozenset({"header", "ssl_params", "public_key", "mode"})
"""What `httpDownload` takes beside the others' words. `public_key` and `mode` are taken, and change nothing here."""

URL_LIMIT_CHARS = 255
IDLE_US = 60_000_000
REDIRECTS = (301, 302, 303, 307, 308)
REDIRECTS_MAX = 5
"""ESTIMATE: how many in a row it follows; no public figure."""


class UniSite:
    """The module as this download sees it: with another client for the web. UpdateFailed for a URL that is too long."""

    def __init__(self, module: Module, urls: list[str], words: Mapping[str, Any]) -> None:
        longest = max(map(len, urls))
        if longest > URL_LIMIT_CHARS:
            raise UpdateFailed(HTTP_URL, f"a URL has {longest} characters; UniRTOS takes {URL_LIMIT_CHARS}")
        self._module = module
        self._headers = {str(name): str(value) for name, value in (words.get("header") or {}).items()}
        self._ca = ca_of(words.get("ssl_params"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def http(self) -> _Client:
        """A connection whose requests follow redirects."""
        return _Client(self._module, self._headers, self._ca)


class _Client:
    """One connection to each server that the redirects lead to; the last one is kept, and goes on being asked."""

    def __init__(self, module: Module, headers: dict[str, str], ca: str) -> None:
        self._module = module
        self._headers = headers
        self._ca = ca
        self._link = self._open()
        self._moved: dict[str, str] = {}

    def fetch(self, request: HttpRequest) -> Story:
        """As a Fetcher's."""
        asked = replace(
            request, url=self._moved.get(request.url, request.url), headers={**self._headers, **request.headers}
        )
        answer: HttpResponse | HttpFailure = HttpFailure("tls")
        for _ in range(REDIRECTS_MAX + 1):
            if self._distrusts(asked.url):
                return HttpFailure("tls")
            answer = yield from self._link.fetch(asked)
            if not isinstance(answer, HttpResponse) or answer.status not in REDIRECTS:
                return answer
            place = next((value for name, value in answer.headers.items() if name.lower() == "location"), "")
            asked = replace(asked, url=urljoin(asked.url, place))
            self._moved[request.url] = asked.url
            self._link.end()
            self._link = self._open()
        return answer

    def _open(self) -> HttpLink:
        link = self._module.http()
        link.patience_us = IDLE_US
        return link

    def _distrusts(self, url: str) -> bool:
        authority = self._module.identity.authority
        return bool(self._ca) and url.lower().startswith("https:") and not takes(self._ca, authority())
