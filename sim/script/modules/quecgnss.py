"""`quecgnss`: the receiver inside the module. It knows what the scenario's `gnss` steps say."""

from __future__ import annotations

from types import ModuleType

from sim.device.nmea import sentences
from sim.script.modules.utime import civil
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

OFF, POSITIONING = 0, 2
SECOND_US = 1_000_000
SYSTEMS, SENTENCES = 0, 1
CONFIG = {SYSTEMS: 3, SENTENCES: 63, 2: 0, 3: 0, 4: 0}
"""Kind of setting → what it is at first; ESTIMATE, the vendor's page names no defaults."""


def make(rt: ScriptRuntime) -> ModuleType:
    state = {"now": OFF, "told_s": 0, "priority": 0}
    config = dict(CONFIG)

    def enable(on: int) -> int:
        rt.me()
        if on not in (0, 1):
            return -1
        state["now"] = POSITIONING if on else OFF
        state["told_s"] = rt.now_us // SECOND_US
        return 0

    def read(size: int) -> tuple[int, bytes] | int:
        """(bytes, sentences) of the second that has begun, after waiting for it if it was read before."""
        rt.me()
        if state["now"] == OFF or size <= 0:
            return -1
        if rt.now_us // SECOND_US <= state["told_s"]:
            rt.sleep_us((state["told_s"] + 1) * SECOND_US - rt.now_us)
        state["told_s"] = rt.now_us // SECOND_US
        text = sentences(rt.module.board.fix, civil(rt.clock.epoch_s), config[SENTENCES])
        data = text.encode()[:size]
        return len(data), data

    def set_config(kind: int, value: int) -> int:
        rt.me()
        if kind not in config:
            return -1
        config[kind] = value
        return 0

    def set_priority(value: int) -> int:
        rt.me()
        if value not in (0, 1):
            return -1
        state["priority"] = value
        return 0

    return namespace(
        "quecgnss",
        init=lambda: enable(1),
        gnssEnable=enable,
        get_state=lambda: state["now"],
        read=read,
        configSet=set_config,
        configGet=lambda kind: config.get(kind, -1),
        setPriority=set_priority,
        getPriority=lambda: state["priority"],
    )
