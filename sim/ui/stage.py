"""The films that a dashboard shows: the run itself and its branches, each by its number from 1.

Rules: a branch is the whole run again, from its seed, in a process of its own. When it is over it is compared with its
parent, entry for entry, up to the injection; where they differ, that is said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.errors import QpyotaError, SpecError
from sim.film import compare
from sim.film.bundle import Bundled
from sim.film.film import Film
from sim.film.injections import TEARING, Injection, parse_injection
from sim.ui.takes import Take

Json = dict[str, Any]
TAKES_AT_ONCE = 2
"""Re-executions that run at a time; each keeps a processor busy."""
FILMS_MAX = 50
"""ESTIMATE: films are kept in memory; one of a teaching run is half a megabyte, of an hour of a fleet fifty."""


class NotPossible(QpyotaError):  # noqa: N818 - a finding
    """What the page asked for cannot be had."""


class NotFound(NotPossible):
    """There is no such film."""


@dataclass(slots=True)
class Shown:
    """A film, and how it came about. `equal`: so many entries are those of its parent; `log`: all its injections;
    `words`: those that lead to it, where they are not the script's."""

    film: Film
    parent: int | None = None
    equal: int | None = None
    log: tuple[Json, ...] = ()
    filmed: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None
    take: Take | None = None
    checked: bool | None = None
    doubt: str = ""

    @property
    def injection(self) -> Json | None:
        return self.log[-1] if self.parent is not None and self.log else None


@dataclass(frozen=True, slots=True)
class Script:
    """The words of `qpyota run` that lead to the first film, and those that make it again without leaving files.

    `again` is None where a run cannot be made again; `why_not` says why.
    """

    first: Sequence[str] = ()
    again: Sequence[str] | None = None
    why_not: str = "this film comes from a file and can only be looked at; its replay line runs it again"


@dataclass
class Stage:
    """`news()` is called whenever there is more of a film, or another film."""

    script: Script = field(default_factory=Script)
    news: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.shown: dict[int, Shown] = {}
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(TAKES_AT_ONCE)

    def put(self, shown: Shown) -> int:
        """Show a film; its number."""
        number = self._last = self._last + 1
        self.shown[number] = shown
        self.news()
        return number

    def load(self, films: Mapping[int, Bundled]) -> None:
        """Show films of a bundle, under their numbers there."""
        for number, one in films.items():
            self.shown[number] = Shown(one.film, one.parent, one.equal, one.log)
            self._last = max(self._last, number)

    async def run(self) -> int | None:
        """Shoot the first film; the exit code of its process."""
        shown = Shown(Film())
        self.put(shown)
        shown.take = Take(shown.film, self._news)
        await shown.take.shoot(self.script.first, aloud=True)
        return shown.take.code

    def film(self, number: int) -> Film:
        """The film of this number. NotFound when there is none, or nothing of it yet."""
        film = self.begun(number)
        if not film.head:
            raise NotFound(f"there is nothing of film {number} yet")
        return film

    def begun(self, number: int) -> Film:
        """The film of this number, even if there is nothing of it yet."""
        if number not in self.shown:
            raise NotFound(f"there is no film {number}")
        return self.shown[number].film

    def listed(self) -> list[Json]:
        """All films in brief."""
        return [self._brief(number, shown) for number, shown in self.shown.items()]

    def head(self, number: int) -> Json:
        """The head of one, as pages get it."""
        return self.film(number).described() | self._brief(number, self.shown[number])

    def branch(self, number: int, given: object) -> int:
        """Make a film again with one more injection; the number of the branch."""
        film, injection = self.film(number), parse_injection(given)
        if film.head.get("outside"):
            raise NotPossible("this run had a broker outside of qpyota, and what that did cannot be made again")
        _check(film, injection)
        parent = self.shown[number]
        log = (*parent.log, injection.given)
        return self._make(Shown(Film(), number, _equal_entries(film, injection), log, parent.filmed, parent.words))

    def shoot(self, words: Sequence[str]) -> int:
        """Make another film, of these words of `qpyota run`; its number."""
        return self._make(Shown(Film(), words=tuple(words)))

    def also_filmed(self, number: int, device: int) -> int:
        """Make a film again that has the flash of this device, too; its number."""
        film, parent = self.film(number), self.shown[number]
        devices = film.head["devices"]
        if not 0 <= device < len(devices):
            raise NotPossible(f"film {number} has no device {device}")
        if devices[device]["filmed"]:
            return number
        if parent.log:
            raise NotPossible("a branch counts its entries by the devices it films; film this one in the run itself")
        filmed = (*parent.filmed, devices[device]["name"])
        alike = (filmed, parent.words)
        known = (at for at, one in self.shown.items() if (one.filmed, one.words) == alike and not one.log)
        return next(known, None) or self._make(Shown(Film(), filmed=filmed, words=parent.words))

    def diff(self, one: int, other: int) -> Json:
        """In what two films differ."""
        return compare.diff(self.film(one), self.film(other))

    async def close(self) -> None:
        """End every process."""
        for task in self._tasks:
            task.cancel()
        for shown in self.shown.values():
            if shown.take is not None:
                await shown.take.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _news(self) -> None:
        self.news()

    def _make(self, shown: Shown) -> int:
        again = shown.words if shown.words is not None else self.script.again
        if again is None:
            raise NotPossible(self.script.why_not)
        if len(self.shown) >= FILMS_MAX:
            raise NotPossible(f"there are {FILMS_MAX} films already; begin anew to make more")
        shown.take = Take(shown.film, self._news)
        number = self.put(shown)
        task = asyncio.ensure_future(self._shoot(shown, shown.take, again))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return number

    async def _shoot(self, shown: Shown, take: Take, again: Sequence[str]) -> None:
        words = list(again)
        for injection in shown.log:
            words += ["--inject", json.dumps(injection)]
        for name in shown.filmed:
            words += ["--filmed", name]
        async with self._turns:
            await take.shoot(words, aloud=False)
        if shown.parent is not None and shown.equal is not None:
            parent = self.shown[shown.parent].film
            shown.checked = await asyncio.to_thread(_same, parent, shown.film, shown.equal)
            shown.doubt = _DOUBT if shown.checked is False else ""
        self.news()

    def _brief(self, number: int, shown: Shown) -> Json:
        film = shown.film
        return {
            "id": number,
            "title": film.head.get("title", ""),
            "growing": film.growing,
            "verdict": None if film.result is None else film.result.get("verdict"),
            "failure": film.failure or shown.doubt or None,
            "parent": shown.parent,
            "branched_at": shown.equal,
            "injection": shown.injection,
            "checked": shown.checked,
        }


_DOUBT = (
    "up to the injection this branch is not what its parent was: has the scenario, an application or a model been "
    "changed since? Begin anew for a new film."
)


def _same(parent: Film, branch: Film, n: int) -> bool | None:
    """Whether the first `n` entries are the same; None when there is too little of the branch to say."""
    if branch.n < n:
        return None
    return compare.prefix_digest(parent, n) == compare.prefix_digest(branch, n)


def _check(film: Film, injection: Injection) -> None:
    names = [device["name"] for device in film.head["devices"]]
    if injection.device and injection.device not in names:
        raise NotPossible(f"there is no device {injection.device} in this film")
    if injection.n is not None and injection.n > film.n:
        raise SpecError(f"entry {injection.n} is not in this film, whose last is {film.n}")
    if injection.at_us is not None and injection.at_us > film.end_us:
        raise SpecError(f"this film ends at {film.end_us / 1_000_000:g}s; nothing can be done to it later")


def _equal_entries(film: Film, injection: Injection) -> int:
    """How many entries the branch shares with the film."""
    if injection.n is None:
        assert injection.at_us is not None
        return compare.entries_before(film, injection.at_us)
    tears = injection.what in TEARING and compare.is_op_of(film, injection.n, injection.device)
    return injection.n - 1 if tears else injection.n
