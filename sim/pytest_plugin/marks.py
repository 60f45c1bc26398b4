"""The plugin's marks: their words, and what they say of one test. A nearer mark (function, class, module) wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

LINES = (
    "qpy(model, firmware, script, network, seed, ...): what qpy_device is like: keys of a scenario's fleet entry, and "
    "the seed of the test",
    "qpy_models(*models): one test for each of these models",
    "power_cut(every, torn='prefix', off_for='10s', merged=False): one test for each operation of this kind that "
    "qpy_device makes (flash.program, flash.erase, http.chunk, mqtt.pub), with power cut there; merged: one for all",
)


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The mark of that name."""

    every: str
    torn: str = "prefix"
    off_for: str = "10s"
    merged: bool = False


def device_keys(node: pytest.Item | pytest.Function) -> dict[str, Any]:
    """Keys of all `qpy` marks, `seed` included."""
    keys: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("qpy"))):
        if mark.args:
            raise pytest.Collector.CollectError(f"{node.nodeid}: qpy(...) takes keys, e.g. qpy(model={mark.args[0]!r})")
        keys |= mark.kwargs
    return keys


def models_of(node: pytest.Item | pytest.Function) -> tuple[str, ...]:
    """Models of the nearest `qpy_models`."""
    mark = node.get_closest_marker("qpy_models")
    return () if mark is None else tuple(mark.args)


def power_cut_of(node: pytest.Item) -> PowerCut | None:
    """The nearest `power_cut`."""
    mark = node.get_closest_marker("power_cut")
    if mark is None:
        return None
    try:
        return PowerCut(*mark.args, **mark.kwargs)
    except TypeError as error:
        wrong = str(error).removeprefix("PowerCut.__init__() ")
        raise pytest.Collector.CollectError(
            f"{node.nodeid}: power_cut {wrong}; write power_cut(every='flash.program')"
        ) from None
