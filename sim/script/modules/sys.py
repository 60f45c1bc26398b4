"""`sys` and `usys`: exit, console streams, print_exception."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

END_OF_INPUT = 4
"""Ctrl-D."""


def make(rt: ScriptRuntime) -> ModuleType:
    class Console:
        def write(self, text: str) -> int:
            rt.me()
            rt.trace("print", text=text)
            rt.terminal.write(text)
            return len(text)

    class Keyboard:
        """What is typed at the console while a script runs."""

        def read(self, size: int = -1) -> str:
            """So many characters; all up to Ctrl-D when no number is given."""
            return typed(size, end="")

        def readline(self) -> str:
            return typed(-1, end="\n")

    def typed(size: int, end: str) -> str:
        keys = bytearray()
        while len(keys) != size and not (end and keys.endswith(end.encode())):
            key = rt.terminal.read_key()
            if key == END_OF_INPUT:
                break
            keys.append(ord("\n") if key == ord("\r") else key)
        return keys.decode("utf-8", "replace")

    def leave(code: int = 0) -> None:
        raise SystemExit(code)

    def print_exception(error: BaseException, file: Any = None) -> None:
        rt.me()
        if file is None or isinstance(file, Console):
            rt.report(error, "print_exception")
        else:
            file.write(rt.told(error))

    return namespace(
        "usys",
        exit=leave,
        print_exception=print_exception,
        stdin=Keyboard(),
        stdout=Console(),
        stderr=Console(),
        path=rt.imports.path,
        modules=rt.imports.modules,
        argv=[],
        platform="quectel",
        version="3.4.0",
        version_info=(3, 4, 0),
        implementation=("micropython", (1, 13, 0)),
        byteorder="little",
        maxsize=0x7FFFFFFF,
    )
