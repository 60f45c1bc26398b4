"""The least that an update needs of a device: its flash, a web server that always answers, and a clock of its own.

It stands in for sim.device in sweeps, where neither radio nor script matters. A story of sim.update is played to its
end as a series of labels: one after each stretch of flash operations, which is where a power cut leaves nothing
undone.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import Any

from sim.boot.bootloader import BootLayout, Trust
from sim.flash.mounts import Mounts
from sim.kernel.clock import Clock, Story
from sim.ports import HttpRequest, HttpResponse
from sim.update.site import Fetcher

MOST_WAITS = 20_000
"""Waits of one story. More means that it tries for ever what cannot succeed; the longest flow here needs 2,000."""

Label = tuple[str, int, str]
"""What was just done for good: kind, number, partition."""

_RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z")
_FLASH_TIME: Any = object()


class BenchSite:
    """One power-on life of a device with this flash. `files`: URL → content of the web server."""

    def __init__(self, layout: BootLayout, trust: Trust, version: str, files: Mapping[str, bytes]) -> None:
        self.clock = Clock("memory")
        self.layout = layout
        self.trust = trust
        self.version = version
        self.methods: Mapping[str, int | None] = {}
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._files = files
        self._mounts: Mounts | None = None
        self._label: Label = ("", 0, "")

    @property
    def mounts(self) -> Mounts:
        assert self._mounts is not None, "nothing is mounted"
        return self._mounts

    def mount(self, mounts: Mounts) -> None:
        """From now on `mounts` are the file systems."""
        self._mounts = mounts

    staging_prefix = ""

    def mount_staging(self) -> bool:
        """Most builds have no volume of their own for staged files."""
        return False

    def leave_staging(self) -> None:
        """There is none to leave."""

    def http(self) -> Fetcher:
        return _Server(self._files)

    def patient_http(self) -> Fetcher:
        return self.http()

    def flash_time(self) -> Story:
        yield _FLASH_TIME

    def enter_phase(self, phase: str, progress: float = 0.0) -> None:
        self._label = (phase, round(progress * 1_000_000), "")

    def trace(self, kind: str, **data: Any) -> None:
        self.told.append((kind, data))

    def play(self, story: Story) -> Generator[Label, None, Any]:
        """The story to its end, without its waits. Its value is the story's."""
        for _ in range(MOST_WAITS):
            try:
                wait = next(story)
            except StopIteration as end:
                return end.value
            if wait is _FLASH_TIME:
                yield self._label
            else:
                self.clock.env.run(until=self.clock.event(wait))
        raise AssertionError("an update goes on for ever")


class _Server:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def fetch(self, request: HttpRequest) -> Story:
        """Every file is there, and ranges are honoured."""
        body = self._files[request.url]
        match = _RANGE.match(request.headers.get("Range", ""))
        if match is None:
            return HttpResponse(200, {}, body)
        first, last = int(match[1]), min(int(match[2] or len(body)), len(body) - 1)
        return HttpResponse(206, {"Content-Range": f"bytes {first}-{last}/{len(body)}"}, body[first : last + 1])
        yield  # a story without waits
