"""`umqtt`: the MQTT client of three firmware generations, told apart by the profile.

`current` and `2021` are the vendor's wrappers (they swallow send errors, ping and reconnect by themselves);
`upstream` is plain umqtt.simple. They differ most in what a callback that raises does: `current` logs it, `2021`
takes it for a network error and reconnects, `upstream` lets it out. Sources: QuecPython/micropython (2025) and
QuecPython/microPython (2021) umqtt.py; micropython-lib umqtt.simple.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.mqtt_client import MqttClient, MQTTException
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


class _Missing:
    """A method that this family does not have."""

    def __get__(self, _instance: object, _owner: type) -> Any:
        raise AttributeError("get_mqttsta")


def make(rt: ScriptRuntime) -> ModuleType:
    class MQTTClient(MqttClient):
        _rt = rt

    if not rt.module.model.mqtt_state:
        MQTTClient.get_mqttsta = _Missing()  # type: ignore[assignment]
    return namespace("umqtt", MQTTClient=MQTTClient, MQTTException=MQTTException)
