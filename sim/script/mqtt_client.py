"""The MQTT client class behind `umqtt`, one per connection object of a script.

The socket work is native, as cheap as an idle device: arrivals wait in an inbox, keepalive is a timer on the
five-second grid that the vendor's ping thread polls on. Figures: QuecPython/micropython umqtt.py (2025).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from sim.device.radio import MqttLink
from sim.kernel.clock import Timer
from sim.kernel.fibers import Signal
from sim.ports import Arrival, Closed, Connack, Hello, Message, Pingresp, Puback, Suback
from sim.script.runtime import ScriptRuntime

PLAIN_PORT, TLS_PORT = 1883, 8883
SOCKET_TIMEOUT_US = 20_000_000
ANSWER_TIMEOUT_US = 5_000_000
PING_POLL_US = 5_000_000
PING_MARGIN_S = 3
KEEPALIVE_MINIMUM_S = 5
PUBLISH_CPU_US = 5_000
"""ESTIMATE: time a publish holds the calling thread (TLS record, modem socket call)."""

DISCONNECT_US = 500_000
RETRY_BASE_S = 5
CALLBACK_ERROR_PAUSE_US = 1_000_000
PUBLISH_OPCODE = 0x30

INBOX_LIMIT = 256
"""Packets kept for a script that does not read; then the socket's window is full and the oldest stay."""

NO_ANSWER = "110"
"""ETIMEDOUT, as the vendor's message shows it."""

CONNECTED, CONNECTING, CLOSED, LOST = 0, 1, 2, -1
"""Values of `get_mqttsta()`."""


class MqttError(Exception):
    """`umqtt.MQTTException`."""


class MqttClient:
    """`umqtt.MQTTClient`. `_rt` is set by the module of this boot."""

    _rt: ScriptRuntime

    def __init__(
        self, client_id: Any, server: str, port: int = 0, user: str | None = None, password: str | None = None,
        keepalive: int = 0, ssl: bool = False, ssl_params: dict[str, str] | None = None, reconn: bool = True,
        version: int = 4, pingmaxnum: int = 0, **_options: Any,
    ) -> None:  # fmt: skip
        if 0 < keepalive < KEEPALIVE_MINIMUM_S:
            raise ValueError("keepalive must be 0 or at least 5")
        self.client_id, self.server = _text(client_id), server
        self._port = port or (TLS_PORT if ssl else PLAIN_PORT)
        self._user, self._password = user, password
        self._keepalive_s, self._tls, self._ssl_params = keepalive, ssl, ssl_params or {}
        self._reconnects = reconn and self._vendor
        self._spare_pings = pingmaxnum
        self._callback: Callable[[bytes, bytes], object] | None = None
        self._on_error: Callable[[str], object] | None = None
        self._topics: dict[str, int] = {}
        self._clean = True
        self._link: MqttLink | None = None
        self._inbox: deque[Message] = deque()
        self._answers: dict[int, int] = {}
        self._arrived = Signal(self._rt.clock)
        self._connack: int | str | None = None
        self._ping_timer: Timer | None = None
        self._pong_missing = 0
        self._state = LOST
        self._packet_id = 0

    # -- what scripts call

    def set_callback(self, callback: Callable[[bytes, bytes], object]) -> None:
        self._callback = callback

    def error_register_cb(self, callback: Callable[[str], object]) -> None:
        self._on_error = callback

    def connect(self, clean_session: bool = True) -> int:
        """0; every failure is a ValueError (`upstream`: OSError, or MQTTException with the CONNACK code)."""
        self._clean = clean_session
        code = self._open()
        if code == 0:
            return 0
        if self._vendor:
            raise ValueError(f"MQTT Connect error='{code}' FAIL")
        raise MqttError(code) if isinstance(code, int) else OSError(-1)

    def disconnect(self) -> None:
        self._rt.me()
        if self._link is not None:
            self._link.disconnect()
            self._link = None
        self._state = LOST
        self._stop_ping()
        if self._vendor:
            self._rt.sleep_us(DISCONNECT_US)

    close = disconnect

    def subscribe(self, topic: Any, qos: int = 0) -> None:
        """Wait up to five seconds for the SUBACK."""
        assert self._callback is not None, "Subscribe callback is not set"
        self._topics[_text(topic)] = qos
        self._subscribe(_text(topic), qos)

    def publish(self, topic: Any, msg: Any, retain: bool = False, qos: int = 0) -> bool | None:
        """The vendor's client swallows what goes wrong: `current` gives True or False, `2021` None."""
        self._rt.sleep_us(PUBLISH_CPU_US)
        sent = self._link is not None
        if self._link is not None:
            payload = msg.encode() if isinstance(msg, str) else bytes(msg)
            packet_id = self._next_id() if qos else 0
            self._link.publish(_text(topic), payload, qos, retain, packet_id)
            if qos:
                sent = self._answered(packet_id)
        if not self._vendor and not sent:
            raise OSError(-1)
        return sent if self._rt.profile.mqtt_client == "current" else None

    def ping(self) -> None:
        self._rt.me()
        if self._link is not None:
            self._link.ping()

    def wait_msg(self) -> int | None:
        """Block for one message and run the callback on it."""
        while not self._inbox:
            if self._state != CONNECTED:
                self._recover()
            else:
                self._rt.wait(self._arrived)
        return self._handle(self._inbox.popleft())

    def check_msg(self) -> int | None:
        """As wait_msg, but give None when nothing is there."""
        self._rt.me()
        return self.wait_msg() if self._inbox else None

    def get_mqttsta(self) -> int:
        return self._state

    # -- socket

    @property
    def _vendor(self) -> bool:
        return self._rt.profile.mqtt_client != "upstream"

    def _open(self) -> int | str:
        """0 when connected, a CONNACK code, or the reason why not."""
        rt = self._rt
        self._stop_ping()
        self._inbox.clear()
        self._answers.clear()
        self._connack, self._pong_missing, self._state = None, 0, CONNECTING
        if not rt.run(rt.module.radio.wait_attached()):
            self._state = LOST
            return "dns"
        link = self._link = rt.module.radio.open_mqtt(self._hello(), lambda a: self._arrive(link, a))
        rt.wait(self._arrived, SOCKET_TIMEOUT_US)
        if self._connack == 0:
            self._state = CONNECTED
            self._schedule_ping()
            return 0
        if link.alive:
            link.abort()
        self._link, self._state = None, LOST
        return NO_ANSWER if self._connack is None else self._connack

    def _hello(self) -> Hello:
        certificate, key = self._ssl_params.get("cert", ""), self._ssl_params.get("key", "")
        if self._tls and "-----BEGIN" not in certificate:
            identity = self._rt.module.setting.identity
            certificate, key = identity.certificate, identity.private_key
            self._rt.trace("warning", text="the certificate is a placeholder; using the one issued to this device")
        return Hello(
            self.server, self._port, self.client_id, self._user, self._password, self._keepalive_s, self._clean,
            self._tls, certificate, key,
        )  # fmt: skip

    def _arrive(self, link: MqttLink, arrival: Arrival) -> None:
        """Native side: keep what came, wake whoever waits. Nothing of an older connection counts."""
        if link is not self._link:
            return
        if isinstance(arrival, Message):
            if len(self._inbox) < INBOX_LIMIT:
                self._inbox.append(arrival)
        elif isinstance(arrival, Connack):
            self._connack = arrival.code
        elif isinstance(arrival, Suback | Puback):
            self._answers[arrival.packet_id] = arrival.code if isinstance(arrival, Suback) else 0
        elif isinstance(arrival, Pingresp):
            self._pong_missing = 0
        elif isinstance(arrival, Closed):
            self._connack = self._connack if self._connack else arrival.reason
            self._link, self._state = None, CLOSED
            self._stop_ping()
        self._arrived.notify_all()

    def _subscribe(self, topic: str, qos: int) -> None:
        if self._link is None:
            if self._vendor and self._reconnects:
                return
            raise OSError(-1)
        packet_id = self._next_id()
        self._link.subscribe(packet_id, topic, qos)
        self._answered(packet_id)

    def _answered(self, packet_id: int) -> bool:
        """True when the answer to `packet_id` came within five seconds."""
        until_us = self._rt.now_us + ANSWER_TIMEOUT_US
        while packet_id not in self._answers and self._link is not None and self._rt.now_us < until_us:
            self._rt.wait(self._arrived, until_us - self._rt.now_us)
        return self._answers.pop(packet_id, None) is not None

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % 65535 + 1
        return self._packet_id

    # -- messages

    def _handle(self, message: Message) -> int:
        assert self._callback is not None, "Subscribe callback is not set"
        topic, profile = message.topic.encode(), self._rt.profile.mqtt_client
        if message.qos and profile != "2021":
            self._ack(message)
        try:
            self._callback(topic, message.payload)
        except Exception as error:
            if profile == "upstream" or (profile == "2021" and not self._reconnects):
                raise
            self._callback_failed(error)
        else:
            if message.qos and profile == "2021":
                self._ack(message)
        return PUBLISH_OPCODE

    def _ack(self, message: Message) -> None:
        if self._link is not None:
            self._link.ack(message.packet_id)

    def _callback_failed(self, error: Exception) -> None:
        rt = self._rt
        if rt.profile.mqtt_client == "current":
            rt.trace("log", level="WARNING", name="umqtt", text=f"set_callback OSError[{error_text(error)}].")
            return
        rt.trace("log", level="WARNING", name="umqtt", text="wait msg, Network exception. Trying to reconnect")
        rt.sleep_us(CALLBACK_ERROR_PAUSE_US)
        if self._link is not None:
            self._link.abort()
        self._link, self._state = None, LOST
        self._reconnect()

    # -- keepalive and reconnect

    def _schedule_ping(self) -> None:
        if self._keepalive_s and self._vendor:
            idle_us = (self._keepalive_s - PING_MARGIN_S) * 1_000_000
            polls = -(-idle_us // PING_POLL_US)
            self._ping_timer = self._rt.module.life.after(polls * PING_POLL_US, self._ping_due)

    def _stop_ping(self) -> None:
        if self._ping_timer is not None:
            self._ping_timer.cancel()
            self._ping_timer = None

    def _ping_due(self) -> None:
        if self._link is None or self._rt.gate.stops(None, self._ping_due):
            return
        if self._pong_missing > self._spare_pings:
            self._link.abort()
            self._link, self._state = None, LOST
            self._arrived.notify_all()
            return
        self._pong_missing += 1
        self._link.ping()
        self._schedule_ping()

    def _recover(self) -> None:
        """The connection is gone: reconnect, or raise as this generation does."""
        if not self._reconnects:
            self._state = LOST
            raise OSError(-1)
        self._rt.sleep_us(PING_POLL_US - self._rt.now_us % PING_POLL_US)
        self._reconnect()

    def _reconnect(self) -> None:
        """Endless, as the vendor's client: each failed round waits a second longer."""
        rounds = 0
        self._tell("reconnect_start")
        while self._open() != 0:
            self._rt.sleep_us((RETRY_BASE_S + rounds) * 1_000_000)
            rounds += 1
        for topic, qos in list(self._topics.items()):
            self._subscribe(topic, qos)
        self._tell("reconnect_success")

    def _tell(self, text: str) -> None:
        if self._on_error is not None:
            self._on_error(text)


def error_text(error: BaseException) -> str:
    """`str(error)` as MicroPython has it: a KeyError without quotes."""
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)
