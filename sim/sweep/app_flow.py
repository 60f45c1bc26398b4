"""Application files on littlefs, from the download to the copy at boot, as a flow to sweep.

Before the flag is written, a cut leaves the old application; from then on every boot copies until all of it is new,
as the vendor's updater does: nothing is rolled back, and between two boots old and new files may lie side by side.
Mounting and formatting follow sim.device: a volume that cannot be mounted is made anew, and that loses everything.
"""

from __future__ import annotations

from sim.boot.bootloader import BootLayout
from sim.device.model import ModelSpec
from sim.flash.filesystem import FileSystem, build_volume
from sim.flash.mounts import Mounts
from sim.flash.partition import Region
from sim.kernel.clock import Story
from sim.sweep.bench import BenchSite
from sim.sweep.flow import TRUST, Judgement, Life, Steps, sectors_of
from sim.sweep.result import Verdict
from sim.sweep.watched import WatchedNor
from sim.update.app_files import FLAG_FILE, apply_staged, download_file, set_update_flag

APP = "app"
POINT = "/usr"

_LINE = b"def work(step):\n    return step * 3 + 1\n"
OLD_FILES = {"main.py": b"import app\n", "app.py": b"VERSION = '1.0'\n" + _LINE * 40, "lib/net.py": _LINE * 110}
NEW_FILES = {**OLD_FILES, "app.py": b"VERSION = '2.0'\n" + _LINE * 55, "lib/net.py": _LINE * 150}
_CHANGED = ("app.py", "lib/net.py")


class AppFlow:
    """Two files of an application, 2 to 6 KB each, one of them in a folder."""

    method = APP

    def __init__(self, name: str, model: ModelSpec) -> None:
        self.name = name
        self.family = model.family
        self.nor = WatchedNor(model.part)
        regions = model.regions(self.nor)
        self.layout: BootLayout = regions.boot_layout
        self._region: Region = regions.volumes[POINT]
        self._region.load(0, build_volume(self._region.size_bytes, {f"/{k}": v for k, v in OLD_FILES.items()}))
        self.start = self.nor.snapshot()
        self.scratch: frozenset[int] = frozenset()
        self.journal: frozenset[int] = frozenset()
        self.judged = sectors_of(self._region)

    def ask(self) -> Steps:
        site = self._site()
        volume = self._mounted(site)
        try:
            for path in _CHANGED:
                _do(site, download_file(site, f"https://bench/{path}", f"{POINT}/{path}"))
            _do(site, set_update_flag(site))
        finally:
            volume.abandon()
        yield from ()

    def life(self) -> Life:
        site = self._site()
        volume = self._mounted(site)
        try:
            _do(site, apply_staged(site))
        finally:
            volume.abandon()
        yield from ()
        return True

    def judge(self, asked: bool) -> Judgement:
        site = self._site()
        volume = self._mounted(site)
        try:
            mounts = site.mounts
            found = {name: _read(mounts, f"{POINT}/{name}") for name in OLD_FILES}
            pending = mounts.exists(FLAG_FILE)
        finally:
            volume.abandon()
        if found == NEW_FILES and not pending:
            return Judgement(Verdict.RECOVERED)
        if found == OLD_FILES and not pending:
            return Judgement(Verdict.LOST, "the staged files are gone") if asked else Judgement(Verdict.RECOVERED)
        if None in found.values():
            return Judgement(Verdict.BRICKED, f"missing: {', '.join(n for n, data in found.items() if data is None)}")
        wrong = [name for name, data in found.items() if data not in (OLD_FILES[name], NEW_FILES[name])]
        return Judgement(Verdict.MIXED, f"torn: {', '.join(wrong)}" if wrong else "old and new files side by side")

    def _site(self) -> BenchSite:
        files = {f"https://bench/{path}": data for path, data in NEW_FILES.items()}
        return BenchSite(self.layout, TRUST, "", files)

    def _mounted(self, site: BenchSite) -> FileSystem:
        volume = FileSystem(self._region)
        try:
            volume.mount()
        except OSError:
            volume.format()
            volume.mount()
        site.mount(Mounts({POINT: volume}))
        return volume


def _do(site: BenchSite, story: Story) -> None:
    """The whole story. The labels stay here: littlefs keeps state in RAM, so no moment of it is as good as a boot."""
    for _ in site.play(story):
        pass


def _read(mounts: Mounts, path: str) -> bytes | None:
    return mounts.read(path) if mounts.exists(path) else None
