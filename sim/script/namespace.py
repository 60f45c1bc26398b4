"""A firmware module as a script sees it: plain names, made anew at each boot so that patching one is harmless."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


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


def complete(module: object) -> None:
    """Make what was left for later, as `from module import *` wants it; what an import gave need not be a module."""
    for name in list(vars(module).get("_makers", ())):
        getattr(module, name)
