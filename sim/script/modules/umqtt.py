"""`umqtt`: the MQTT client of three firmware generations, told apart by the profile.

`current` and `2021` are the vendor's wrappers (they swallow send errors, ping and reconnect by themselves);
`upstream` is plain umqtt.simple. They differ most in what a callback that raises does: `current` logs it, `2021`
takes it for a network error and reconnects, `upstream` lets it out. Sources: QuecPython/micropython (2025) and
QuecPython/microPython (2021) umqtt.py; micropython-lib umqtt.simple.
"""

from __future__ import annotations

from types import ModuleType

from sim.script.mqtt_client import MqttClient, MqttError
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    class MQTTClient(MqttClient):
        _rt = rt

    return namespace("umqtt", MQTTClient=MQTTClient, MQTTException=MqttError)
