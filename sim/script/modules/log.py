"""`log`: levels and named loggers; a line is `time [name][LEVEL] text`.

It goes to the console, or where `set_output` says; the trace has it in any case. ESTIMATE: how the time is written.
"""

from __future__ import annotations

from typing import Any

from sim.script.modules.utime import DEFAULT_ZONE_HOURS, civil
from sim.script.namespace import FirmwareModule, of_boot
from sim.script.runtime import ScriptRuntime

LEVELS = {"CRITICAL": 50, "ERROR": 40, "WARNING": 30, "INFO": 20, "DEBUG": 10, "NOTSET": 0}
_NAMES = {level: name for name, level in LEVELS.items()}


class Logger:
    """One named logger of the module `log`."""

    def __init__(self, name: str, log: _Log) -> None:
        self.name = name
        self._log = log

    def log(self, level: int, message: Any, *args: Any) -> None:
        self._log._take(self.name, level, message, args)

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


class _Log(FirmwareModule):
    def __init__(self, rt: ScriptRuntime) -> None:
        super().__init__("log", rt, **LEVELS)
        self._level = LEVELS["INFO"]
        self._output: Any = None
        self._loggers: dict[str, Logger] = {}
        self._kind = of_boot(Logger, rt)

    def getLogger(self, name: str = "root") -> Logger:  # noqa: N802 - the device's names
        if name not in self._loggers:
            self._loggers[name] = self._kind(name, self)
        return self._loggers[name]

    def basicConfig(self, level: int = LEVELS["INFO"], **_options: Any) -> None:  # noqa: N802
        self._level = level

    def set_output(self, out: Any) -> None:
        """A serial port or another stream; what has no `write`, as `usys`, is the console again."""
        self._rt.me()
        self._output = out if hasattr(out, "write") else None

    def _take(self, name: str, level: int, message: Any, args: tuple[Any, ...]) -> None:
        rt = self._rt
        rt.me()
        if level >= self._level:
            text = str(message) % args if args else str(message)
            told = _NAMES.get(level, str(level))
            rt.trace("log", level=told, name=name, text=text)
            if self._output is not None:
                self._output.write(_line(rt.clock.epoch_s, told, name, text))


def _line(epoch_s: int, level: str, name: str, text: str) -> str:
    year, month, day, hour, minute, second, *_ = civil(epoch_s + DEFAULT_ZONE_HOURS * 3600)
    return f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} [{name}][{level}] {text}\r\n"


def make(rt: ScriptRuntime) -> _Log:
    return _Log(rt)
