"""A served cloud in the dashboard: its film from now on, orders that act now, time that stands and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from up_rig import Up

from sim.errors import QpyotaError, SpecError
from sim.film.compare import events_of
from sim.film.film import Film
from sim.serve.bench_client import order
from sim.serve.data_dir import Running
from sim.ui.live import Live
from sim.ui.stage import NotPossible, Script, Stage

DEVICE = "QuecPython_OTA"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    up = Up(tmp_path_factory.mktemp("up"), "one_device", "--speed", "10")
    try:
        yield up.start()
    finally:
        assert up.end() == 0


class Watched:
    def __init__(self, stage: Stage, live: Live) -> None:
        self.stage = stage
        self.live = live

    @property
    def film(self) -> Film:
        return self.stage.shown[max(self.stage.shown)].film

    def kinds(self) -> list[str]:
        return [event.kind for event in events_of(self.film)]

    async def until(self, condition: Any) -> None:
        for _ in range(400):
            if condition():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(self.kinds())


@asynccontextmanager
async def watched(running: Running) -> AsyncIterator[Watched]:
    stage = Stage(Script(why_not="live"))
    live = Live(stage, running)
    watching = asyncio.ensure_future(live.watch())
    seen = Watched(stage, live)
    try:
        await seen.until(lambda: stage.shown and seen.film.head)
        yield seen
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def hold(seen: Watched, to: str, **more: Any) -> dict[str, Any]:
    return await seen.live.hold({"clock": to, **more})


def test_orders_act_now_and_are_filmed(running: Running) -> None:
    async def main() -> None:
        async with watched(running) as seen:
            assert seen.film.head["live"] is True
            assert [device["name"] for device in seen.film.head["devices"]] == [DEVICE]
            await seen.live.order({"do": "power", "device": DEVICE, "to": "cut"})
            await seen.until(lambda: "power.cut" in seen.kinds())
            assert seen.film._states_before(len(seen.film.groups)).of == {0: 0}
            await seen.live.order({"do": "power", "device": DEVICE, "to": "on"})
            await seen.until(lambda: "boot" in seen.kinds())
            with pytest.raises(SpecError, match="is on already"):
                await seen.live.order({"do": "power", "device": DEVICE, "to": "on"})
            with pytest.raises(NotPossible, match="no order 'rm'"):
                await seen.live.order({"do": "rm", "device": DEVICE})
            with pytest.raises(NotPossible, match="live"):
                seen.stage.branch(1, {"n": 1, "device": DEVICE, "what": "power_cut"})

    asyncio.run(main())


def test_time_stands_steps_and_goes(running: Running) -> None:
    async def main() -> None:
        async with watched(running) as seen:
            stood = await hold(seen, "pause")
            assert stood["paused"] is True
            await asyncio.sleep(0.3)
            assert (await hold(seen, "show"))["t"] == stood["t"], "time stands"
            await seen.live.order({"do": "power", "device": DEVICE, "to": "cut"})
            await seen.until(lambda: "power.cut" in seen.kinds())
            (cut,) = [event for event in events_of(seen.film) if event.kind == "power.cut"]
            assert (await hold(seen, "show"))["t"] == cut.at_us, "an order acts, and time stands again"
            await seen.live.order({"do": "power", "device": DEVICE, "to": "on"})
            await seen.until(lambda: seen.kinds()[-1] == "power.on")
            before = len(seen.kinds())
            await hold(seen, "step")
            await seen.until(lambda: len(seen.kinds()) > before)
            stepped = await hold(seen, "show")
            assert stepped["paused"] is True
            assert (await hold(seen, "resume"))["paused"] is False
            await seen.until(lambda: "boot" in seen.kinds())
            assert (await hold(seen, "speed", value=20))["speed"] == 20
            for wrong in ({"clock": "speed", "value": 0}, {"clock": "speed", "value": "fast"}, {"clock": "back"}):
                with pytest.raises(QpyotaError):
                    await seen.live.hold(wrong)
            await hold(seen, "speed", value=10)

    asyncio.run(main())


def test_a_dashboard_that_goes_lets_time_go_on(running: Running) -> None:
    async def main() -> None:
        async with watched(running) as seen:
            stood = await hold(seen, "pause")
        for _ in range(100):
            told = await asyncio.to_thread(lambda: order(running, "clock", to="show"))
            if not told["paused"] and told["t"] > stood["t"]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("time stands for ever")

    asyncio.run(main())


def test_a_cloud_whose_time_stands_ends_when_it_is_told_to(tmp_path: Path) -> None:
    async def main(running: Running) -> None:
        async with watched(running) as seen:
            await hold(seen, "pause")
            assert await asyncio.to_thread(up.end) == 0
            await seen.until(lambda: bool(seen.film.failure))
            assert seen.film.failure == "the cloud has ended"

    with Up(tmp_path) as up:
        asyncio.run(main(up.start()))


def test_one_dashboard_at_a_time_and_another_after_it(running: Running) -> None:
    async def main() -> None:
        async with watched(running):
            with pytest.raises(SpecError, match="a dashboard shows this cloud already"):
                await Live(Stage(), running).watch()
        for _ in range(100):
            with suppress(SpecError):
                async with watched(running) as again:
                    assert again.film.head["title"] == "one_device"
                    return
            await asyncio.sleep(0.05)
        raise AssertionError("the film is not free again")

    asyncio.run(main())


def test_jobs_go_through_the_clouds_own_api(running: Running) -> None:
    async def main() -> None:
        async with watched(running) as seen:
            job = {"jobId": "from-page", "targets": [DEVICE], "document": '{"operation": "none"}'}
            assert (await seen.live.create_job(job))["jobId"] == "from-page"
            await seen.until(lambda: "execution" in seen.kinds())
            assert [one["jobId"] for one in await seen.live.jobs()] == ["from-page"]
            told = await seen.live.job("from-page")
            assert told["document"] == '{"operation": "none"}'
            assert [one["device"] for one in told["executions"]] == [DEVICE]
            with pytest.raises(QpyotaError, match="ResourceAlreadyExists"):
                await seen.live.create_job({**job, "document": "{}"})
            await hold(seen, "pause")
            with pytest.raises(NotPossible, match="time stands"):
                await seen.live.create_job({**job, "jobId": "later"})
            assert [one["jobId"] for one in await seen.live.jobs()] == ["from-page"]
            await hold(seen, "resume")
            with pytest.raises(NotPossible, match="no thing and no group 'nobody'"):
                await seen.live.create_job({**job, "jobId": "other", "targets": ["nobody"]})

    asyncio.run(main())


def test_a_device_that_is_made_is_in_the_next_film(running: Running) -> None:
    async def main() -> None:
        async with watched(running) as seen:
            made = {"device": "another", "model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY"}
            await asyncio.to_thread(lambda: order(running, "new", **made))
            await seen.until(lambda: len(seen.stage.shown) == 2 and seen.film.head)
            assert [device["name"] for device in seen.film.head["devices"]] == [DEVICE, "another"]
            assert seen.stage.listed()[0]["failure"] == "there are other devices now; the next film shows them"

    asyncio.run(main())


def test_it_is_shown_by_the_commands(running: Running, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from sim.cli.main import cli

    told = CliRunner().invoke(cli, ["up", "--ui", "--detach", "--data", str(tmp_path)])
    assert "use qpyota open afterwards" in told.output
    told = CliRunner().invoke(cli, ["open", "--data", str(tmp_path), "--host", "0.0.0.0"])
    assert "needs --token" in told.output
