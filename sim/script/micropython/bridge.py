"""Values and errors between the host and one MicroPython: what is plain goes by value, the rest by number.

By value: None, numbers, text, bytes, tuples, sets; lists, dicts and bytearrays as well, but these remember which
object of the script they are, so what a script puts into a queue is what it takes out. By number: the script's other
objects here (`Remote`), the host's objects there (handles). A handle lives until the reboot. An error of the script
keeps its class's name, its text and its place, and is the same object again when it comes back to the script.
"""

from __future__ import annotations

import base64
import inspect
import re
from traceback import FrameSummary
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Protocol
from weakref import WeakValueDictionary

from sim.script.dialect_names import as_device

Packed = Any
"""What JSON can say."""

NATIVE = {
    "math": "math", "uhashlib": "hashlib", "uio": "io", "ujson": "json", "ure": "re",
    "ustruct": "struct",
}  # fmt: skip
"""Modules that only compute: here MicroPython's own stand in, as far as the device's module has the name."""

TAKE_STREAMS = frozenset({"dump", "load"})
"""Functions of these that stay ours: MicroPython's would not take a file of ours."""

DUNDERS = (
    "__aenter__", "__aexit__", "__call__", "__contains__", "__del__", "__delitem__", "__enter__", "__exit__",
    "__getitem__", "__iter__", "__len__", "__next__", "__repr__", "__setitem__", "__str__",
)  # fmt: skip
"""MicroPython itself calls no `__del__` of a class that is written in Python."""

ERRORS = frozenset(
    {
        "ArithmeticError", "AssertionError", "AttributeError", "BaseException", "EOFError", "Exception",
        "GeneratorExit", "ImportError", "IndentationError", "IndexError", "KeyError", "KeyboardInterrupt",
        "LookupError", "MemoryError", "NameError", "NotImplementedError", "OSError", "OverflowError",
        "RuntimeError", "StopAsyncIteration", "StopIteration", "SyntaxError", "SystemExit", "TypeError",
        "UnicodeError", "ValueError", "ZeroDivisionError",
    }
)  # fmt: skip
"""Classes of errors that both sides have."""

_FRAME = re.compile(r'File "(?P<path>[^"]*)", line (?P<line>\d+)(?:, in (?P<name>\S+))?')


class Link(Protocol):
    """The way to the script."""

    def converse(self, word: str, *what: Packed) -> Any:
        """Have the script's side do something on the calling thread; its answer, or its error."""


class _Held:
    """What the script's side must keep as long as the host has it. `uses` counts how often it was told of it."""

    _bridge: Bridge
    _number = 0
    _uses = 0

    def __del__(self) -> None:
        if self._uses:
            self._bridge.released.append((self._number, self._uses))


class Remote(_Held):
    """An object of the script: its attributes are asked for there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__file__", "__path__"):
            raise AttributeError(name)
        return self._bridge.link.converse("get", self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._bridge.link.converse("set", self._number, name, self._bridge.pack(value))

    def __str__(self) -> str:
        return str(self._bridge.link.converse("text", self._number))


class RemoteFunction(Remote):
    """Something of the script that can be called."""

    def __call__(self, *values: Any, **words: Any) -> Any:
        pack = self._bridge.pack
        packed = [[name, pack(value)] for name, value in words.items()]
        return self._bridge.link.converse("invoke", self._number, [pack(value) for value in values], packed)


class _List(_Held, list[Any]):
    pass


class _Dict(_Held, dict[Any, Any]):
    pass


class _Buffer(_Held, bytearray):
    pass


_CHANGEABLE = (_List, _Dict, _Buffer)


def _copy(value: _List | _Dict | _Buffer) -> Any:
    """Its content, one level deep, as a thing of the host's own."""
    match value:
        case _List():
            return list(value)
        case _Dict():
            return dict(value)
    return bytes(value)


class ScriptError(_Held):
    """Mixed into the class of the error that a script raised; `frames` is where, outermost call first."""

    words: str
    frames: list[FrameSummary]

    def __str__(self) -> str:
        return self.words


class Bridge:
    """All that crosses between the host and one interpreter. `kinds` are the device's classes of errors by name."""

    def __init__(self, link: Link, kinds: dict[str, Any]) -> None:
        self.link = link
        self.released: list[tuple[int, int]] = []
        self._kinds = kinds
        self._held: WeakValueDictionary[int, _Held] = WeakValueDictionary()
        self._objects: list[Any] = []
        self._handles: dict[int, int] = {}
        self._errors: dict[tuple[str, type], type] = {}

    # -- to the script

    def pack(self, value: Any) -> Packed:
        """A value for the script."""
        match value:
            case _Held():
                return {"r": value.__dict__["_number"]}
            case None | bool() | int() | str():
                return value
            case float():
                return value if value - value == 0 else {"f": str(value)}
            case bytes() | memoryview():
                return {"b": _text(value)}
            case bytearray():
                return {"B": _text(value)}
            case list():
                return [self.pack(item) for item in value]
            case tuple():
                return {"t": [self.pack(item) for item in value]}
            case set() | frozenset():
                return {"s": [self.pack(item) for item in sorted(value, key=repr)]}
            case dict():
                return {"d": [[self.pack(key), self.pack(item)] for key, item in value.items()]}
            case BaseException():
                return self._packed_error(value)
        return self.by_handle(value)

    def by_handle(self, value: Any) -> Packed:
        """A thing that stays in the host."""
        handle = self.handle(value)
        match value:
            case ModuleType():
                return {"module": handle}
            case type():
                return {"class": handle}
            case FunctionType() | MethodType() | BuiltinFunctionType():
                return {"function": handle}
        return {"object": handle, "of": self.handle(type(value))}

    def handle(self, value: Any) -> int:
        """The number by which the script's side knows a thing of the host."""
        number = self._handles.get(id(value))
        if number is None:
            number = self._handles[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def _packed_error(self, error: BaseException) -> Packed:
        error = as_device(error)
        args = [str(error)] if isinstance(error, SyntaxError) else [self.pack(item) for item in error.args]
        for kind in type(error).__mro__:
            if id(kind) in self._handles:
                return {"args": args, "base": self._handles[id(kind)]}
            if kind.__name__ in ERRORS and kind.__module__ == "builtins":
                return {"args": args, "base": kind.__name__}
        raise AssertionError("every error has a base")

    # -- from the script

    def thing(self, handle: int) -> Any:
        """What the script's side means by this number."""
        return self._objects[handle]

    def unpack(self, value: Packed) -> Any:
        """A value of the script."""
        match value:
            case {"x": _}:
                return self._error(value)
            case {"l": items, "r": number}:
                held = self._hold(number, _List)
                held[:] = [self.unpack(item) for item in items]
                return held
            case {"d": pairs, "r": number}:
                held = self._hold(number, _Dict)
                held.clear()
                held.update((self.unpack(key), self.unpack(item)) for key, item in pairs)
                return held
            case {"B": data, "r": number}:
                held = self._hold(number, _Buffer)
                held[:] = base64.b64decode(data)
                return held
            case {"r": number, "c": is_callable}:
                return self._hold(number, RemoteFunction if is_callable else Remote)
            case {"h": handle}:
                return self._objects[handle]
            case {"t": items}:
                return tuple(self.unpack(item) for item in items)
            case {"s": items}:
                return {self.unpack(item) for item in items}
            case {"b": data}:
                return base64.b64decode(data)
            case {"f": text}:
                return float(text)
        return value

    def changed(self, values: list[Any], before: list[Any]) -> list[tuple[int, Packed]]:
        """Lists, dicts and buffers of the script among `values` that are not as `before`: number and content."""
        held = [value for value in values if isinstance(value, _CHANGEABLE)]
        return [
            (now._number, self.pack(_copy(now))) for now, then in zip(held, before, strict=True) if _copy(now) != then
        ]

    @staticmethod
    def contents(values: list[Any]) -> list[Any]:
        """What the lists, dicts and buffers among `values` hold."""
        return [_copy(value) for value in values if isinstance(value, _CHANGEABLE)]

    def _hold(self, number: int, kind: type[_Held]) -> Any:
        held = self._held.get(number)
        if held is None:
            held = self._held[number] = kind.__new__(kind)
            held.__dict__.update(_bridge=self, _number=number, _uses=0)
        held.__dict__["_uses"] += 1
        return held

    def _error(self, told: dict[str, Any]) -> BaseException:
        name, base = told["x"], told["base"]
        base = self._objects[base] if isinstance(base, int) else self._kinds[base]
        kind = self._errors.get((name, base))
        if kind is None:
            kind = self._errors[name, base] = type(name, (ScriptError, base), {"__module__": "script"})
        error: BaseException = kind(*[self.unpack(item) for item in told["args"]])
        error.__dict__.update(
            _bridge=self, _number=told["r"], _uses=1, words=told["text"], frames=_frames(told["printed"])
        )
        return error

    # -- what there is

    def describe(self, handle: int) -> Packed:
        """Name and members of a module or class of the host."""
        value = self._objects[handle]
        return self._module(value) if isinstance(value, ModuleType) else self._class(value)

    def _module(self, module: ModuleType) -> Packed:
        members = [(name, getattr(module, name)) for name in dir(module) if not name.startswith("_")]
        name = module.__name__
        return {
            "name": name,
            "native": NATIVE.get(name),
            "members": [[name, self._state(value), name not in TAKE_STREAMS] for name, value in members],
        }

    def _state(self, value: Any) -> Packed:
        """A member of a module: lists and dicts are the module's own and change with it."""
        return self.by_handle(value) if isinstance(value, list | dict) else self.pack(value)

    def _class(self, kind: type) -> Packed:
        """Names that a class annotates are each object's own: these are asked for every time."""
        base = next((k.__name__ for k in kind.__mro__ if k.__name__ in ERRORS and k.__module__ == "builtins"), None)
        methods, members = [], []
        for name in dir(kind):
            owner = next((k for k in kind.__mro__ if name in vars(k)), object)
            found = vars(owner).get(name)
            if owner is object or (name.startswith("_") and name not in DUNDERS) or not hasattr(kind, name):
                continue
            if isinstance(found, staticmethod | classmethod | type):
                members.append([name, self.by_handle(getattr(kind, name))])
            elif callable(found):
                methods.append(name)
            elif not inspect.isdatadescriptor(found) and name not in inspect.get_annotations(owner):
                members.append([name, self.pack(found)])
        return {"name": kind.__name__, "base": base, "methods": methods, "members": members}


def _text(data: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(data).decode()


def _frames(printed: str) -> list[FrameSummary]:
    return [FrameSummary(f["path"], int(f["line"]), f["name"]) for f in _FRAME.finditer(printed) if f["name"]]
