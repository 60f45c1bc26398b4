"""The import table of one boot. A reboot forgets it, so a module's version is what was imported at this boot.

The search path is `sys.path`, at first the root alone, so `/usr/a.py` is `usr.a`. Firmware modules come first; some
of them are a class registered under a module's name (`import fota; fota()`), and an import simply gives what the
table holds.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sim.script.loader import RAW_PATH
from sim.script.modules import FIRMWARE_MODULES
from sim.script.namespace import complete, forget
from sim.script.surface import INERT_MODULES

if TYPE_CHECKING:
    from sim.script.runtime import ScriptRuntime

FOR_TOOLS = {"os": "uos"}
"""What mpremote imports and the device lacks; only code typed at the raw prompt gets it, see ADR 0070."""


class ImportTable:
    """`import_name` is the `__import__` of scripts, `path` their `sys.path` ("" is the root), `modules` the loaded."""

    def __init__(self, runtime: ScriptRuntime) -> None:
        self._runtime = runtime
        self.modules: dict[str, Any] = {}
        self.path: list[str] = [""]

    def import_name(
        self, name: str, _globals: Any = None, _locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        """As Python's `__import__`, for device modules only; ImportError for the rest of the world."""
        if level:
            raise ImportError("relative import")
        if name in FOR_TOOLS and sys._getframe(1).f_code.co_filename == RAW_PATH:
            name = FOR_TOOLS[name]
        path, parent, top = "", None, None
        for part in name.split("."):
            path = f"{path}.{part}" if path else part
            found = self.modules.get(path)
            if found is None:
                found = self._load(path)
            if parent is not None:
                setattr(parent, part, found)
            top = top if top is not None else found
            parent = found
        if not fromlist:
            return top
        for item in fromlist:
            if item == "*":
                complete(parent)
            elif not hasattr(parent, item) and self._is_package(name):
                setattr(parent, item, self.import_name(f"{name}.{item}", fromlist=("",)))
        return parent

    def script_modules(self) -> list[ModuleType]:
        """Modules of the application that are loaded now."""
        found = [module for module in self.modules.values() if isinstance(module, ModuleType)]
        return [module for module in found if "__file__" in vars(module)]

    def _load(self, name: str) -> Any:
        model = self._runtime.module.model
        lacks = model.lacks_2021 if self._runtime.profile.generation == "G21" else model.lacks
        stubs = self._runtime.profile.stubs
        if name in lacks and name not in stubs:
            raise ImportError(f"no module named '{name}'")
        if name in FIRMWARE_MODULES and name not in lacks:
            made = self.modules[name] = _maker(name)(self._runtime)
            for missing in _missing_of(name, lacks):
                forget(made, missing)
            return made
        if name in INERT_MODULES or name in stubs:
            self.modules[name] = importlib.import_module("sim.script.modules.inert").make(self._runtime, name)
            return self.modules[name]
        for folder in list(self.path):
            found = self._load_from(f"{str(folder).rstrip('/')}/{name.replace('.', '/')}", name)
            if found is not None:
                return found
        raise ImportError(f"no module named '{name}'")

    def _load_from(self, path: str, name: str) -> ModuleType | None:
        """The module or package at this path, without its suffix; None when there is none."""
        mounts = self._runtime.module.mounts
        if mounts.exists(path + ".py"):
            module = self.modules[name] = self._runtime.new_module(name)
            try:
                self._runtime.run_file(path + ".py", name, module)
            except BaseException:
                self.modules.pop(name, None)
                raise
            return module
        if mounts.exists(path) and mounts.stat(path)[0]:
            package = self.modules[name] = self._runtime.new_module(name)
            package.__path__ = [path]
            if mounts.exists(path + "/__init__.py"):
                self._runtime.run_file(path + "/__init__.py", name, package)
            return package
        return None

    def _is_package(self, name: str) -> bool:
        return hasattr(self.modules.get(name), "__path__")


@cache
def _maker(name: str) -> Callable[[ScriptRuntime], Any]:
    """What makes a firmware module for one boot."""
    make: Callable[[ScriptRuntime], Any] = importlib.import_module(f"sim.script.modules.{FIRMWARE_MODULES[name]}").make
    return make


@lru_cache(maxsize=1024)
def _missing_of(name: str, lacks: tuple[str, ...]) -> tuple[str, ...]:
    """Names of a module that a device lacks which lacks these: modules, and names as `module.name`."""
    return tuple(path.partition(".")[2] for path in lacks if path.partition(".")[0] == name)
