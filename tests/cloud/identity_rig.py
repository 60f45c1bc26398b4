"""An account with two registered things behind a real network, and clients that try what they may not."""

from __future__ import annotations

import json
import ssl
from typing import Any

from sim.cloud.account import Account
from sim.cloud.registry.records import Certificate
from sim.cloud.things import Identity
from sim.kernel.clock import Clock
from sim.ports import Arrival, Closed, Connack, Hello, Message, MqttChannel
from sim.scenario.result import RunOptions
from sim.scenario.schema import Cloud
from sim.scenario.wiring import Wiring
from sim.trace import Trace

ARN = "arn:aws:iot:us-west-2:123456789012:"
HOST = "ambzd54j67b7h-ats.iot.us-west-2.amazonaws.com"
A, B, JOB = "meter-a", "meter-b", "upgrade"


def der(identity: Identity) -> bytes:
    return ssl.PEM_cert_to_DER_cert(identity.certificate_pem)


def policy(*grants: tuple[str, str], effect: str = "Allow") -> str:
    """A document of (action, resource) pairs."""
    rows = [{"Effect": effect, "Action": action, "Resource": ARN + resource} for action, resource in grants]
    return json.dumps({"Version": "2012-10-17", "Statement": rows})


class Client:
    """One MQTT connection and what came of it."""

    def __init__(self, town: Town, hello: Hello) -> None:
        self._town = town
        self.arrivals: list[Arrival] = []
        self.channel: MqttChannel = town.network.mqtt(hello.client_id, hello, self.arrivals.append)
        town.settle()

    @property
    def code(self) -> int | None:
        """Of the CONNACK; None when none came."""
        return next((it.code for it in self.arrivals if isinstance(it, Connack)), None)

    @property
    def closed(self) -> bool:
        return any(isinstance(it, Closed) for it in self.arrivals)

    @property
    def topics(self) -> list[str]:
        return [it.topic for it in self.arrivals if isinstance(it, Message)]

    def subscribe(self, topic_filter: str) -> Client:
        self.channel.subscribe(1, topic_filter, 0)
        self._town.settle()
        return self

    def publish(self, topic: str, body: dict[str, Any]) -> Client:
        self.channel.publish(topic, json.dumps(body).encode())
        self._town.settle()
        return self


class Town:
    """The account, its network, and a job for both things."""

    def __init__(self, transport: str, *, tls: bool = True) -> None:
        self.clock = Clock("memory" if transport == "memory" else "virtual")
        self.account = Account(self.clock, Trace(self.clock), seed=3)
        options = RunOptions(transport="memory" if transport == "memory" else "virtual", tls=tls)
        self._wiring = Wiring(self.clock, self.account, options, Cloud())
        self._wiring.open()
        self.network = self._wiring.network
        for name in (A, B):
            self.account.register(name, "meters")
        targets: list[Any] = [self.account.jobs.arns.thing(name) for name in (A, B)]
        self.account.order("create", JOB, {"document": '{"v": 1}', "targets": targets})

    def connect(self, client_id: str, identity: Identity | None = None, **more: Any) -> Client:
        """A second after the last one, because of Amazon's limit on connecting."""
        self.clock.run(self.clock.now_us + 1_500_000)
        pems = ("", "") if identity is None else (identity.certificate_pem, identity.private_key_pem)
        return Client(self, Hello(HOST, 8883, client_id, **more, tls=True, certificate=pems[0], private_key=pems[1]))

    def settle(self) -> None:
        self.clock.run(self.clock.now_us + 10_000)

    def record(self, thing: str) -> tuple[str, int]:
        """Status and version of the thing's execution."""
        found = self.account.jobs.control.describe_execution(thing, JOB, self.clock.epoch_s)["execution"]
        assert isinstance(found, dict)
        return str(found["status"]), int(str(found["versionNumber"]))

    def certificate(self, thing: str) -> Certificate:
        """As the registry has it, of a thing whose certificate was made."""
        return next(it for it, _ in self.account.registry.certificates.of_thing(thing))

    def close(self) -> None:
        self._wiring.close()
        self.clock.close()
