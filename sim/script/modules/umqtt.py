"""`umqtt`: the MQTT client of three firmware generations, told apart by the profile.

`current` and `2021` are the vendor's wrappers (they swallow send errors, ping and reconnect by themselves);
`upstream` is plain umqtt.simple. They differ most in what a callback that raises does: `current` logs it, `2021`
takes it for a network error and reconnects, `upstream` lets it out. Sources: QuecPython/micropython (2025) and
QuecPython/microPython (2021) umqtt.py; micropython-lib umqtt.simple.
"""

from __future__ import annotations

from sim.script.mqtt_client import MQTTClient, MQTTException
from sim.script.namespace import FirmwareModule, without
from sim.script.runtime import ScriptRuntime


class _Umqtt(FirmwareModule, classes={"MQTTClient": MQTTClient}):
    """The module."""


class _WithoutState(FirmwareModule, classes={"MQTTClient": without(MQTTClient, "get_mqttsta")}):
    """Of families that do not have it."""


def make(rt: ScriptRuntime) -> FirmwareModule:
    kind = _Umqtt if rt.module.model.mqtt_state else _WithoutState
    return kind("umqtt", rt, MQTTException=MQTTException)
