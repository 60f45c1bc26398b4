"""`fota`: the type itself stands under the module's name, so `import fota; fota()`. One object per device.

`httpDownload` blocks on some families and returns at once on others; success is followed by a reset of its own. While
it blocks, G21 keeps the interpreter's lock: no thread goes on and no callback is made. With `url2` it asks for a
minimal upgrade, of which no callback hears. What the family cannot do is refused at once, with -1.

A callback gets one list: [1, percent] for each piece, [0, 100] when the package is verified, [2, 100] when the request
to the updater is written, [-1, error number] when it failed. See ADR 0067 for the order, and fota_uni.py for what
UniRTOS does in another way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sim.device import ftp
from sim.device.model import FotaTraits
from sim.kernel.clock import Story
from sim.script.modules.fota_local import Local, LocalPackage, use_of
from sim.script.modules.fota_uni import WORDS, UniSite
from sim.script.modules.thread import system_heap_free
from sim.script.namespace import of_boot
from sim.script.runtime import ScriptRuntime
from sim.update.download import HTTP_BUSY, HTTP_MEMORY, HTTP_UNKNOWN, HTTP_URL
from sim.update.failures import n_series_code
from sim.update.methods import Method, choose
from sim.update.site import UpdateFailed

IN_PROGRESS, VERIFIED, FLAG_SET, FAILED = 1, 0, 2, -1
"""First element of the list a callback gets; the second is percent, or the error number after FAILED."""

DOWNLOAD_BYTES = 64 * 1024
"""ESTIMATE: of the system's heap: a task's stack of 16 KiB, two TLS records of 16 KiB, sectors to write."""

IP_TYPES = (0, 1, 2)
"""IPv4, IPv6, both."""


class fota:  # noqa: N801 - the device's name
    _rt: ScriptRuntime
    _only: Any = None
    _busy = False
    _cancelled = False
    _local: LocalPackage | None = None
    _callback: Callable[[Any], object] | None = None
    _untold: list[int] | None = None

    def __new__(cls, **_options: Any) -> fota:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only  # type: ignore[no-any-return]

    def __init__(self, *, reset_disable: int = 0, key: str = "", cert: str = "", root_cert: str = "") -> None:
        if not isinstance(reset_disable, int):
            raise TypeError("can't convert to int")
        self._keep_running = bool(reset_disable) and self._traits.reset_disable

    def __del__(self) -> None:
        self._callback = None

    def httpDownload(  # noqa: N802
        self,
        *,
        url1: str | None = None,
        url2: str | None = None,
        callback: Callable[[Any], object] | None = None,
        **more: Any,
    ) -> int:
        """`more`: the words of UniRTOS."""
        self._rt.me()
        if unknown := sorted(set(more) - (WORDS if self._uni else frozenset())):
            raise TypeError(f"unexpected keyword argument '{unknown[0]}'")
        urls = [_text(url1 if url1 is not None else "")] + ([] if url2 is None else [_text(url2)])
        self._callback = callback if callback is not None else self._callback
        try:
            story = self._begin(urls, more)
        except UpdateFailed as failure:
            return _refused(self._rt, failure)
        self._busy, self._cancelled = True, False
        if self._local is not None:
            self._local.forget()
        if self._uni or not self._traits.blocking:
            self._rt.module.life.spawn(story)
            return 0
        return int(self._rt.run_alone(story) if self._rt.profile.generation == "G21" else self._rt.run(story))

    def _begin(self, urls: list[str], more: dict[str, Any]) -> Story:
        """What these addresses mean here. UpdateFailed in the same instant when that is nothing."""
        if self._busy:
            raise UpdateFailed(HTTP_BUSY, "a download is running already")
        if any(url.startswith("ftp:") for url in urls):
            if not self._traits.ftp or len(urls) > 1 or not ftp.ADDRESS.fullmatch(urls[0]):
                raise UpdateFailed(HTTP_URL, "not an address that this family takes")
            return self._update(lambda progress: ftp.install_by_ftp(self._rt.module, urls[0], progress), self._tell)
        site: Any = UniSite(self._rt.module, urls, more) if self._uni else self._rt.module
        method: Method = choose(self._rt.module, urls)
        tell = self._tell if method.calls_back else _nobody
        return self._update(lambda progress: method.begin(site, urls, progress), tell)

    def _update(self, begin: Callable[[Callable[[int], None]], Story], tell: Callable[[int, int], None]) -> Story:
        def progress(percent: int) -> None:
            if self._cancelled:
                raise UpdateFailed(HTTP_UNKNOWN, "cancelled by the program")
            tell(IN_PROGRESS, percent)

        try:
            if system_heap_free(self._rt) < DOWNLOAD_BYTES:
                raise UpdateFailed(HTTP_MEMORY, "no memory for the download: threads have it")
            yield from begin(progress)
        except UpdateFailed as failure:
            _refused(self._rt, failure)
            self._rt.module.enter_phase("idle")
            tell(FAILED, int(failure.code) if self._traits.blocking else n_series_code(failure))
            return -1
        finally:
            self._busy = False
        tell(VERIFIED, 100)
        tell(FLAG_SET, 100)
        if not self._keep_running:
            yield from _restart(self._rt)
        return 0

    def _tell(self, status: int, progress: int) -> None:
        if self._callback is None:
            return
        if self._untold is not None:
            self._untold[:] = status, progress
            return
        told = [status, progress]
        if self._rt.callback(self._hear, told) and self._uni:
            self._untold = told

    def _hear(self, told: list[int]) -> None:
        self._untold = None
        if self._callback is not None:
            self._callback(told)

    @property
    def _uni(self) -> bool:
        return self._rt.profile.generation == "UNI"

    @property
    def _traits(self) -> FotaTraits:
        return self._rt.module.model.fota


class _OwnApn:
    """What one family has beside the others. Packages come over the one data connection there is, whatever is set."""

    _rt: ScriptRuntime
    _busy = _cancelled = False

    def apn_set(self, *, fota_apn: str = "", ip_type: int = 0, fota_user: str = "", fota_password: str = "") -> int:
        self._rt.me()
        texts = all(isinstance(text, str) for text in (fota_apn, fota_user, fota_password))
        return 0 if texts and ip_type in IP_TYPES else -1

    def download_cancel(self) -> int:
        self._rt.me()
        self._cancelled = self._busy
        return 0 if self._busy else -1


@cache
def _kind(own_apn: bool, local: bool) -> type:
    """The class of a family: which of the names it has are there."""
    parts = (fota, *((_OwnApn,) if own_apn else ()), *((Local,) if local else ()))
    return fota if len(parts) == 1 else type("fota", parts, {"__module__": __name__})


def make(rt: ScriptRuntime) -> type:
    traits = rt.module.model.fota
    return of_boot(_kind(traits.own_apn, use_of(rt) != "absent"), rt)


def _restart(rt: ScriptRuntime) -> Story:
    """G21 resets from within the call, which never returns; G25 a little later."""
    at_once = rt.profile.generation == "G21"
    rt.module.life.after(0 if at_once else rt.module.model.fota.reset_delay_us, rt.module.reset, "fota")
    if at_once:
        yield rt.clock.env.event()


def _refused(rt: ScriptRuntime, failure: UpdateFailed) -> int:
    rt.trace("fota.failed", code=failure.code, reason=failure.reason)
    return -1


def _nobody(_status: int, _progress: int) -> None:
    pass


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError("can't convert to str")
    return value
