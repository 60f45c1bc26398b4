"""The dashboard's server over real sockets: films, tapes, branches, and who may come in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from sim.errors import MachineError
from sim.film import compare
from sim.film.camera import Camera, Framing
from sim.film.entries import ALL_STATES, COUNTS, END, STATES, Block, blocks_of, unpack_json
from sim.film.film import LAG_GROUPS, Film
from sim.fleet.run import run_judged
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.ui.server import Dashboard
from sim.ui.stage import Script, Shown, Stage

TOKEN = "open-sesame"
WORDS = ("first_upgrade", "--transport", "memory")


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    found: list[Block] = []
    camera = Camera(found.append, Framing())
    run_judged(load_scenario(find_scenario("first_upgrade")), RunOptions(transport="memory"), (), lambda _: [camera])
    return found


def film_of(blocks: list[Block]) -> Film:
    film = Film()
    for block in blocks:
        film.add(block)
    return film


class Page:
    """A page that is open."""

    def __init__(self, dashboard: Dashboard, session: aiohttp.ClientSession) -> None:
        self.dashboard = dashboard
        self.session = session
        self.base = dashboard.url.split("/?")[0]

    async def get(self, path: str, *, token: str = TOKEN, **headers: str) -> tuple[int, Any]:
        async with self.session.get(self.base + path, params={"t": token}, headers=headers) as answer:
            body = await answer.read()
            return answer.status, json.loads(body) if answer.content_type == "application/json" else body

    async def post(self, path: str, value: Any) -> tuple[int, Any]:
        async with self.session.post(self.base + path, params={"t": TOKEN}, json=value) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def opened(stage: Stage, **place: Any) -> AsyncIterator[Page]:
    dashboard = Dashboard(stage, port=0, token=TOKEN, **place)
    await dashboard.open()
    try:
        async with aiohttp.ClientSession() as session:
            yield Page(dashboard, session)
    finally:
        await dashboard.close()


def with_film(blocks: list[Block], test: Callable[[Page, Stage], Awaitable[None]]) -> None:
    async def main() -> None:
        stage = Stage(Script(again=WORDS))
        stage.put(Shown(film_of(blocks)))
        async with opened(stage) as page:
            await test(page, stage)

    asyncio.run(main())


async def until(condition: Callable[[], bool], patience_s: float = 20.0) -> None:
    for _ in range(round(patience_s / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


def test_who_may_come_in(blocks: list[Block]) -> None:
    async def test(page: Page, _: Stage) -> None:
        assert (await page.get("/api/films"))[0] == 200
        assert (await page.get("/api/films", token="wrong"))[0] == 401
        assert (await page.get("/api/films", token=""))[0] == 401
        assert (await page.get("/api/films", token="ü"))[0] == 401
        status, said = await page.get("/api/films", Origin="http://evil.example")
        assert (status, said["error"]) == (403, "pages of http://evil.example may not use this dashboard")
        assert (await page.get("/api/films", Origin=page.base))[0] == 200
        assert (await page.get("/api/films", Host="evil.example"))[0] == 403, "a name that leads here by DNS"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await page.session.ws_connect(page.base + "/ws")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await page.session.ws_connect(f"{page.base}/ws?t={TOKEN}", origin="http://evil.example")
        async with page.session.get(page.base + "/") as answer:
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert "script-src" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    with_film(blocks, test)


def test_files_beside_the_page_are_not_for_everybody(blocks: list[Block]) -> None:
    async def test(page: Page, _: Stage) -> None:
        for path in (
            "/static/../server.py",
            "/static/%2e%2e/server.py",
            "/static/..%2fserver.py",
            "/static//etc/passwd",
        ):
            status, _ = await page.get(path)
            assert status in (401, 403, 404), path

    with_film(blocks, test)


def test_a_film_is_its_head_and_its_tape(blocks: list[Block]) -> None:
    async def test(page: Page, stage: Stage) -> None:
        film = stage.shown[1].film
        _, films = await page.get("/api/films")
        assert [(one["id"], one["verdict"]) for one in films] == [(1, "PASSED")]
        _, head = await page.get("/api/films/1")
        assert (head["title"], head["entries"], head["growing"]) == ("first_upgrade", film.n, False)
        assert head["result"]["verdict"] == "PASSED"
        _, tape = await page.get("/api/films/1/tape")
        assert tape == b"".join(film.tape())
        _, late = await page.get(f"/api/films/1/tape?from={film.n}")
        assert blocks_of(late)[0].kind == ALL_STATES
        assert len(late) < len(tape)
        for path in ("/api/films/2", "/api/films/x", "/api/films/1/tape?from=-1", "/api/films/2/tape", "/nowhere"):
            status, said = await page.get(path)
            assert status in (400, 404)
            assert said["error"]

    with_film(blocks, test)


def test_events_for_people_with_curl(blocks: list[Block]) -> None:
    async def test(page: Page, stage: Stage) -> None:
        _, body = await page.get("/api/events?from=5")
        told = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: ")]
        events = [event for event in compare.events_of(stage.shown[1].film) if event.n >= 5]
        assert [one["n"] for one in told] == [event.n for event in events]
        assert told[0]["say"].endswith(".")

    with_film(blocks, test)


def test_what_an_outside_broker_did_cannot_be_made_again(blocks: list[Block]) -> None:
    async def test(page: Page, stage: Stage) -> None:
        stage.shown[1].film.head["outside"] = True
        what = {"n": 1, "device": "QuecPython_OTA", "what": "power_cut"}
        status, said = await page.post("/api/films/1/branch", {"injection": what})
        assert (status, "broker outside" in said["error"]) == (400, True)

    with_film(blocks, test)


def test_a_page_follows_a_film_that_grows(blocks: list[Block]) -> None:
    """Whatever pieces it comes in, the page has what the whole tape has."""

    async def main() -> None:
        stage, film = Stage(), Film()
        stage.put(Shown(film))
        async with opened(stage) as page, page.session.ws_connect(f"{page.base}/ws?t={TOKEN}") as socket:
            await socket.send_json({"follow": 1, "from": 1})
            await socket.send_json({"rate": 10})
            got, films = b"", []
            for block in blocks:
                film.add(block)
                stage.news()
                await asyncio.sleep(0.005)
            while not got or blocks_of(got)[-1].kind != END:
                message = await socket.receive(timeout=5)
                if message.type is aiohttp.WSMsgType.BINARY:
                    got += message.data
                    assert blocks_of(message.data)[-1].kind in (COUNTS, END)
                else:
                    films.append(json.loads(message.data))
            assert films[-1]["films"][0]["verdict"] == "PASSED"
            entries = [block for block in blocks_of(got) if block.kind in (1, 2)]
            assert entries == [block for block in film.blocks() if block.kind in (1, 2)]

    asyncio.run(main())


def test_who_lags_gets_states_at_once_and_every_entry(blocks: list[Block]) -> None:
    """A client that comes late to a film of many groups."""
    film = Film()
    for block in blocks:
        film.add(block)
        if block.kind == COUNTS:
            for _ in range(LAG_GROUPS):
                film.add(block)
    told = blocks_of(film.since(0))
    assert [block for block in told if block.kind in (1, 2)] == [b for b in film.blocks() if b.kind in (1, 2)]
    assert [block.kind for block in told if block.kind in (STATES, ALL_STATES)] == [ALL_STATES]
    assert [block.kind for block in told].count(COUNTS) == 1


def test_orders_that_are_none_are_answered(blocks: list[Block]) -> None:
    async def test(page: Page, _: Stage) -> None:
        async with page.session.ws_connect(f"{page.base}/ws?t={TOKEN}") as socket:
            for text in ("{", "[]", "{}", '{"dance": 1}', '{"follow": 9}', '{"follow": "x"}', '{"film": 7}'):
                await socket.send_str(text)
                assert (await socket.receive_json(timeout=5))["error"], text

    with_film(blocks, test)


def test_a_branch_is_made_checked_and_compared(blocks: list[Block]) -> None:
    async def test(page: Page, stage: Stage) -> None:
        (device,) = (await page.get("/api/films/1"))[1]["devices"]
        n = stage.shown[1].film.n // 2
        what = {"n": n, "device": device["name"], "what": "power_cut", "off_for": "2s"}
        status, made = await page.post("/api/films/1/branch", {"injection": what})
        assert (status, made) == (200, {"id": 2})
        await until(lambda: stage.shown[2].checked is not None)
        _, films = await page.get("/api/films")
        branch = films[1]
        assert (branch["parent"], branch["injection"], branch["failure"]) == (1, what, None)
        assert branch["checked"] is True
        assert branch["branched_at"] in (n - 1, n)
        _, head = await page.get("/api/films/2")
        assert "--inject" in head["replay"]
        _, told = await page.get("/api/diff?a=1&b=2")
        assert told["first"]["b"]["kind"] == "injected"
        assert told["first"]["n"] == branch["branched_at"] + 1
        assert set(told["flash"]) == {device["name"]}
        assert told["verdicts"][0] == "PASSED"
        wrong = {"injection": {**what, "n": n + 50, "what": "link_loss"}}
        status, said = await page.post("/api/films/2/branch", wrong)
        assert status == 400, "what is wrong with it is said at once"
        assert said["error"] == "link_loss: off_for: Extra inputs are not permitted"

    with_film(blocks, test)


def test_a_branch_of_a_changed_scenario_is_doubted(blocks: list[Block]) -> None:
    async def main() -> None:
        stage = Stage(Script(again=("first_upgrade", "--transport", "memory", "--seed", "99")))
        stage.put(Shown(film_of(blocks)))
        async with opened(stage) as page:
            name = stage.shown[1].film.head["devices"][0]["name"]
            n = stage.shown[1].film.n - 1
            await page.post("/api/films/1/branch", {"injection": {"n": n, "device": name, "what": "link_loss"}})
            await until(lambda: stage.shown[2].checked is not None or bool(stage.shown[2].film.failure))
            assert stage.listed()[1]["failure"].startswith("up to the injection this branch is not what its parent was")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "injection"),
        ({"injection": {"n": 1, "what": "power_cut", "device": "nobody"}}, "no device nobody"),
        ({"injection": {"n": 10**9, "what": "power_cut", "device": "DEVICE"}}, "is not in this film"),
        ({"injection": {"t": 10**14, "what": "power_cut", "device": "DEVICE"}}, "this film ends at"),
        ({"injection": {"n": 1, "what": "explode", "device": "DEVICE"}}, "no 'what'"),
        ({"injection": "n=1"}, "an object like"),
    ],
)
def test_a_branch_that_cannot_be_is_refused(blocks: list[Block], body: Any, said: str) -> None:
    async def test(page: Page, stage: Stage) -> None:
        name = stage.shown[1].film.head["devices"][0]["name"]
        given = json.loads(json.dumps(body).replace("DEVICE", name))
        status, answer = await page.post("/api/films/1/branch", given)
        assert status == 400
        assert said in answer["error"]
        assert len(stage.shown) == 1

    with_film(blocks, test)


def test_a_process_that_is_killed_is_a_sentence_on_the_page() -> None:
    async def main() -> None:
        stage = Stage(Script(first=("staged_rollout", "--transport", "memory", "--quiet")))
        async with opened(stage):
            running = asyncio.ensure_future(stage.run())
            await until(lambda: bool(stage.shown) and bool(stage.shown[1].film.head))
            take = stage.shown[1].take
            assert take is not None
            assert take._process is not None
            take._process.kill()
            assert await running == -9
            film = stage.shown[1].film
            assert not film.growing
            assert film.failure == "the process of this run was ended by SIGKILL; what it had filmed is here"
            assert stage.head(1)["failure"] == film.failure

    asyncio.run(main())


def test_a_port_that_is_taken_is_named() -> None:
    async def main() -> None:
        async with opened(Stage()) as page:
            port = int(page.base.rsplit(":", 1)[1])
            other = Dashboard(Stage(), port=port)
            try:
                with pytest.raises(MachineError, match="choose another --ui-port"):
                    await other.open()
            finally:
                await other.close()

    asyncio.run(main())


def test_another_device_is_filmed_by_running_again() -> None:
    async def main() -> None:
        words = ("staged_rollout", "--transport", "memory", "--set", "duration=40s")
        stage = Stage(Script(first=words, again=words))
        async with opened(stage) as page:
            await stage.run()
            film = stage.shown[1].film
            assert not film.head["devices"][20]["filmed"]
            async with page.session.ws_connect(f"{page.base}/ws?t={TOKEN}") as socket:
                await socket.send_json({"film": 20})
                assert (await socket.receive_json(timeout=5))["filmed"] == 2
            await until(lambda: not stage.shown[2].film.growing)
            assert "20" in stage.shown[2].film.head["flash"]
            assert unpack_json(stage.shown[2].film.end)["trace_hash"] == film.result["trace_hash"]  # type: ignore[index]

    asyncio.run(main())
