"""Cloud and flash are kept at the same moments: whichever of them the power goes at, the upgrade comes to its end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sim.cloud.account import Account
from sim.cloud.inputs import Input
from sim.cloud.sigv4 import OPERATOR
from sim.cloud.store.database import Database
from sim.cloud.store.keeper import LATEST, Keeper
from sim.cloud.store.objects import Objects
from sim.device.peek import installed_version
from sim.errors import SpecError
from sim.flash.changes import Sector, with_sectors
from sim.jobs.messages import Status
from sim.kernel.clock import EPOCH_S, Clock
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.schema import Scenario
from sim.scenario.stage import Stage
from sim.scenario.wiring import Wiring
from sim.scenario.world import World
from sim.serve.shelf import Shelf
from sim.trace import Trace

DEVICE, NEW = "QuecPython_OTA", "EG915UEUABR03A21M08_OCPU_QPY"
OPTIONS = RunOptions(transport="memory")
BEAT_US = 3_700_000
LIMIT_US = 30 * 60 * 1_000_000


class Served:
    """A kept cloud with its devices, in memory; a folder that was used before is gone on with."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.database = Database(folder / "cloud.db")
        start_s = int(self.database.fact(LATEST) or EPOCH_S)
        clock = Clock("memory", start_s=start_s)
        trace = Trace(clock)
        self.account = Account(clock, trace, 1)
        self.keeper = Keeper(self.database, Objects(folder / "objects"), self.account)
        since_us = (start_s - EPOCH_S) * 1_000_000 if self.keeper.load() else None
        wiring = Wiring(clock, self.account, OPTIONS, scenario.cloud)
        stage = Stage(clock, trace, self.account, wiring, since_us, frozenset(self.database.devices()))
        self.world = World(scenario, OPTIONS, stage)
        self.factory = {name: module.nor.snapshot() for name, module in self.world.devices.items()}
        self.shelf = Shelf(self.database, self.world.devices)
        self.keeper.also = self.shelf.save
        self.account.resume(self.account.jobs.rules, OPERATOR)
        self.keeper.begin({})

    def run(self) -> None:
        """Until every job is over, or for half an hour."""
        self.world.trace.observe(lambda _: self.world.clock.stop_at(0) if self.world.finished else None)
        self.world.start()
        self.world.clock.run(LIMIT_US)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call it whenever something was kept."""
        write = self.account.journal

        def both(entry: Input) -> None:
            write(entry)
            watcher()

        self.account.journal = both

    def close(self) -> None:
        self.world.close()
        self.database.close()


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(find_scenario("first_upgrade"))


@contextmanager
def served(folder: Path, scenario: Scenario) -> Iterator[Served]:
    with closing(Served(folder, scenario)) as cloud:
        yield cloud


def copy(database: Database, folder: Path) -> None:
    """The database as a kill at this moment leaves it, with the objects it refers to."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "cloud.db")) as other:
        database.connection.backup(other)
    (folder / "objects").symlink_to(folder.parent / "objects")


def test_what_is_kept_with_each_change_of_the_cloud_is_the_flash_of_that_moment(
    tmp_path: Path, scenario: Scenario
) -> None:
    with served(tmp_path, scenario) as cloud:
        kept = 0

        def check() -> None:
            nonlocal kept
            kept += 1
            nor = cloud.world.devices[DEVICE].nor
            sectors = (Sector(*row) for row in cloud.database.sectors(DEVICE))
            again = with_sectors(cloud.factory[DEVICE], sectors, nor.ops, nor.busy_us)
            assert again == nor.snapshot()
            assert cloud.database.devices()[DEVICE].ops == nor.ops

        cloud.watch(check)
        cloud.run()
        assert kept >= 10
        assert cloud.world.finished


def test_a_cloud_cut_off_at_any_kept_moment_finishes_its_jobs(tmp_path: Path, scenario: Scenario) -> None:
    moments: list[Path] = []
    with served(tmp_path, scenario) as cloud:

        def cut() -> None:
            folder = tmp_path / f"moment-{len(moments)}"
            copy(cloud.database, folder)
            moments.append(folder)

        def beat() -> None:
            cloud.shelf.save()
            cloud.keeper.note_time(cloud.world.clock.epoch_s, 0)
            cut()
            cloud.world.clock.after(BEAT_US, beat)

        cloud.watch(cut)
        cloud.world.clock.after(BEAT_US, beat)
        cloud.run()
    assert len(moments) > 20
    for folder in moments:
        with served(folder, scenario) as again:
            again.run()
            assert again.world.finished, folder
            assert {it.status for job in ("jobfota", "jobappota") for it in again.account.jobs.executions(job)} == {
                Status.SUCCEEDED
            }
            assert installed_version(again.world.devices[DEVICE]) == NEW


def test_an_order_that_the_cloud_refuses_by_now_is_noted_and_ends_nothing(tmp_path: Path, scenario: Scenario) -> None:
    with served(tmp_path, scenario) as cloud:
        refused: list[str] = []
        cloud.world.trace.observe(lambda it: refused.append(it.track) if it.kind == "order.refused" else None)
        cloud.account.registry.delete_thing(DEVICE, None)
        cloud.account.jobs.remove_thing(DEVICE, EPOCH_S)
        cloud.run()
        assert refused == ["job/jobfota@cloud", "job/jobappota@cloud"]


def test_another_factory_content_is_refused_because_the_kept_sectors_do_not_fit_it(
    tmp_path: Path, scenario: Scenario
) -> None:
    with served(tmp_path, scenario):
        pass
    text = scenario.source.read_text().replace("A20M08", "A19M08")
    other = scenario.source.with_name("first_upgrade.yaml")
    changed = tmp_path / "changed.yaml"
    changed.write_text(
        text.replace("apps/", f"{other.parent}/apps/").replace("first_upgrade/", f"{other.parent}/first_upgrade/")
    )
    with pytest.raises(SpecError, match="factory content of QuecPython_OTA"):
        Served(tmp_path, load_scenario(changed))
