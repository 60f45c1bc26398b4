"""A take: a scenario runs in a process of its own, and its film comes through a pipe. The first run and every branch
use this one door.

Rules: the process is `qpyota run` with the words that the user gave, so a take is what a terminal would have seen. What
becomes of the process, its film says: a verdict, or why there is none.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence

from sim.errors import SpecError
from sim.film.entries import Splitter
from sim.film.film import Film

COMMAND = "from sim.cli.main import main; main()"
READ_BYTES = 1 << 18
WORDS_KEPT = 4000
"""Characters of what a process said last, for the page."""
END_PATIENCE_S = 5.0


class Take:
    """One process and its film. `changed()` is called whenever there is more of it."""

    def __init__(self, film: Film, changed: Callable[[], None]) -> None:
        self.film = film
        self.code: int | None = None
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None

    async def shoot(self, words: Sequence[str], *, aloud: bool) -> None:
        """Run to the end. `aloud`: what it prints is the terminal's."""
        reading, writing = os.pipe()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", COMMAND, "run", *words, "--film-fd", str(writing),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=None if aloud else asyncio.subprocess.DEVNULL,
                stderr=None if aloud else asyncio.subprocess.PIPE,
                pass_fds=(writing,),
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        said = asyncio.ensure_future(self._listen(process))
        try:
            await self._watch(reading)
            self.code = await process.wait()
        finally:
            await self.stop()
            words_of_it = await said
        if self.film.growing:
            self.film.failure = _why(self.code, words_of_it)
        self._changed()

    async def stop(self) -> None:
        """End the process, if it still runs."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_PATIENCE_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _watch(self, descriptor: int) -> None:
        reader = asyncio.StreamReader(limit=READ_BYTES)
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        splitter = Splitter()
        try:
            while data := await reader.read(READ_BYTES):
                for block in splitter.feed(data):
                    self.film.add(block)
                self._changed()
        except SpecError as error:
            self.film.failure = str(error)
        finally:
            transport.close()

    async def _listen(self, process: asyncio.subprocess.Process) -> str:
        said = b""
        if process.stderr is not None:
            while data := await process.stderr.read(READ_BYTES):
                said = (said + data)[-WORDS_KEPT:]
        return said.decode(errors="replace").strip()


def _why(code: int | None, said: str) -> str:
    if code is not None and code < 0:
        return f"the process of this run was ended by {signal.Signals(-code).name}; what it had filmed is here"
    last = said.splitlines()[-1].removeprefix("qpyota: ") if said else ""
    return f"the run ended with exit code {code}" + (f": {last}" if last else "; see the terminal for why")
