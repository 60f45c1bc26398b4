"""`sys` and `usys`: exit, console streams, print_exception."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    class Console:
        def write(self, text: str) -> int:
            rt.me()
            rt.trace("print", text=text)
            return len(text)

    def leave(code: int = 0) -> None:
        raise SystemExit(code)

    def print_exception(error: BaseException, file: Any = None) -> None:
        rt.me()
        if file is None or isinstance(file, Console):
            rt.report(error, "print_exception")
        else:
            file.write(f"{type(error).__name__}: {error}\n")

    return namespace(
        "usys",
        exit=leave,
        print_exception=print_exception,
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
