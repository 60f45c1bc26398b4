"""The native half of a script's MQTT client: one connection at a time, what came in, and the ping thread's clock.

As cheap as an idle device: arrivals wait in an inbox until a thread of the script reads them, and the vendor's ping
thread, which looks every five seconds whether a ping is due, is one timer on that grid. Nothing is acted on here.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.device.link import DNS_ROUND_TRIPS, TCP_ROUND_TRIPS, TLS_ROUND_TRIPS
from sim.device.mqtt_link import MqttLink
from sim.kernel.clock import Timer
from sim.kernel.fibers import Signal
from sim.ports import Arrival, Closed, Connack, Hello, Message
from sim.script.runtime import ScriptRuntime
from sim.units import US_PER_S

SOCKET_TIMEOUT_US = 20_000_000
HANDSHAKE_ROUND_TRIPS = DNS_ROUND_TRIPS + TCP_ROUND_TRIPS + TLS_ROUND_TRIPS
DNS_PAUSE_US, DNS_TRIES = 500_000, 5
PING_POLL_US = 5_000_000
PING_MARGIN_S = 3
EAGER_KEEPALIVE_S, EAGER_MARGIN_S = 30, 15
"""From this keepalive on, a publish in its last seconds (G25) has the next poll send a ping."""

INBOX_LIMIT = 256
"""Packets kept for a script that does not read; then the socket's window is full and the oldest stay."""

CONNECTED, CONNECTING, CLOSED, LOST = 0, 1, 2, -1
"""Values of `get_mqttsta()`."""


class MqttSocket:
    """`link` is None when there is no connection; `reason` then says how it ended; `arrived` wakes those who read."""

    def __init__(self, rt: ScriptRuntime) -> None:
        self._rt = rt
        self.link: MqttLink | None = None
        self.inbox: list[Arrival] = []
        self.arrived = Signal(rt.clock)
        self.state = LOST
        self.reason = ""
        self._connack: int | str | None = None

    def open(self, hello: Hello, distrusts: bool = False) -> int | str:
        """0 when connected, a CONNACK code, or why not: `dns`, `refused`, `tls`, `closed`, `reset`, `silent`. Who
        `distrusts` the server ends the handshake before the broker hears of it."""
        rt, radio = self._rt, self._rt.module.radio
        self.inbox.clear()
        self._connack, self.state, self.reason = None, CONNECTING, ""
        if not rt.run(radio.wait_attached()):
            self.state = LOST
            if not radio.on:
                rt.sleep_us(DNS_PAUSE_US * DNS_TRIES)
            return "dns"
        if distrusts:
            rt.sleep_us(radio.spec.rtt_us * HANDSHAKE_ROUND_TRIPS)
            self.state = LOST
            return "tls"
        link = self.link = radio.open_mqtt(hello, lambda arrival: self._arrive(link, arrival))
        rt.wait(self.arrived, SOCKET_TIMEOUT_US)
        if self._connack == 0:
            self.state = CONNECTED
            return 0
        if self.link is not None:
            self.drop()
        self.state = LOST
        if self._connack == "dns":
            rt.sleep_us(DNS_PAUSE_US * DNS_TRIES)
        return "silent" if self._connack is None else self._connack

    def drop(self) -> None:
        """Close without a word."""
        link, self.link, self.state = self.link, None, LOST
        if link is not None and link.alive:
            link.abort()

    def _arrive(self, link: MqttLink, arrival: Arrival) -> None:
        """Keep what came, wake whoever waits. Nothing of an older connection counts."""
        if link is not self.link:
            return
        if isinstance(arrival, Connack):
            self._connack = arrival.code
        elif isinstance(arrival, Closed):
            self._connack = self._connack if self._connack else arrival.reason
            self.link, self.state, self.reason = None, CLOSED, arrival.reason
        elif not isinstance(arrival, Message) or len(self.inbox) < INBOX_LIMIT:
            self.inbox.append(arrival)
        self.arrived.notify_all()


class Pinger:
    """The vendor's ping thread: `due()` is called at the poll at which a ping is due. Whole seconds, as it counts."""

    def __init__(self, rt: ScriptRuntime, keepalive_s: int, due: Callable[[], None]) -> None:
        self._rt = rt
        self._keepalive_s = keepalive_s
        self._due = due
        self._start_us = 0
        self._last_s = 0
        self._timer: Timer | None = None

    def start(self) -> None:
        """A thread begins to poll now."""
        self._start_us = self._rt.now_us
        self.touch()

    def stop(self) -> None:
        """The thread has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def touch(self, idle_s: int = 0) -> None:
        """The connection was used `idle_s` ago."""
        self._last_s = self._rt.now_us // US_PER_S - idle_s
        running, first = self._timer is not None, self._start_us == self._rt.now_us
        self.stop()
        if running or first:
            self._arm()

    def eager(self) -> None:
        """A publish at QoS 0: late in the keepalive, the next poll is to send a ping."""
        idle_s = self._rt.now_us // US_PER_S - self._last_s
        if self._timer and self._keepalive_s >= EAGER_KEEPALIVE_S and idle_s > self._keepalive_s - EAGER_MARGIN_S:
            self.touch(self._keepalive_s)

    def again(self) -> None:
        """Call `due` at the next poll."""
        self._timer = self._rt.module.life.after(PING_POLL_US, self._ring)

    def _arm(self) -> None:
        due_us = (self._last_s + self._keepalive_s - PING_MARGIN_S + 1) * US_PER_S
        polls = max(
            1 + (self._rt.now_us - self._start_us) // PING_POLL_US, -(-(due_us - self._start_us) // PING_POLL_US)
        )
        wait_us = self._start_us + polls * PING_POLL_US - self._rt.now_us
        self._timer = self._rt.module.life.after(wait_us, self._ring)

    def _ring(self) -> None:
        if not self._rt.gate.stops(None, self._ring):
            self._due()
