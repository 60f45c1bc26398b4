"""`sys_bus`: messages from one part of a program to others. Every handler runs in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

Handler = Callable[[Any, Any], object]


def make(rt: ScriptRuntime) -> ModuleType:
    handlers: dict[Any, list[Handler]] = {}

    def subscribe(topic: Any, handler: Handler) -> None:
        rt.me()
        found = handlers.setdefault(topic, [])
        if handler not in found:
            found.append(handler)

    def publish(topic: Any, message: Any) -> None:
        rt.me()
        for handler in list(handlers.get(topic, ())):
            rt.spawn(handler, (topic, message))

    def unsubscribe(topic: Any, handler: Handler | None = None) -> bool:
        """The whole topic, or one handler of it; whether there was something to take out."""
        rt.me()
        if handler is None:
            return handlers.pop(topic, None) is not None
        if handler not in handlers.get(topic, ()):
            return False
        handlers[topic].remove(handler)
        return True

    def sub_table(topic: Any = None) -> Any:
        rt.me()
        if topic is not None:
            return list(handlers.get(topic, ()))
        return {name: list(found) for name, found in handlers.items()}

    return namespace("sys_bus", subscribe=subscribe, publish=publish, unsubscribe=unsubscribe, sub_table=sub_table)
