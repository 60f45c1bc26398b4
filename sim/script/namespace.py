"""A firmware module as a script sees it: names of one boot, so that patching one is harmless.

What a module can do is there once in the process: functions are methods of a `FirmwareModule`, classes are derived for
the boot (`of_boot`) when a script first asks for them. What a script sets stays with the module, or the class, of its
own boot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from sim.script.runtime import ScriptRuntime

T = TypeVar("T")
Made = type | Callable[["ScriptRuntime"], Any]


class FirmwareModule(ModuleType):
    """A module whose functions are the methods of its class. `classes`: its classes, or what makes them for a boot,
    by the names that scripts have for them; `_rt`: the runtime of its boot."""

    __slots__ = ("_rt",)

    _classes: ClassVar[Mapping[str, Made]] = {}

    def __init_subclass__(cls, classes: Mapping[str, Made] | None = None) -> None:
        super().__init_subclass__()
        if classes is not None:
            cls._classes = classes

    def __init__(self, name: str, rt: ScriptRuntime, **members: Any) -> None:
        super().__init__(name)
        self._rt = rt
        vars(self).update(members)

    def __getattr__(self, name: str) -> Any:
        kind = type(self)._classes.get(name)
        if kind is None:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        made = vars(self)[name] = of_boot(kind, self._rt) if isinstance(kind, type) else kind(self._rt)
        return made

    def __dir__(self) -> list[str]:
        kinds = [kind for kind in type(self).__mro__ if issubclass(kind, FirmwareModule) and kind is not FirmwareModule]
        inherited = {name for kind in kinds for name in vars(kind) if not name.startswith("_") and hasattr(self, name)}
        return sorted({*vars(self), *type(self)._classes, *inherited})


class Missing:
    """In place of what a class has and this device has not."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, _instance: object, _owner: type) -> Any:
        raise AttributeError(self._name)


def of_boot(kind: type[T], rt: ScriptRuntime) -> type[T]:
    """`kind` for the scripts of one boot; methods find the runtime as `_rt`. What is set on it stays with this boot."""
    return type(kind.__name__, (kind,), {"__slots__": (), "__module__": kind.__module__, "_rt": rt})


class _Namespace(ModuleType):
    """Names in `_makers` are made when they are first asked for: a class costs a fleet two kilobytes a device."""

    _makers: dict[str, Callable[[], Any]]

    def __getattr__(self, name: str) -> Any:
        maker = vars(self)["_makers"].pop(name, None)
        if maker is None:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        setattr(self, name, maker())
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        names = vars(self)
        return sorted({*names, *names["_makers"]} - {"_makers"})


def namespace(name: str, **members: Any) -> ModuleType:
    """A module object with these members."""
    module = ModuleType(name)
    vars(module).update(members)
    return module


def lazy_namespace(name: str, makers: Mapping[str, Callable[[], Any]], **members: Any) -> ModuleType:
    """As `namespace`, with further members that are made when a script asks for them."""
    module = _Namespace(name)
    vars(module).update(members, _makers=dict(makers))
    return module


def forget(module: object, name: str) -> None:
    """Take a name out that this device does not have; harmless when it is not there."""
    vars(module).pop(name, None)
    vars(module).get("_makers", {}).pop(name, None)
    if isinstance(module, FirmwareModule) and name in dir(module):
        module.__class__ = without(type(module), name)


_without: dict[tuple[type, str], type] = {}


def without(kind: type[T], name: str) -> type[T]:
    """`kind` without one of its names."""
    made = _without.get((kind, name))
    if made is None:
        classes = getattr(kind, "_classes", {})
        members: dict[str, Any] = {"__slots__": (), "__module__": kind.__module__, name: Missing(name)}
        if name in classes:
            members["_classes"] = {other: inner for other, inner in classes.items() if other != name}
        made = _without[kind, name] = type(kind.__name__, (kind,), members)
    return made


def complete(module: object) -> None:
    """Make what was left for later, as `from module import *` wants it; what an import gave need not be a module."""
    for name in list(vars(module).get("_makers", ())):
        getattr(module, name)
    if isinstance(module, FirmwareModule):
        vars(module).update((name, getattr(module, name)) for name in dir(module) if name not in vars(module))
