"""The Jobs service as an ordinary client of a broker that is not ours. It offers the account what our broker offers.

Rules: an outside broker does not say who published, so who asked is the thing that the topic names, and the broker's
own rights must keep others from asking. Answers go out on the reply topic, QoS 0. A lost connection is dialled and
subscribed again, ever more slowly, and then given up: the run cannot go on. Patience is counted in wall time, because
that is what the broker lives in.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from sim.errors import MachineError
from sim.jobs.topics import parse_request
from sim.kernel.simloop import SimLoop
from sim.mqtt.switchboard import OnRequest, Payload, Request
from sim.ports import Arrival, Closed, Connack, Message, MqttChannel, Pingresp, Suback

CLIENT_ID = "qpyota-jobs"
"""One service per broker: a second one takes the connection of the first, which is better than two answers."""

REQUESTS = (
    "$aws/things/+/jobs/get",
    "$aws/things/+/jobs/start-next",
    "$aws/things/+/jobs/+/get",
    "$aws/things/+/jobs/+/update",
)
"""What devices ask; `jobs/#` would bring back all that the service itself sends."""

KEEPALIVE_S = 60
PING_EVERY_S = 20
PATIENCE_S = 10.0
"""ESTIMATE: how long a broker may take to let the service in."""

PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""ESTIMATE: waits before each new try; a broker that restarts is back well within their sum."""

REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refuses the client id",
    3: "it is not available",
    4: "wrong user or password",
    5: "the user or certificate has no right to connect",
}
"""CONNACK codes of MQTT 3.1.1 §3.2.2.3 in words."""

LOSSES = {
    "refused": "nobody listens there",
    "dns": "the name does not resolve",
    "tls": "the TLS handshake failed; check ca, certificate and private_key",
    "closed": "it closed the connection; does another run use it with the same client id?",
}

Connect = Callable[[Callable[[Arrival], None]], MqttChannel]
"""Dials the broker; arrivals come in the network phase."""


class JobsClient:
    """A Face of the account, from `start` to `stop`. `where` names the broker for people."""

    def __init__(
        self, loop: SimLoop, where: str, connect: Connect, on_request: OnRequest, on_lost: Callable[[str], object]
    ) -> None:
        self._loop = loop
        self._where = where
        self._connect = connect
        self._on_request = on_request
        self._on_lost = on_lost
        self._channel: MqttChannel | None = None
        self._connection = 0
        self._granted = 0
        self._tries = 0
        self._pong = True
        self._packet_id = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._first: asyncio.Future[str] | None = None  # empty when the first contact worked, else why not

    async def start(self) -> None:
        """Join the broker before the simulation begins; MachineError says why that cannot be."""
        self._first = self._loop.create_future()
        patience = threading.Event()
        # A job of the executor holds simulation time, which would otherwise jump over every time-out.
        waiting = self._loop.run_in_executor(None, patience.wait, PATIENCE_S)
        self._dial()
        await asyncio.wait({self._first, waiting}, return_when=asyncio.FIRST_COMPLETED)
        patience.set()
        await waiting
        failure = self._first.result() if self._first.done() else _silent()
        self._first = None
        if failure:
            await self.stop()
            raise MachineError(f"the Jobs service cannot join the broker {self._where}: {failure}")
        self._later("ping", PING_EVERY_S, self._ping)

    async def stop(self) -> None:
        """Say goodbye; nothing is dialled any more."""
        for timer in self._timers.values():
            timer.cancel()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.disconnect()

    # -- Face

    def reply(self, connection: str, topic: str, payload: bytes) -> None:  # noqa: ARG002 - the topic names who asked
        """To whoever subscribes to the answer; dropped while the broker is away."""
        if self._channel is not None and self._joined:
            self._channel.publish(topic, payload)

    def publish(self, topic: str, payload: Payload, qos: int = 0) -> None:
        """To ordinary subscribers; dropped while the broker is away."""
        if self._channel is None or not self._joined:
            return
        if qos:
            self._packet_id = self._packet_id % 65_535 + 1
        written = payload if isinstance(payload, bytes) else payload()
        self._channel.publish(topic, written, min(qos, 1), packet_id=self._packet_id if qos else 0)

    def acknowledge(self, connection: str, packet_id: int) -> None:
        """PUBACK of a QoS 1 request, if it came over the connection that is still there."""
        if self._channel is not None and connection == str(self._connection):
            self._channel.ack(packet_id)

    # -- the connection

    @property
    def _joined(self) -> bool:
        return self._granted == len(REQUESTS)

    def _dial(self) -> None:
        self._connection += 1
        self._granted, self._pong = 0, True
        if self._first is None:
            self._later("patience", PATIENCE_S, self._give_up, _silent())
        self._channel = self._connect(self._arrive)

    def _arrive(self, arrival: Arrival) -> None:
        if isinstance(arrival, Message):
            self._asked(arrival)
        elif isinstance(arrival, Pingresp):
            self._pong, self._tries = True, 0
        elif isinstance(arrival, Connack):
            self._greeted(arrival.code)
        elif isinstance(arrival, Suback):
            self._subscribed(arrival)
        elif isinstance(arrival, Closed):
            self._lost(LOSSES.get(arrival.reason, arrival.reason))

    def _greeted(self, code: int) -> None:
        if code:
            self._give_up(f"{REFUSALS.get(code, 'it refuses')} (CONNACK {code})")
            return
        assert self._channel is not None
        for packet_id, topic_filter in enumerate(REQUESTS, 1):
            self._channel.subscribe(packet_id, topic_filter, 1)

    def _subscribed(self, suback: Suback) -> None:
        if suback.code > 1:
            self._give_up(f"it does not let the service subscribe to {REQUESTS[suback.packet_id - 1]}")
            return
        self._granted += 1
        if not self._joined:
            return
        self._cancel("patience")
        if self._first is not None and not self._first.done():
            self._first.set_result("")

    def _asked(self, message: Message) -> None:
        target = parse_request(message.topic)
        if target is not None:
            connection = str(self._connection)
            self._on_request(Request(connection, target.thing, message.topic, message.payload, message.packet_id))

    def _ping(self) -> None:
        if self._channel is not None and self._joined:
            if not self._pong:
                self._give_up("it does not answer PINGREQ")
            else:
                self._pong = False
                self._channel.ping()
        self._later("ping", PING_EVERY_S, self._ping)

    def _give_up(self, why: str) -> None:
        """This connection is of no use."""
        if self._channel is not None:
            self._channel.abort()
            self._lost(why)

    def _lost(self, why: str) -> None:
        self._channel = None
        self._cancel("patience")
        if self._first is not None:
            if not self._first.done():
                self._first.set_result(why)
        elif self._tries < len(PAUSES_S):
            self._later("dial", PAUSES_S[self._tries], self._dial)
            self._tries += 1
        else:
            self._cancel("ping")
            self._on_lost(f"the Jobs service lost the broker {self._where} for good: {why}")

    def _later(self, name: str, wall_s: float, fn: Callable[..., object], *args: Any) -> None:
        self._timers[name] = self._loop.call_later(wall_s * (self._loop.speed or 1.0), fn, *args)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _silent() -> str:
    return f"it says nothing for {PATIENCE_S:g} s; is it an MQTT broker?"
