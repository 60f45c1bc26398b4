"""Keeps a script's MQTT connection alive: what the vendor's ping thread does at its polls, and how it reconnects.

The polls are native and must not block; what a failed ping leads to takes time, so that is a thread of the script.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.script.mqtt_socket import MqttSocket, Pinger
from sim.script.runtime import ScriptRuntime

LOST_PONG_TIMEOUT_US = 3_000_000
RETRY_BASE_S = 5
NO_NETWORK_US = 5_000_000
FAILED_PING_PAUSE_US = 2_000_000


class Keeper:
    """One client's. `connect` opens a connection (0 when it stands), `resubscribe` does all topics again.

    `reconnects`: this client does it by itself; `pong_missing`: nobody has read the answer to a ping yet; `given_up`:
    the ping thread has ended over that, and `read_timeout_us` then ends the read it leaves behind; `ended`: after
    disconnect, for good.
    """

    def __init__(self, rt: ScriptRuntime, socket: MqttSocket, keepalive_s: int, spare_pings: int) -> None:
        self._rt = rt
        self._socket = socket
        self._most_pings = self._spare_pings = spare_pings
        self._runs = keepalive_s > 0
        self.pinger = Pinger(rt, keepalive_s, self._ping_due)
        self.connect: Callable[[], int | str] = lambda: "dns"
        self.resubscribe: Callable[[], None] = lambda: None
        self.on_error: Callable[[str], object] | None = None
        self.reconnects = True
        self.pong_missing = self.given_up = self.reconnecting = self.ended = False
        self.read_timeout_us: int | None = None

    def begin(self) -> None:
        """A connection is about to be opened."""
        self.pinger.stop()
        self.pong_missing, self.given_up, self.read_timeout_us = False, False, None

    def connected(self, pings: bool) -> None:
        """It stands; `pings`: this client has a ping thread."""
        self._spare_pings = self._most_pings
        if pings and self._runs and not self.ended:
            self.pinger.start()

    def ping(self) -> None:
        """Send a ping now."""
        if self._socket.link is not None:
            self.pinger.touch()
            self.pong_missing = True
            self._socket.link.ping()

    def reconnect(self) -> None:
        """Endless, as the vendor's client: no try without a network, and each failed one waits a second longer."""
        if self.reconnecting:
            return
        self.reconnecting = True
        self._socket.drop()
        self._tell("reconnect_start")
        failed = 0
        while not self.ended and not self._try_to_connect():
            if self._rt.module.radio.attached:
                failed += 1
                wait_s = RETRY_BASE_S + failed
                self.warn(f"The connection attempt failed and will be tried again after {wait_s} seconds.")
                self._rt.sleep_us(wait_s * 1_000_000)
            else:
                self._rt.sleep_us(NO_NETWORK_US)
        self.reconnecting = False
        self.resubscribe()
        self._socket.arrived.notify_all()
        self._tell("reconnect_success")

    def warn(self, text: str) -> None:
        """A line of the client's log."""
        self._rt.trace("log", level="WARNING", name="umqtt", text=text)

    def _try_to_connect(self) -> bool:
        return self._rt.module.radio.attached and self.connect() == 0

    def _ping_due(self) -> None:
        """A poll at which the connection was idle for too long."""
        if self.ended:
            return
        if self.reconnecting:
            self.pinger.again()
        elif self._socket.link is None:
            self._fail("[Errno 107] ENOTCONN")
        elif self.pong_missing and not self.reconnects:
            self._fail("Send ping timeout.")
        elif self.pong_missing and self._spare_pings <= 0:
            self.warn("Send ping timeout. Trying to reconnect")
            self.pinger.stop()
            self.given_up, self.read_timeout_us = True, LOST_PONG_TIMEOUT_US
            self._socket.arrived.notify_all()
        else:
            self._spare_pings -= self.pong_missing
            self.ping()

    def _fail(self, text: str) -> None:
        """The ping thread ends."""
        self.pinger.stop()
        stack_bytes = self._rt.module.model.mqtt_ping_stack_bytes
        if self.reconnects:
            self.warn("Send ping, Network exception. Trying to reconnect")
            self._rt.spawn(self._reconnect_later, (), "umqtt ping", stack_bytes)
        elif self.on_error is not None:
            self._rt.spawn(self.on_error, (text,), "umqtt ping", stack_bytes)

    def _reconnect_later(self) -> None:
        self._rt.sleep_us(FAILED_PING_PAUSE_US)
        self.reconnect()

    def _tell(self, text: str) -> None:
        if self.on_error is not None:
            self.on_error(text)
