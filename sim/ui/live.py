"""A served cloud on the stage: its film as it grows, and what people do to it now.

Everything goes through the doors that commands use: the workbench for devices, film and clock, the REST port with the
operator's key for jobs. Rules: what blocks waits in a thread of its own; a cloud that ends leaves its film standing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sim.errors import MachineError, SpecError
from sim.film.entries import HEAD, Splitter
from sim.film.film import Film
from sim.serve.bench_client import order
from sim.serve.cloud_client import CloudClient, CloudError
from sim.serve.data_dir import Running
from sim.ui.stage import NotPossible, Shown, Stage

READ_BYTES = 1 << 18
FILM_MAX_BYTES = 128 * 1024 * 1024
"""ESTIMATE: some hours of a busy bench. A film that reaches this ends, and another one begins."""
FILMS_KEPT = 3
WHY_NOT = "a served cloud takes part in the real world, which cannot be run again; its buttons act now"
AT_ONCE = ("show", "power", "reset", "battery", "net", "flash")
"""Orders of the workbench that a page may give."""

Json = dict[str, Any]


class Live:
    """`stage` shows the films of the cloud at `running`; `told(clock)` when time stands or goes."""

    def __init__(self, stage: Stage, running: Running, told: Callable[[Json], None] = lambda _: None) -> None:
        self._stage = stage
        self._running = running
        self._cloud = CloudClient(running)
        self.told = told
        self._known: list[Json] = []
        self.clock: Json = {}

    async def watch(self) -> None:
        """Show the film until the cloud ends, or gives it to nobody more. MachineError when it cannot be had at all."""
        again = True
        while again:
            reader, writer = await self._dial()
            try:
                again = await self._receive(reader)
            finally:
                writer.close()

    async def order(self, given: Json) -> Json:
        """An order of the workbench, now."""
        what = given.get("do")
        if what not in AT_ONCE:
            raise NotPossible(f"a dashboard gives no order {what!r}; it knows {', '.join(AT_ONCE)}")
        members = {name: value for name, value in given.items() if name not in ("do", "token")}
        return await asyncio.to_thread(order, self._running, str(what), **members)

    async def hold(self, given: Json) -> Json:
        """An order to the clock."""
        members = {"to": given.get("clock"), "value": given.get("value")}
        self.clock = await asyncio.to_thread(order, self._running, "clock", **members)
        self.told(self.clock)
        return self.clock

    async def jobs(self) -> list[Json]:
        """All jobs in brief."""
        if not self._stands:
            self._known = await asyncio.to_thread(self._rows)
        counts = self._film().counts.get("jobs", {})
        names = ("jobId", "status")
        return [{name: row[name] for name in names} | {"counts": counts.get(row["jobId"], {})} for row in self._known]

    async def job(self, job_id: str) -> Json:
        """One job with its document and executions."""
        self._need_time()
        return await asyncio.to_thread(self._job, job_id)

    async def create_job(self, given: Json) -> Json:
        """CreateJob; `targets` by name or ARN."""
        self._need_time()
        return await asyncio.to_thread(self._create, given)

    @property
    def _stands(self) -> bool:
        return bool(self.clock.get("paused"))

    def _need_time(self) -> None:
        """The cloud answers in its own time."""
        if self._stands:
            raise NotPossible("time stands, so the cloud does not answer; let it go on first")

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._running.bench_port, limit=READ_BYTES)
        except OSError as error:
            raise MachineError(f"the cloud's workbench does not answer: {error.strerror}") from None
        writer.write(json.dumps({"token": self._running.bench_token, "do": "film"}).encode() + b"\n")
        answer = json.loads(await reader.readline() or b"{}")
        if "clock" not in answer:
            writer.close()
            raise SpecError(answer.get("error", "the cloud ended before it answered"))
        self.clock = answer["clock"]
        self.told(self.clock)
        return reader, writer

    async def _receive(self, reader: asyncio.StreamReader) -> bool:
        """Until the connection ends; whether it is worth asking for another film."""
        splitter, film, size = Splitter(), self._begin(), 0
        try:
            while data := await reader.read(READ_BYTES):
                for block in splitter.feed(data):
                    if block.kind == HEAD and film.head:
                        film.failure = "there are other devices now; the next film shows them"
                        film, size = self._begin(), 0
                    film.add(block)
                size += len(data)
                self._stage.news()
                if size > FILM_MAX_BYTES:
                    film.failure = "this film is long enough; the next one goes on"
                    return True
        except OSError:
            pass
        film.failure = film.failure or "the cloud has ended"
        self._stage.news()
        return False

    def _begin(self) -> Film:
        film = Film()
        number = self._stage.put(Shown(film))
        for old in list(self._stage.shown):
            if old <= number - FILMS_KEPT:
                del self._stage.shown[old]
        return film

    def _film(self) -> Film:
        return self._stage.shown[max(self._stage.shown)].film

    # -- in a thread

    def _rows(self) -> list[Json]:
        return list(self._cloud.rows("/jobs", "jobs", "maxResults", "nextToken", "nextToken"))

    def _job(self, job_id: str) -> Json:
        path = f"/jobs/{quote(job_id, safe='')}"
        described = self._cloud.iot("GET", path)["job"]
        document = self._cloud.iot("GET", f"{path}/job-document").get("document", "")
        rows = self._cloud.rows(f"{path}/things", "executionSummaries", "maxResults", "nextToken", "nextToken")
        executions = [{"device": row["thingArn"].rpartition("/")[2], **row["jobExecutionSummary"]} for row in rows]
        told = {name: described.get(name) for name in ("jobId", "status", "targets", "description")}
        return told | {"document": document, "executions": executions}

    def _create(self, given: Json) -> Json:
        job_id, targets = given.get("jobId"), given.get("targets")
        if not isinstance(job_id, str) or not isinstance(targets, list):
            raise NotPossible("a job needs its jobId and a list of targets")
        body = {name: value for name, value in given.items() if name != "jobId"}
        body["targets"] = [self._arn(str(target)) for target in targets]
        return self._cloud.iot("PUT", f"/jobs/{quote(job_id, safe='')}", body)

    def _arn(self, target: str) -> str:
        if target.startswith("arn:"):
            return target
        for path, member in (("/things", "thingArn"), ("/thing-groups", "thingGroupArn")):
            try:
                return str(self._cloud.iot("GET", f"{path}/{quote(target, safe='')}")[member])
            except CloudError as error:
                if error.name != "ResourceNotFoundException":
                    raise
        raise NotPossible(f"there is no thing and no group {target!r}")
