"""What an update needs of the device it runs on. The device implements it; updates know nothing else of it."""

from __future__ import annotations

from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sim.boot.bootloader import BootLayout
from sim.errors import QpyotaError
from sim.flash.mounts import Mounts
from sim.kernel.clock import Clock, Story
from sim.ports import HttpRequest


class Site(Protocol):
    """One device during one power-on life."""

    clock: Clock
    layout: BootLayout
    public_key: Ed25519PublicKey

    @property
    def version(self) -> str:
        """Version string of the running firmware."""

    @property
    def mounts(self) -> Mounts: ...

    def http(self) -> Fetcher:
        """A fresh HTTP connection; its first request pays for DNS, TCP and TLS."""

    def flash_time(self) -> Story:
        """Let the time pass that flash has used since the last call."""

    def enter_phase(self, phase: str, progress: float = 0.0) -> None:
        """Say where the update stands: `download`, `verify`, `apply`, `app_download`, `app_copy`, `idle`."""

    def trace(self, kind: str, **data: Any) -> None: ...


class Fetcher(Protocol):
    """One connection to a web server."""

    def fetch(self, request: HttpRequest) -> Story:
        """Story whose value is an HttpResponse or an HttpFailure."""


class UpdateFailed(QpyotaError):  # noqa: N818 - an outcome of the emulated world, not a defect
    """An update that ended before anything irreversible. `code` is the module's own error number."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{reason} (code {code})")
