"""What stands behind the names that `dialect_rewrite` calls, and builtins that answer as the device's do.

Nothing here has state, so all boots share it. Words of errors are MicroPython's where scripts are known to read
them (`dialect_words`); other words are CPython's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any

from sim.script import dialect_rewrite as names
from sim.script.coroutines import scripted
from sim.script.dialect import NUMBERS_LACK, ONLY_STEP_ONE, TEXT_LACKS
from sim.script.dialect_words import device_words
from sim.script.loader import compile_text

ERRNO_NAMES = {
    1: "EPERM", 2: "ENOENT", 5: "EIO", 9: "EBADF", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 17: "EEXIST",
    19: "ENODEV", 21: "EISDIR", 22: "EINVAL", 95: "EOPNOTSUPP", 98: "EADDRINUSE", 103: "ECONNABORTED",
    104: "ECONNRESET", 105: "ENOBUFS", 107: "ENOTCONN", 110: "ETIMEDOUT", 111: "ECONNREFUSED", 113: "EHOSTUNREACH",
    114: "EALREADY", 115: "EINPROGRESS",
}  # fmt: skip
"""Numbers that the device's `uerrno` has a name for; of others (28, no space) the text is the number."""

_LACKED = TEXT_LACKS | NUMBERS_LACK
_HOSTS = (str, bytes, bytearray, int, float)


class _KeyError(KeyError):
    def __str__(self) -> str:
        return _text(self)


class _OSError(OSError):
    @property
    def errno(self) -> Any:  # type: ignore[override]
        return self.args[0] if self.args else None

    def __str__(self) -> str:
        name = ERRNO_NAMES.get(self.args[0]) if len(self.args) == 1 and isinstance(self.args[0], int) else None
        return f"[Errno {self.args[0]}] {name}" if name else _text(self)


for _made, _name in ((_KeyError, "KeyError"), (_OSError, "OSError")):
    _made.__name__ = _made.__qualname__ = _name
    _made.__module__ = "builtins"


def _text(error: BaseException) -> str:
    match error.args:
        case ():
            return ""
        case (only,):
            return str(only)
        case several:
            return str(several)


def as_device(error: BaseException) -> BaseException:
    """The error as a script of the device sees it; the same object where both agree."""
    kind = type(error)
    made: BaseException
    if kind is KeyError:
        made = _KeyError(*error.args)
    elif isinstance(error, OSError) and kind.__module__ == "builtins" and kind not in (_OSError, TimeoutError):
        made = _OSError(*([error.errno] if error.errno is not None else error.args))
    elif kind is RecursionError:
        made = RuntimeError("maximum recursion depth exceeded")
    elif kind in (UnicodeDecodeError, UnicodeEncodeError):
        made = UnicodeError()
    elif kind is UnboundLocalError:
        made = NameError("local variable referenced before assignment")
    else:
        words = device_words(error)
        if words is not None:
            error.args = (words,)
            if isinstance(error, ImportError):
                error.msg = words
        return error
    return made.with_traceback(error.__traceback__)


def _catching(kinds: Any) -> Any:
    """What an `except` names, with CPython's classes in place of ours: those are what CPython itself raises."""
    if isinstance(kinds, tuple):
        return tuple(_catching(kind) for kind in kinds)
    return KeyError if kinds is _KeyError else OSError if kinds is _OSError else kinds


def _lacks(value: Any, name: str) -> bool:
    if name not in _LACKED:
        return False
    kind = value if isinstance(value, type) else type(value)
    return next((owner in _HOSTS for owner in kind.__mro__ if name in vars(owner)), False)


def _attribute(value: Any, name: str) -> Any:
    if _lacks(value, name):
        owner = f"type object '{value.__name__}'" if isinstance(value, type) else f"'{type(value).__name__}' object"
        raise AttributeError(f"{owner} has no attribute '{name}'")
    return getattr(value, name)


def _getattr(value: Any, name: str, *default: Any) -> Any:
    if default and _lacks(value, name):
        return default[0]
    return getattr(value, name, *default) if default else _attribute(value, name)


def _hasattr(value: Any, name: str) -> bool:
    return not _lacks(value, name) and hasattr(value, name)


def _owner(value: Any, name: str) -> Any:
    """Something whose attribute is about to be set: functions have no room for any."""
    if isinstance(value, FunctionType):
        raise AttributeError(f"'function' object has no attribute '{name}'")
    return value


def _setattr(value: Any, name: str, to: Any) -> None:
    setattr(_owner(value, name), name, to)


def _by_position(value: Any, name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(value, name)
    if not isinstance(value, _HOSTS) and value not in _HOSTS:
        return method

    def refuse(*_values: Any, **_words: Any) -> Any:
        raise TypeError("function doesn't take keyword arguments")

    return refuse


def _stepped(value: Any, start: Any, stop: Any, step: Any) -> Any:
    if step not in (None, 1) and isinstance(value, str | bytes | bytearray | tuple):
        raise NotImplementedError(ONLY_STEP_ONE)
    return value[start:stop:step]


def _exec(source: Any, scope: dict[str, Any] | None = None, inner: Any = None) -> None:
    scope, inner = _scope(sys._getframe(1), scope, inner)
    exec(compile_text(source, "exec") if isinstance(source, str | bytes) else source, scope, inner)


def _eval(source: Any, scope: dict[str, Any] | None = None, inner: Any = None) -> Any:
    scope, inner = _scope(sys._getframe(1), scope, inner)
    return eval(compile_text(source, "eval") if isinstance(source, str | bytes) else source, scope, inner)


def _scope(caller: FrameType, scope: dict[str, Any] | None, inner: Any) -> tuple[dict[str, Any], Any]:
    """Where a text runs: by default where its caller stands, and with the caller's builtins in any case."""
    if scope is None:
        return caller.f_globals, caller.f_locals
    scope.setdefault("__builtins__", caller.f_builtins)
    return scope, inner if inner is not None else scope


BUILTINS: dict[str, Any] = {
    "KeyError": _KeyError,
    "OSError": _OSError,
    "eval": _eval,
    "exec": _exec,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    names.ATTRIBUTE: _attribute,
    names.BY_POSITION: _by_position,
    names.CATCHING: _catching,
    names.CAUGHT: as_device,
    names.COROUTINE: scripted,
    names.OWNER: _owner,
    names.STEPPED: _stepped,
}
