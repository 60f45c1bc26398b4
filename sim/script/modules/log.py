"""`log`: levels and named loggers; a line is `time [name][LEVEL] text`.

It goes to the console, or where `set_output` says; the trace has it in any case. ESTIMATE: how the time is written.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.modules.utime import DEFAULT_ZONE_HOURS, civil
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

LEVELS = {"CRITICAL": 50, "ERROR": 40, "WARNING": 30, "INFO": 20, "DEBUG": 10, "NOTSET": 0}
_NAMES = {level: name for name, level in LEVELS.items()}


def make(rt: ScriptRuntime) -> ModuleType:
    config: dict[str, Any] = {"level": LEVELS["INFO"], "output": None}

    def line(level: str, name: str, text: str) -> str:
        year, month, day, hour, minute, second, *_ = civil(rt.clock.epoch_s + DEFAULT_ZONE_HOURS * 3600)
        return f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} [{name}][{level}] {text}\r\n"

    class Logger:
        def __init__(self, name: str) -> None:
            self.name = name

        def log(self, level: int, message: Any, *args: Any) -> None:
            rt.me()
            if level >= config["level"]:
                text = str(message) % args if args else str(message)
                told = _NAMES.get(level, str(level))
                rt.trace("log", level=told, name=self.name, text=text)
                if config["output"] is not None:
                    config["output"].write(line(told, self.name, text))

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

    def set_output(out: Any) -> None:
        """A serial port or another stream; what has no `write`, as `usys`, is the console again."""
        rt.me()
        config["output"] = out if hasattr(out, "write") else None

    return namespace("log", set_output=set_output, getLogger=get_logger, basicConfig=basic_config, **LEVELS)
