"""What an update needs of the device it runs on. The device implements it; updates know nothing else of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sim.boot.bootloader import BootLayout, Trust
from sim.errors import QpyotaError
from sim.flash.mounts import Mounts
from sim.kernel.clock import Clock, Story
from sim.ports import HttpRequest


class Site(Protocol):
    """One device during one power-on life."""

    clock: Clock

    @property
    def layout(self) -> BootLayout:
        """What of its flash the bootloader may touch."""

    @property
    def trust(self) -> Trust: ...

    @property
    def methods(self) -> Mapping[str, int | None]:
        """Upgrade methods of this family → characters that a URL may have, None for any number."""

    @property
    def version(self) -> str:
        """Version string of the running firmware."""

    @property
    def mounts(self) -> Mounts: ...

    def http(self) -> Fetcher:
        """A fresh HTTP connection; its first request pays for DNS, TCP and TLS."""

    def flash_time(self) -> Iterable[Any]:
        """What a story yields to let the time pass that flash has used since the last call."""

    def enter_phase(self, phase: str, progress: float = 0.0) -> None:
        """Say where the update stands: `download`, `verify`, `apply`, `mini_download`, `stream`, `app_download`,
        `app_copy`, `idle`."""

    def trace(self, kind: str, **data: Any) -> None: ...


class Fetcher(Protocol):
    """One connection to a web server."""

    def fetch(self, request: HttpRequest) -> Story:
        """Story whose value is an HttpResponse or an HttpFailure."""


class UpdateFailed(QpyotaError):  # noqa: N818 - an outcome of the emulated world, not a defect
    """An update that ended before anything irreversible. `code` is the module's own error number; `http_status` what
    the server answered, if that was the reason; `failure` why there was no answer, where one number has two causes."""

    def __init__(self, code: int, reason: str, http_status: int = 0, failure: str = "") -> None:
        self.code = code
        self.reason = reason
        self.http_status = http_status
        self.failure = failure
        super().__init__(f"{reason} (code {code})")
