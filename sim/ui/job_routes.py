"""Jobs and orders under /api: of a served cloud they act now, of a run they are read from its film."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sim.cloud.account import TRACK_SUFFIX
from sim.film.compare import events_of
from sim.film.film import Film
from sim.ui.live import Live
from sim.ui.routes import STAGE, body_of
from sim.ui.stage import NotFound, NotPossible

LIVE = web.AppKey("live", Live)

Json = dict[str, Any]


def add_to(app: web.Application) -> None:
    """All routes of jobs and orders."""
    app.router.add_get("/api/jobs", _jobs)
    app.router.add_post("/api/jobs", _create)
    app.router.add_get("/api/jobs/{id}", _job)
    app.router.add_post("/api/orders", _order)


async def _jobs(request: web.Request) -> web.Response:
    live = request.app.get(LIVE)
    return web.json_response(list(jobs_of(_film(request)).values()) if live is None else await live.jobs())


async def _job(request: web.Request) -> web.Response:
    live, job_id = request.app.get(LIVE), request.match_info["id"]
    if live is not None:
        return web.json_response(await live.job(job_id))
    film = _film(request)
    job = jobs_of(film).get(job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id} in this film")
    return web.json_response(job | {"executions": executions_of(film, job_id)})


async def _create(request: web.Request) -> web.Response:
    live, given = request.app.get(LIVE), await body_of(request)
    if not isinstance(given, dict):
        raise NotPossible("a job is an object, as CreateJob takes it")
    if live is not None:
        return web.json_response(await live.create_job(given))
    if "n" not in given:
        raise NotPossible('in a run a job is an injection: say at which entry, with "n"')
    of = given.pop("of", 1)
    return web.json_response({"id": request.app[STAGE].branch(int(of), {**given, "what": "create_job"})})


async def _order(request: web.Request) -> web.Response:
    live, given = request.app.get(LIVE), await body_of(request)
    if live is None:
        raise NotPossible("this run is over before you act: what you do to it is an injection, and makes a branch")
    if not isinstance(given, dict):
        raise NotPossible('an order is an object like {"do": "power", "device": "meter", "to": "cut"}')
    return web.json_response(await live.order(given))


def jobs_of(film: Film) -> dict[str, Json]:
    """The jobs of a run, as far as its film has come."""
    found: dict[str, Json] = {}
    known = {job["jobId"]: job for job in film.head.get("jobs", [])}
    for event in events_of(film):
        if event.kind == "job":
            job_id = event.data["track"].removesuffix(TRACK_SUFFIX).removeprefix("job/")
            job = found.setdefault(job_id, {"jobId": job_id, **known.get(job_id, {})})
            job["status"] = event.data["new"]
    for job_id, job in found.items():
        job["counts"] = film.counts.get("jobs", {}).get(job_id, {})
    return found


def executions_of(film: Film, job_id: str) -> list[Json]:
    """The executions of a job as they were told last; in a large fleet, those of filmed devices."""
    found: dict[str, Json] = {}
    for event in events_of(film):
        if event.kind == "execution" and event.data["job"] == job_id:
            device = event.data["track"].removesuffix(TRACK_SUFFIX)
            data = event.data
            told = {"status": data["new"], "versionNumber": data["version"], "statusDetails": data["details"]}
            found[device] = {"device": device, **told}
    return list(found.values())


def _film(request: web.Request) -> Film:
    try:
        number = int(request.query.get("film", "1"))
    except ValueError:
        raise NotPossible("film is the number of a film") from None
    return request.app[STAGE].film(number)
