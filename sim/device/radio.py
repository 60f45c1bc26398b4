"""The cellular link of one device: attach, latency, rate. It delays; it never decides.

A packet leaves the device when it was delayed on the way up, and reaches the script when it was delayed on the
way down; the port in between has no latency, so timing is the same on every transport. Within one connection
order is kept. When power goes, everything on its way is gone, and the other side is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy

from sim.device.model import RadioSpec
from sim.kernel.clock import Clock, Story, Timer
from sim.kernel.fibers import Signal
from sim.kernel.seeds import Stream, stream
from sim.ports import (
    Arrival,
    Closed,
    Connack,
    Hello,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    Message,
    MqttChannel,
    Network,
)

TCP_ROUND_TRIPS = 1
DNS_ROUND_TRIPS = 1
TLS_ROUND_TRIPS = 2
"""Round trips before the first byte of a request; TLS 1.2 full handshake."""

ATTACH_JITTER_US = 500_000
"""ESTIMATE: cell search and registration vary by a few tenths of a second from boot to boot."""

PACKET_OVERHEAD_BYTES = 60
"""IP, TCP and TLS record headers of a small packet."""

SOCKET_TIMEOUT_US = 20_000_000
"""Socket time-out of the vendor's clients."""

DNS_PATIENCE_US = 25_000_000
"""How long name resolution waits for the network after power-on: five tries of five seconds in the vendor's client."""


class Radio:
    """One device's modem for one run; `power_on` and `power_off` bracket each life."""

    def __init__(
        self, clock: Clock, spec: RadioSpec, network: Network, device: str, seed: int, trace: Callable[..., None]
    ) -> None:
        self.clock = clock
        self.spec = spec
        self.network = network
        self.device = device
        self.trace = trace
        self.attached = False
        self.on_attach = Signal(clock)
        self._seed = seed
        self._draws = self.stream("attach")
        self._opened = 0
        self._links: list[Link] = []
        self._attach_timer: Timer | None = None
        self._attach_event: simpy.Event = clock.env.event()

    def power_on(self, attach_us: int) -> None:
        """Start to look for the network; attached in about `attach_us`."""
        self._attach_event = self.clock.env.event()
        self._attach_timer = self.clock.after(attach_us + self._draws.randrange(ATTACH_JITTER_US), self._attach)

    def power_off(self) -> None:
        """Everything on its way is gone; no connection is closed, they just fall silent."""
        self.attached = False
        if self._attach_timer is not None:
            self._attach_timer.cancel()
        for link in list(self._links):
            link.vanish()
        self._links.clear()

    def lose_signal(self, for_us: int) -> None:
        """No network for a while: what is on its way is lost, and open connections never hear of it."""
        self.trace("link.lost")
        self.attached = False
        for link in list(self._links):
            link.lose()
        if self._attach_timer is not None:
            self._attach_timer.cancel()
        self._attach_event = self.clock.env.event()
        self._attach_timer = self.clock.after(for_us, self._attach)

    def wait_attached(self) -> Story:
        """Story: True when attached, False when the patience of name resolution is over."""
        if self.attached:
            return True
        timer = self.clock.timeout(DNS_PATIENCE_US)
        yield self._attach_event | timer
        return self.attached

    def open_mqtt(self, hello: Hello, receive: Callable[[Arrival], None]) -> MqttLink:
        """Connect; Connack or Closed arrives at `receive`."""
        return MqttLink(self, hello, receive)

    def http(self) -> HttpLink:
        """A new connection to a web server, opened by its first request."""
        return HttpLink(self)

    def stream(self, purpose: str) -> Stream:
        """A random stream of this device's radio."""
        return stream(self._seed, self.device, f"radio/{purpose}")

    def admit(self, link: Link) -> Stream:
        """Register a new connection; its jitter has a stream of its own, so connections do not disturb each other."""
        self._opened += 1
        self._links.append(link)
        return self.stream(f"link {self._opened}")

    def forget(self, link: Link) -> None:
        """The connection is over."""
        if link in self._links:
            self._links.remove(link)

    def _attach(self) -> None:
        self.attached = True
        self._attach_event.succeed()
        self.on_attach.notify_all()


class Link:
    """One connection's two directions, each in order. Ends with `vanish`."""

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self._timers: dict[Timer, None] = {}
        self._up_us = 0
        self._down_us = 0
        self.alive = True
        self._draws = radio.admit(self)

    def up(self, size_bytes: int, fn: Callable[..., object], *args: Any, extra_us: int = 0) -> None:
        """Call `fn` when a packet of this size has left; later packets never overtake it."""
        delay_us = extra_us + self._one_way_us(size_bytes, self.radio.spec.up_bytes_per_s)
        self._up_us = max(self._up_us, self.radio.clock.now_us + delay_us)
        self._at(self._up_us, fn, *args)

    def down(self, size_bytes: int, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn` when a packet of this size has come in."""
        delay_us = self._one_way_us(size_bytes, self.radio.spec.down_bytes_per_s)
        self._down_us = max(self._down_us, self.radio.clock.now_us + delay_us)
        self._at(self._down_us, fn, *args)

    def vanish(self) -> None:
        """Nothing on its way arrives any more."""
        self.alive = False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def lose(self) -> None:
        """The signal is gone: this connection stays open and silent."""
        self.vanish()

    def end(self) -> None:
        """The connection is over; the radio forgets it."""
        self.vanish()
        self.radio.forget(self)

    def round_trips_us(self, count: int) -> int:
        """Time of `count` round trips, each with its own jitter."""
        return sum(self.radio.spec.rtt_us + self._jitter_us() for _ in range(count))

    def _one_way_us(self, size_bytes: int, rate_bytes_per_s: int) -> int:
        """Half a round trip, jitter, and the bytes at the link's rate."""
        transfer_us = (size_bytes + PACKET_OVERHEAD_BYTES) * 1_000_000 // rate_bytes_per_s
        return self.radio.spec.rtt_us // 2 + self._jitter_us() + transfer_us

    def _jitter_us(self) -> int:
        return self._draws.randrange(self.radio.spec.jitter_us + 1)

    def _at(self, at_us: int, fn: Callable[..., object], *args: Any) -> None:
        timer = self.radio.clock.after(at_us - self.radio.clock.now_us, self._run, fn, args)
        timer.args = (timer, fn, args)
        self._timers[timer] = None

    def _run(self, timer: Timer, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._timers.pop(timer, None)
        fn(*args)


class MqttLink(Link):
    """An MQTT connection as the device sees it: every call takes its time on the air."""

    def __init__(self, radio: Radio, hello: Hello, receive: Callable[[Arrival], None]) -> None:
        super().__init__(radio)
        self._receive = receive
        self._channel: MqttChannel | None = None
        radio.trace("mqtt.connect", host=hello.host, port=hello.port, client=hello.client_id, tls=hello.tls)
        trips = DNS_ROUND_TRIPS + TCP_ROUND_TRIPS + (TLS_ROUND_TRIPS if hello.tls else 0)
        size = len(hello.client_id) + len(hello.user or "") + len(hello.password or "") + 16
        self.up(size, self._open, hello, extra_us=self.round_trips_us(trips))

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None:
        """SUBSCRIBE with one filter."""
        self.radio.trace("mqtt.subscribe", filter=topic_filter, qos=qos)
        self.up(len(topic_filter) + 7, self._send, "subscribe", packet_id, topic_filter, qos)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        """PUBLISH."""
        self.radio.trace("mqtt.out", topic=topic, payload=payload.decode("utf-8", "replace"), qos=qos)
        self.up(len(topic) + len(payload) + 7, self._send, "publish", topic, payload, qos, retain, packet_id)

    def ack(self, packet_id: int) -> None:
        """PUBACK of a QoS 1 message."""
        self.up(4, self._send, "ack", packet_id)

    def ping(self) -> None:
        """PINGREQ."""
        self.up(2, self._send, "ping")

    def disconnect(self) -> None:
        """DISCONNECT and close, once everything before it has left."""
        self.up(2, self._finish, "disconnect")

    def abort(self) -> None:
        """Close without DISCONNECT, as a client that gave up on its socket."""
        self.up(0, self._finish, "abort")
        self._receive = _nobody

    def vanish(self) -> None:
        super().vanish()
        if self._channel is not None:
            self._channel.vanish()

    def _open(self, hello: Hello) -> None:
        self._channel = self.radio.network.mqtt(self.radio.device, hello, self._arrive)

    def _send(self, call: str, *args: Any) -> None:
        if self._channel is not None:
            getattr(self._channel, call)(*args)

    def _finish(self, call: str) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            getattr(channel, call)()
        self.end()

    def _arrive(self, arrival: Arrival) -> None:
        if self.alive:
            size = len(arrival.topic) + len(arrival.payload) + 5 if isinstance(arrival, Message) else 4
            self.down(size, self._deliver, arrival)

    def _deliver(self, arrival: Arrival) -> None:
        if isinstance(arrival, Message):
            payload = arrival.payload.decode("utf-8", "replace")
            self.radio.trace("mqtt.in", topic=arrival.topic, payload=payload, qos=arrival.qos)
        elif isinstance(arrival, Connack):
            self.radio.trace("mqtt.connack", code=arrival.code)
        elif isinstance(arrival, Closed):
            self.radio.trace("mqtt.closed", reason=arrival.reason)
            self._channel = None
            self.end()
        self._receive(arrival)


class HttpLink(Link):
    """A kept-alive connection to one web server."""

    def __init__(self, radio: Radio) -> None:
        super().__init__(radio)
        self._connected = False
        self._waiting: simpy.Event | None = None

    def fetch(self, request: HttpRequest) -> Story:
        """Story whose value is the HttpResponse or the HttpFailure, after the time its bytes take."""
        if not (yield from self.radio.wait_attached()):
            return HttpFailure("dns")
        if not self.alive:
            return HttpFailure("reset")
        answer = self._waiting = self.radio.clock.env.event()
        trips = 0
        if not self._connected:
            tls = request.url.startswith("https:")
            trips = DNS_ROUND_TRIPS + TCP_ROUND_TRIPS + (TLS_ROUND_TRIPS if tls else 0)
        size = len(request.url) + sum(len(k) + len(v) + 4 for k, v in request.headers.items()) + 80
        self.up(size, self._send, request, answer, extra_us=self.round_trips_us(trips))
        result = yield answer
        self._waiting = None
        self._connected = isinstance(result, HttpResponse)
        self._tell(request, result)
        return result

    def lose(self) -> None:
        """The socket's time-out tells the device, later."""
        super().lose()
        if self._waiting is not None:
            self._timers[self.radio.clock.after(SOCKET_TIMEOUT_US, self._give_up, self._waiting)] = None

    def _give_up(self, answer: simpy.Event) -> None:
        if not answer.triggered:
            answer.succeed(HttpFailure("reset"))

    def _tell(self, request: HttpRequest, result: HttpResponse | HttpFailure) -> None:
        wanted = next((value for name, value in request.headers.items() if name.lower() == "range"), "")
        if isinstance(result, HttpFailure):
            outcome: dict[str, Any] = {"failure": result.reason}
        else:
            outcome = {"status": result.status, "bytes": len(result.body)}
        self.radio.trace("http", url=request.url.partition("?")[0], range=wanted, **outcome)

    def _send(self, request: HttpRequest, answer: Any) -> None:
        self.radio.network.http(self.radio.device, request, lambda result: self._arrive(result, answer))

    def _arrive(self, result: HttpResponse | HttpFailure, answer: Any) -> None:
        if self.alive:
            size = len(result.body) + 400 if isinstance(result, HttpResponse) else 0
            self.down(size, answer.succeed, result)


def _nobody(_arrival: Arrival) -> None:
    pass
