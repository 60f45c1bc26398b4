"""What of the vendor's API is here: every public name is implemented, inert or missing. The page of it is docs/api.md.

To find out, the modules are made for a device that is never switched on, and asked for each name.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Literal, cast

from sim.boot.bootloader import Trust
from sim.device.catalogue import known_models, load_model
from sim.device.module import Module
from sim.device.setting import Kind
from sim.kernel.clock import Clock
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.ports import Network
from sim.script.modules import FIRMWARE_MODULES
from sim.script.runtime import ScriptProfile, ScriptRuntime
from sim.script.surface import INERT_MEMBERS, INERT_MODULES, SURFACE, Member
from sim.trace import Trace

State = Literal["implemented", "inert", "missing"]

MODEL = "EG915U"
"""Whose API the page shows; a few names differ between families."""

_HEAD = f"""\
# The modules a script can import

Written by `python -m sim.script.surface > docs/api.md`; do not edit. The names are those of QuecPython's public stubs,
the device is an {MODEL}.

- **implemented**: behaves, as far as the chapters about it say.
- **inert**: can be imported and called; every call answers -1, as the device does when something cannot be done, and
  leaves an `inert` record in the trace.
- **missing**: AttributeError for a name, ImportError for a module.

| module | implemented | inert | missing |
|---|---|---|---|
"""


_MISSING = """
Why names are missing: file systems on other chips (`uos.Vfs…`) and bands (`net.setBand`) are not modelled;
`lvgl` and `framebuf` need a screen; `uctypes`, `uselect`, `upip` differ from build to build, and nobody lists their
names. A scenario's `stubs` make any module importable, with the functions that it names.

What is implemented is not on every model. The vendor's pages name the series that have it; on the others it is missing:

| name | models without it |
|---|---|
"""


def api() -> dict[str, dict[str, State]]:
    """Module → name (a class's member as `Class.member`) → its state. A module without listed names is left out."""
    runtime = _runtime()
    return {
        module: {name: state for member in members for name, state in _states(runtime, module, member)}
        for module, members in sorted(SURFACE.items(), key=lambda item: item[0].lower())
        if members
    }


def page() -> str:
    """docs/api.md."""
    rows, lists = [], []
    for module, names in api().items():
        counts = [sum(state == wanted for state in names.values()) for wanted in ("implemented", "inert", "missing")]
        rows.append(f"| `{module}` | " + " | ".join(str(count or "") for count in counts) + " |\n")
        lists.append(f"\n## {module}\n")
        for wanted in ("implemented", "inert", "missing"):
            found = [f"`{name}`" for name, state in names.items() if state == wanted]
            if found:
                lists.append(f"\n{wanted}: {', '.join(found)}\n")
    unlisted = ", ".join(f"`{module}`" for module in sorted(SURFACE, key=str.lower) if not SURFACE[module])
    return (
        _HEAD
        + "".join(rows)
        + f"\nModules of which no names are listed, all missing: {unlisted}.\n"
        + _MISSING
        + "".join(_absences())
        + "".join(lists)
    )


def _runtime() -> ScriptRuntime:
    clock = Clock("memory")

    def program(module: Module) -> ScriptRuntime:
        return ScriptRuntime(module, ScriptProfile())

    kind = Kind(load_model(MODEL), Trust(DEVELOPMENT_PUBLIC_KEY), seed=0, program=program)
    nowhere = cast(Network, None)
    module = Module(clock, Trace(clock).track("api"), nowhere, kind)
    return ScriptRuntime(module, ScriptProfile())


def _states(runtime: ScriptRuntime, module: str, member: Member) -> Iterator[tuple[str, State]]:
    if module in FIRMWARE_MODULES:
        maker = importlib.import_module(f"sim.script.modules.{FIRMWARE_MODULES[module]}")
        yield from _found(maker.make(runtime), "", member, member.name in INERT_MEMBERS.get(module, ()))
    else:
        state: State = "inert" if module in INERT_MODULES else "missing"
        yield member.name, state
        yield from ((f"{member.name}.{inner.name}", state) for inner in member.inner)


def _found(owner: Any, prefix: str, member: Member, is_inert: bool) -> Iterator[tuple[str, State]]:
    there: State = "inert" if is_inert else "implemented"
    yield prefix + member.name, there if hasattr(owner, member.name) else "missing"
    for inner in member.inner:
        yield from _found(getattr(owner, member.name, None), f"{prefix}{member.name}.", inner, is_inert)


def _absences() -> Iterator[str]:
    """Names that some models lack, and which."""
    models = [load_model(row.variant) for row in known_models()]
    for name in sorted({name for model in models for name in model.lacks}):
        yield f"| `{name}` | {', '.join(model.variant for model in models if name in model.lacks)} |\n"
