"""A file that runs on a device again whenever it was saved, each time in a fresh interpreter."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from pathlib import Path

from sim.serve.bench_client import CTRL_A, CTRL_C, CTRL_D, RAW_PROMPT, Console, console
from sim.serve.data_dir import Running

LOOK_S, SETTLE_S = 0.2, 0.1
GONE = (0, 0)


def run_again(running: Running, device: str, file: Path, show: Callable[[bytes], object]) -> None:
    """Until Ctrl-C."""
    line = console(running, device)
    try:
        while True:
            seen, source = _read(file)
            _start(line, source)
            show(f"--- {file} runs on {device}; save it to run it again, Ctrl-C ends\n".encode())
            _follow(line, file, seen, show)
    except KeyboardInterrupt:
        line.send(CTRL_C)
        show(b"\n")
    finally:
        line.leave()


def _start(line: Console, source: bytes) -> None:
    line.send(b"\r" + CTRL_C + b"\r" + CTRL_A)
    line.until(RAW_PROMPT)
    line.send(CTRL_D)
    line.until(RAW_PROMPT)
    line.send(source + CTRL_D)
    line.until(b"OK")


def _follow(line: Console, file: Path, seen: tuple[int, int], show: Callable[[bytes], object]) -> None:
    """Show what it prints, its traceback too, until the file was saved."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(line.line, selectors.EVENT_READ)
        while _state(file) == seen:
            if line.has_more or waiting.select(LOOK_S):
                show(line.receive().replace(CTRL_D, b"").removesuffix(b">"))


def _read(file: Path) -> tuple[tuple[int, int], bytes]:
    """The file once it is there and at rest: editors write it in pieces, or put a new one in its place."""
    while True:
        seen = _state(file)
        time.sleep(SETTLE_S)
        if seen == _state(file) != GONE:
            return seen, file.read_bytes()


def _state(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return GONE
    return found.st_mtime_ns, found.st_size
