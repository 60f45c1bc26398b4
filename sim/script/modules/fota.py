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
from typing import Any

from sim.device import ftp
from sim.kernel.clock import Story
from sim.script.modules.fota_local import give_local
from sim.script.modules.fota_uni import WORDS, UniSite
from sim.script.modules.thread import system_heap_free
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


def make(rt: ScriptRuntime) -> type:
    traits, generation = rt.module.model.fota, rt.profile.generation
    returns_at_once = not traits.blocking or generation == "UNI"
    words = WORDS if generation == "UNI" else frozenset()

    class fota:  # noqa: N801 - the device's name
        _only: Any = None
        _busy = False
        _cancelled = False
        _local: Any = None
        _callback: Callable[[Any], object] | None = None
        _untold: list[int] | None = None

        def __new__(cls, **_options: Any) -> fota:
            if cls._only is None:
                cls._only = super().__new__(cls)
            return cls._only  # type: ignore[no-any-return]

        def __init__(self, *, reset_disable: int = 0, key: str = "", cert: str = "", root_cert: str = "") -> None:
            if not isinstance(reset_disable, int):
                raise TypeError("can't convert to int")
            self._keep_running = bool(reset_disable) and traits.reset_disable

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
            rt.me()
            if unknown := sorted(set(more) - words):
                raise TypeError(f"unexpected keyword argument '{unknown[0]}'")
            urls = [_text(url1 if url1 is not None else "")] + ([] if url2 is None else [_text(url2)])
            self._callback = callback if callback is not None else self._callback
            try:
                story = self._begin(urls, more)
            except UpdateFailed as failure:
                return _refused(rt, failure)
            self._busy, self._cancelled = True, False
            if self._local is not None:
                self._local.forget()
            if returns_at_once:
                rt.module.life.spawn(story)
                return 0
            return int(rt.run_alone(story) if generation == "G21" else rt.run(story))

        def _begin(self, urls: list[str], more: dict[str, Any]) -> Story:
            """What these addresses mean here. UpdateFailed in the same instant when that is nothing."""
            if self._busy:
                raise UpdateFailed(HTTP_BUSY, "a download is running already")
            if any(url.startswith("ftp:") for url in urls):
                if not traits.ftp or len(urls) > 1 or not ftp.ADDRESS.fullmatch(urls[0]):
                    raise UpdateFailed(HTTP_URL, "not an address that this family takes")
                return self._update(lambda progress: ftp.install_by_ftp(rt.module, urls[0], progress), self._tell)
            site: Any = UniSite(rt.module, urls, more) if generation == "UNI" else rt.module
            method: Method = choose(rt.module, urls)
            tell = self._tell if method.calls_back else _nobody
            return self._update(lambda progress: method.begin(site, urls, progress), tell)

        def _update(self, begin: Callable[[Callable[[int], None]], Story], tell: Callable[[int, int], None]) -> Story:
            def progress(percent: int) -> None:
                if self._cancelled:
                    raise UpdateFailed(HTTP_UNKNOWN, "cancelled by the program")
                tell(IN_PROGRESS, percent)

            try:
                if system_heap_free(rt) < DOWNLOAD_BYTES:
                    raise UpdateFailed(HTTP_MEMORY, "no memory for the download: threads have it")
                yield from begin(progress)
            except UpdateFailed as failure:
                _refused(rt, failure)
                rt.module.enter_phase("idle")
                tell(FAILED, int(failure.code) if traits.blocking else n_series_code(failure))
                return -1
            finally:
                self._busy = False
            tell(VERIFIED, 100)
            tell(FLAG_SET, 100)
            if not self._keep_running:
                yield from _restart(rt)
            return 0

        def _tell(self, status: int, progress: int) -> None:
            if self._callback is None:
                return
            if self._untold is not None:
                self._untold[:] = status, progress
                return
            told = [status, progress]
            if rt.callback(self._hear, told) and generation == "UNI":
                self._untold = told

        def _hear(self, told: list[int]) -> None:
            self._untold = None
            if self._callback is not None:
                self._callback(told)

    if traits.own_apn:
        _give_own_apn(rt, fota)
    give_local(rt, fota)
    return fota


def _give_own_apn(rt: ScriptRuntime, kind: Any) -> None:
    """What one family has beside the others. Packages come over the one data connection there is, whatever is set."""

    def apn_set(
        _self: Any, *, fota_apn: str = "", ip_type: int = 0, fota_user: str = "", fota_password: str = ""
    ) -> int:
        rt.me()
        texts = all(isinstance(text, str) for text in (fota_apn, fota_user, fota_password))
        return 0 if texts and ip_type in IP_TYPES else -1

    def download_cancel(self: Any) -> int:
        rt.me()
        self._cancelled = self._busy
        return 0 if self._busy else -1

    kind.apn_set, kind.download_cancel = apn_set, download_cancel


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
