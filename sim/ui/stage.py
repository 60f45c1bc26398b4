"""The films that a dashboard shows: the run itself and its branches, each by its number from 1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sim.film.film import Film
from sim.ui.takes import Take

Json = dict[str, Any]


class Stage:
    """`words`: those of `qpyota run` that lead to the first film. `news()` whenever the list of films changes."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.films: dict[int, Film] = {}
        self.takes: dict[int, Take] = {}
        self.news: Callable[[], None] = lambda: None
        self._words = list(words)
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, film: Film) -> int:
        """Show a film; its number."""
        number = len(self.films) + 1
        self.films[number] = film
        self.news()
        return number

    async def run(self) -> int | None:
        """Shoot the first film; the exit code of its process."""
        film = Film()
        number = self.put(film)
        take = self.takes[number] = Take(film, self.news)
        await take.shoot(self._words, aloud=True)
        return take.code

    def listed(self) -> list[Json]:
        """All films in brief."""
        return [self._brief(number, film) for number, film in self.films.items()]

    def head(self, number: int) -> Json:
        """What does not change of one."""
        return self.films[number].described() | {"id": number, "live": False}

    async def close(self) -> None:
        """End every process."""
        for take in self.takes.values():
            await take.stop()

    def _brief(self, number: int, film: Film) -> Json:
        return {
            "id": number,
            "title": film.head.get("title", ""),
            "growing": film.growing,
            "verdict": None if film.result is None else film.result.get("verdict"),
            "failure": film.failure or None,
            "parent": film.head.get("parent"),
            "injection": film.head.get("injection"),
        }
