"""A lab as a page: its text and goals on the left, the dashboard with the film of the student's run on the right.

Rules: the work folder is the truth, and the same as that of `qpyota learn`; the page writes the files that are the
student's, and no other. Each look at the work is two processes: one makes the film (a take like any other), one tells
the goals and when they held (sim/learn/cell.py). The server waits for neither.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml
from aiohttp import web
from markdown_it import MarkdownIt

from sim.errors import QpyotaError
from sim.learn.folder import Note, note_passed, read_note, reset, write_note
from sim.learn.grading import CELL, SECONDS_PER_RUN
from sim.learn.library import Shelf
from sim.learn.predictions import PREDICT_FILE, filled, read_predictions
from sim.learn.schema import SCENARIO
from sim.learn.sheet import FILE_BYTES_MOST, make_sheet, with_goals
from sim.ui.routes import body_of
from sim.ui.stage import NotPossible, Stage

PAGE = Path(__file__).parent / "static" / "lab.html"
FILES_SHOWN = 20

Json = dict[str, Any]


class Desk:
    """One student at one lab."""

    path = "/lab"

    def __init__(self, lab: Shelf, work: Path, stage: Stage) -> None:
        self._lab = lab
        self._work = work
        self._stage = stage
        self._room = Path(mkdtemp(prefix="qpyota-lab-"))
        self._looks = 0
        self._looking: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._found: Json | None = None
        self._film: int | None = None

    def add_to(self, app: web.Application) -> None:
        """The page, and what it asks for."""
        app.router.add_get(self.path, _page)
        app.router.add_get("/api/lab", self._get)
        app.router.add_post("/api/lab/predict", self._predict)
        app.router.add_post("/api/lab/file", self._write)
        app.router.add_post("/api/lab/check", self._check)
        app.router.add_post("/api/lab/hint", self._hint)
        app.router.add_post("/api/lab/reset", self._reset)
        app.on_cleanup.append(self._ended)

    # -- what is there

    async def _get(self, _: web.Request) -> web.Response:
        return web.json_response(self._told())

    def _told(self) -> Json:
        spec, note = self._lab.spec, self._note
        said = self._said()
        passed = bool(self._found and self._found.get("passed"))
        return {
            "name": self._lab.name,
            "title": spec.title,
            "minutes": spec.minutes,
            "folder": str(self._work),
            "text": _html(self._lab.text.partition("\n")[2]),
            "predict": [
                {
                    "name": asked.name,
                    "ask": asked.ask.strip(),
                    "choices": list(map(str, asked.choices)),
                    "said": said[asked.name],
                }
                for asked in spec.predict
            ],
            "goals": [{"say": goal.say, "why": goal.why.strip()} for goal in spec.goals],
            "hints": [_html(hint) for hint in spec.hints[: note.hints]],
            "hints_left": len(spec.hints) - note.hints,
            "keys": list(spec.yours.keys),
            "files": self._files(),
            "passed": passed or note.passed,
            "after": _html(spec.after) if passed else "",
            "looking": self._looking is not None and not self._looking.done(),
            "look": self._looks,
            "film": self._film,
            "found": self._found,
        }

    @property
    def _note(self) -> Note:
        return read_note(self._work) or Note(self._lab.name)

    def _said(self) -> dict[str, str | None]:
        try:
            said = read_predictions(self._lab.spec, self._work)
        except QpyotaError:
            return {asked.name: None for asked in self._lab.spec.predict}
        return {name: None if value is None else str(value) for name, value in said.items()}

    def _names(self) -> list[str]:
        """Files of the work folder that are the student's."""
        yours = self._lab.spec.yours
        names = [SCENARIO] if yours.keys else []
        for name in yours.files:
            inside = sorted((self._work / name).rglob("*")) if name.endswith("/") else [self._work / name]
            names += [file.relative_to(self._work).as_posix() for file in inside if file.is_file()]
        return names[:FILES_SHOWN]

    def _files(self) -> list[Json]:
        found = []
        for name in self._names():
            with suppress(OSError, UnicodeError):
                found.append({"name": name, "text": (self._work / name).read_text(encoding="utf-8")})
        return found

    # -- what a student does

    async def _predict(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise NotPossible('predictions are {"name": "answer"}')
        said = self._said() | {
            name: value.strip()[:200] or None for name, value in given.items() if name in self._said()
        }
        _put(self._work / PREDICT_FILE, filled(self._lab.spec, said))
        return web.json_response(self._told())

    async def _write(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        if (
            not isinstance(given, dict)
            or given.get("name") not in self._names()
            or not isinstance(given.get("text"), str)
        ):
            raise NotPossible('a file is {"name": one that is yours, "text": "..."}')
        if len(given["text"].encode()) > FILE_BYTES_MOST:
            raise NotPossible(f"a file has at most {FILE_BYTES_MOST} bytes")
        file = self._work / given["name"]
        if file.is_symlink():
            raise NotPossible(f"{given['name']} is a link, which is not followed")
        _put(file, given["text"])
        return web.json_response({})

    async def _hint(self, _: web.Request) -> web.Response:
        note = self._note
        write_note(self._work, replace(note, hints=min(note.hints + 1, len(self._lab.spec.hints))))
        return web.json_response(self._told())

    async def _reset(self, _: web.Request) -> web.Response:
        aside = reset(self._lab, self._work)
        self._found = None
        return web.json_response(self._told() | {"aside": str(aside)})

    async def _check(self, _: web.Request) -> web.Response:
        if any(value is None for value in self._said().values()):
            raise NotPossible("first say what you expect; any answer will do")
        if self._looking is not None and not self._looking.done():
            raise NotPossible("the run goes on; wait for its end")
        self._looks += 1
        self._found = None
        sheet = self._room / str(self._looks)
        try:
            made = make_sheet(self._lab, self._work, sheet)
        except (QpyotaError, OSError, UnicodeError) as error:
            self._found = {"problem": str(error)}
            return web.json_response(self._told())
        text = yaml.safe_dump(with_goals(self._lab.spec, made.data), sort_keys=False, allow_unicode=True)
        (sheet / SCENARIO).write_text(text, encoding="utf-8")
        self._film = self._stage.shoot((str(sheet / SCENARIO), "--transport", "memory"))
        self._looking = asyncio.ensure_future(self._look())
        return web.json_response(self._told())

    async def _look(self) -> None:
        order = {
            "lab": str(self._lab.folder),
            "work": str(self._work.resolve()),
            "live": True,
            "cpu_s": SECONDS_PER_RUN,
        }
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, *CELL,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            out, _ = await asyncio.wait_for(process.communicate(json.dumps(order).encode()), SECONDS_PER_RUN)
            self._found = json.loads(out)
        except TimeoutError:
            self._found = {"problem": f"the run did not come to an end within {SECONDS_PER_RUN} seconds"}
        except ValueError:
            self._found = {"problem": "the run broke off; qpyota learn --check in a terminal may say why"}
        finally:
            self._stop()
        if self._found is not None and self._found.get("passed"):
            note_passed(self._work, self._note)

    def _stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _ended(self, _: web.Application) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._stop()
        shutil.rmtree(self._room, ignore_errors=True)


def _put(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise NotPossible(f"{file} cannot be written: {error}") from None


def _html(text: str) -> str:
    """Markdown as HTML. No HTML passes through it."""
    made: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return made


async def _page(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(PAGE)
