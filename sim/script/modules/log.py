"""`log`: levels and named loggers; a line is `time [name][LEVEL] text`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

LEVELS = {"CRITICAL": 50, "ERROR": 40, "WARNING": 30, "INFO": 20, "DEBUG": 10, "NOTSET": 0}
_NAMES = {level: name for name, level in LEVELS.items()}


def make(rt: ScriptRuntime) -> ModuleType:
    config = {"level": LEVELS["INFO"]}

    class Logger:
        def __init__(self, name: str) -> None:
            self.name = name

        def log(self, level: int, message: Any, *args: Any) -> None:
            rt.me()
            if level >= config["level"]:
                text = str(message) % args if args else str(message)
                rt.trace("log", level=_NAMES.get(level, str(level)), name=self.name, text=text)

        def debug(self, message: Any, *args: Any) -> None:
            self.log(LEVELS["DEBUG"], message, *args)

        def info(self, message: Any, *args: Any) -> None:
            self.log(LEVELS["INFO"], message, *args)

        def warning(self, message: Any, *args: Any) -> None:
            self.log(LEVELS["WARNING"], message, *args)

        def error(self, message: Any, *args: Any) -> None:
            self.log(LEVELS["ERROR"], message, *args)

        def critical(self, message: Any, *args: Any) -> None:
            self.log(LEVELS["CRITICAL"], message, *args)

    loggers: dict[str, Logger] = {}

    def get_logger(name: str = "root") -> Logger:
        return loggers.setdefault(name, Logger(name))

    def basic_config(level: int = LEVELS["INFO"], **_options: Any) -> None:
        config["level"] = level

    return namespace("log", getLogger=get_logger, basicConfig=basic_config, **LEVELS)
