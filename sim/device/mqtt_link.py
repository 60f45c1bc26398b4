"""A device's MQTT connection: what is said on it, each packet with its time on the air, and what is heard.

At rest (`rest`) it pings by itself. Whoever sends anything else on a connection at rest wakes it first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.device.keepalive import Rest, Resting
from sim.device.link import DNS_ROUND_TRIPS, TCP_ROUND_TRIPS, TLS_ROUND_TRIPS, Link
from sim.ports import Arrival, Closed, Connack, Hello, Message, MqttChannel, Pingresp

if TYPE_CHECKING:
    from sim.device.radio import Radio


class MqttLink(Link):
    """An MQTT connection as the device sees it: every call takes its time on the air."""

    __slots__ = ("_channel", "_owner", "_receive", "_rest", "_since_us")

    def __init__(self, radio: Radio, hello: Hello, receive: Callable[[Arrival], None]) -> None:
        super().__init__(radio)
        self._receive = receive
        self._channel: MqttChannel | None = None
        self._rest: Rest | None = None
        self._owner: Resting | None = None  # of a rest that is accounted for, and not made before something happens
        self._since_us = 0
        radio.track.tell("mqtt.connect", host=hello.host, port=hello.port, client=hello.client_id, tls=hello.tls)
        trips = DNS_ROUND_TRIPS + TCP_ROUND_TRIPS + (TLS_ROUND_TRIPS if hello.tls else 0)
        size = len(hello.client_id) + len(hello.user or "") + len(hello.password or "") + 16
        self.up(size, self._open, hello, extra_us=self.round_trips_us(trips))

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None:
        """SUBSCRIBE with one filter."""
        self.radio.track.tell("mqtt.subscribe", filter=topic_filter, qos=qos)
        self.up(len(topic_filter) + 7, self._send, "subscribe", packet_id, topic_filter, qos)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        """PUBLISH."""
        self.radio.track.tell("mqtt.out", topic=topic, payload=payload.decode("utf-8", "replace"), qos=qos)
        self.up(len(topic) + len(payload) + 7, self._publish, topic, payload, qos, retain, packet_id)

    def ack(self, packet_id: int) -> None:
        """PUBACK of a QoS 1 message."""
        self.up(4, self._send, "ack", packet_id)

    def ping(self) -> None:
        """PINGREQ."""
        self.up(2, self._send, "ping")

    def rest(self, owner: Resting) -> None:
        """Send a PINGREQ each period of the owner's and nothing else, until `wake`. `owner.unanswered()` is called, and
        the rest is over, when one is not answered for its patience."""
        self.all_arrived()
        silence_us = owner.rest_period_us + owner.rest_patience_us
        if self.radio.spec.plain and self._channel is not None and self._channel.rest(silence_us):
            self._owner, self._since_us = owner, self.radio.clock.now_us
        else:
            self._rest = Rest(self, owner, self.radio.clock.now_us)
            self._rest.begin()

    def wake(self) -> None:
        """The rest is over; to be called before anything else is sent."""
        rest = self._stepped()
        self._rest = None
        if rest is not None:
            rest.end()

    def disconnect(self) -> None:
        """DISCONNECT and close, once everything before it has left."""
        self.wake()
        self.up(2, self._finish, "disconnect")

    def abort(self) -> None:
        """Close without DISCONNECT, as a client that gave up on its socket."""
        self.wake()
        self.up(0, self._finish, "abort")
        self._receive = _nobody

    def vanish(self) -> None:
        self.wake()
        super().vanish()
        self._receive = _nobody  # who hears holds this link, too
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.vanish()

    def broker_gone(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            self._stepped(late=True)
            channel.abort()
            self.down(0, self._deliver, Closed("closed"))

    def settle(self) -> None:
        self._stepped(late=True)

    def lose(self) -> None:
        """As its base has it; at rest, the next ping will tell."""
        rest = self._stepped()
        self._rest = None
        receive, channel = self._receive, self._channel
        super().lose()
        self._rest, self._receive, self._channel = rest, receive, channel  # it may still hear that the broker closed

    # -- what a rest asks of it

    def channel_heard(self, at_us: int | None) -> None:
        """Pings are sent one by one again; the last one was heard at `at_us`, None: there was none."""
        if self._channel is not None:
            self._channel.heard(at_us)

    def on_its_way_up(self, at_us: int) -> None:
        """A PINGREQ reaches the broker then."""
        self.up_at(at_us, self._send, ("ping",))

    def on_its_way_down(self, at_us: int, arrival: Arrival) -> None:
        """This reaches the device then."""
        self.down_at(at_us, self._deliver, (arrival,))

    def _stepped(self, *, late: bool = False) -> Rest | None:
        """The rest, if there is one, which goes on step by step from here."""
        owner, self._owner = self._owner, None
        if owner is not None:
            self._rest = Rest(self, owner, self._since_us)
            self._rest.catch_up(late=late)
        return self._rest

    def _open(self, hello: Hello) -> None:
        if not self.radio.broker_there:
            self.down(0, self._deliver, Closed("refused"))
            return
        self._channel = self.radio.network.mqtt(self.radio.track.name, hello, self)

    def _send(self, call: str, *args: Any) -> None:
        if self._channel is not None:
            getattr(self._channel, call)(*args)

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool, packet_id: int) -> None:
        if self._channel is not None:
            self._channel.publish(topic, payload, qos, retain, packet_id)

    def _finish(self, call: str) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            getattr(channel, call)()
        self.end()

    def __call__(self, arrival: Arrival) -> None:
        """What the network hands over: it comes in."""
        if self.alive:
            if self._owner is not None:
                self._stepped(late=True)
            size = len(arrival.topic) + len(arrival.payload) + 5 if type(arrival) is Message else 4
            self.down(size, self._deliver, arrival)

    def _deliver(self, arrival: Arrival) -> None:
        receive = self._receive
        if type(arrival) is Message:
            payload = arrival.payload.decode("utf-8", "replace")
            self.radio.track.tell("mqtt.in", topic=arrival.topic, payload=payload, qos=arrival.qos)
        elif isinstance(arrival, Connack):
            self.radio.track.tell("mqtt.connack", code=arrival.code)
        elif isinstance(arrival, Closed):
            self.radio.track.tell("mqtt.closed", reason=arrival.reason)
            self._channel = None
            self.end()
        elif self._rest is not None and isinstance(arrival, Pingresp):
            self._rest.pong()
            return
        receive(arrival)


def _nobody(_arrival: Arrival) -> None:
    pass
