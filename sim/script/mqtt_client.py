"""The MQTT client class behind `umqtt`, one per connection object of a script.

A packet counts when a thread of the script reads it: whoever is in `wait_msg` reads for all. So a callback that takes
long leaves PINGRESPs and PUBACKs unread, and the ping thread gives the connection up. Figures, texts and order:
QuecPython/microPython (2021) and QuecPython/micropython (2025) umqtt.py; ADR 0069.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from sim.ports import Arrival, Hello, Message, Pingresp, Puback, Suback, Will
from sim.script.authorities import ca_of, takes
from sim.script.dialect_names import as_device
from sim.script.mqtt_keeper import Keeper
from sim.script.mqtt_socket import LOST, MqttSocket
from sim.script.runtime import ScriptRuntime

PLAIN_PORT, TLS_PORT = 1883, 8883
KEEPALIVE_MINIMUM_S = 5
UNI_KEEPALIVE_S = 60
"""What UniRTOS takes when a script says nothing."""

ANSWER_TIMEOUT_US = 5_000_000
ANSWER_POLL_US = {"2021": 1_000_000, "current": 500_000, "upstream": 500_000}
PUBLISH_CPU_US = 5_000
"""ESTIMATE: time a publish holds the calling thread (TLS record, modem socket call)."""

SEND_POLL_US = 10_000
IDLE_READ_US = 50_000
"""ESTIMATE: time of a read that finds the connection closed. Short, so that a loop around it is a busy one."""

DISCONNECT_US = 500_000
FAILED_READ_PAUSE_US = 1_000_000
PUBLISH_OPCODE, SUBACK_OPCODE, SUBACK_REFUSED, PINGRESP_PACKET = 0x30, 0x90, 0x80, b"\xd0"

_CONNECT_ERRORS = {
    "refused": "MQTT Connect Error='104' Server Actively RST Disconnected.Need Check addr&port",
    "reset": "MQTT Connect Error='104' Server Actively RST Disconnected.Need Check addr&port",
    "closed": "MQTT Connect Error='107' Server Actively FIN Disconnected.Need Check Connection parameters",
    "silent": "MQTT Connect Error='110' Timeout.Need Check Network",
    "dns": "MQTT Connect error='DNS Parsing NULL' FAIL",
}


class MQTTException(Exception):  # noqa: N818 - the device's name
    """`umqtt.MQTTException`."""


class MQTTClient:
    """`umqtt.MQTTClient`. `_rt` is set by the module of this boot."""

    _rt: ScriptRuntime

    def __init__(
        self, client_id: Any, server: str, port: int = 0, user: str | None = None, password: str | None = None,
        keepalive: int | None = None, ssl: bool = False, ssl_params: dict[str, str] | None = None, reconn: bool = True,
        version: int = 4, pingmaxnum: int = 0, **newer: Any,
    ) -> None:  # fmt: skip
        """`newer`: manage and ipvtype, from 2025 on."""
        if unknown := set(newer) - ({"manage", "ipvtype"} if self._rt.profile.mqtt_client == "current" else set()):
            raise TypeError(f"unexpected keyword argument '{sorted(unknown)[0]}'")
        if keepalive is None:
            keepalive = UNI_KEEPALIVE_S if self._rt.profile.generation == "UNI" else 0
        if keepalive != 0 and keepalive < KEEPALIVE_MINIMUM_S:
            raise ValueError("inport parameter error : keepalive >= 5S")
        self.client_id, self.server = _text(client_id), server
        self._port = port or (TLS_PORT if ssl else PLAIN_PORT)
        self._user, self._password = user, password
        self._will: Will | None = None
        self._keepalive_s, self._tls, self._ssl_params = keepalive, ssl, ssl_params or {}
        self._callback: Callable[[bytes, bytes], object] | None = None
        self._topics: dict[str, int] = {}
        self._clean = True
        self._socket = MqttSocket(self._rt)
        self._keeper = keeper = Keeper(self._rt, self._socket, keepalive, pingmaxnum)
        keeper.connect, keeper.resubscribe, keeper.reconnects = self._open, self._resubscribe, reconn and self._vendor
        self._sending = False
        self._reading = 0
        self._unanswered: dict[int, None] = {}
        self._packet_id = 0

    # -- what scripts call

    def set_callback(self, callback: Callable[[bytes, bytes], object]) -> None:
        self._callback = callback

    def error_register_cb(self, callback: Callable[[str], object]) -> None:
        self._keeper.on_error = callback

    def set_last_will(self, topic: Any, msg: Any, retain: bool = False, qos: int = 0) -> None:
        assert 0 <= qos <= 2
        assert topic
        self._will = Will(_text(topic), _bytes(msg), qos, bool(retain))

    def connect(self, clean_session: bool = True) -> int:
        """0; every failure is a ValueError (`upstream`: OSError, or MQTTException with the CONNACK code)."""
        self._rt.me()
        self._clean = clean_session
        code = self._open()
        if code == 0:
            return 0
        if self._vendor:
            raise ValueError(_CONNECT_ERRORS.get(str(code), f"MQTT Connect error='{code}' FAIL"))
        raise MQTTException(code) if isinstance(code, int) else OSError(-1)

    def disconnect(self) -> None:
        """The end of this object: reading gives None at once from now on, even after another connect."""
        self._rt.me()
        link, self._socket.link, self._socket.state = self._socket.link, None, LOST
        if link is not None:
            link.disconnect()
        self._keeper.ended = self._vendor
        self._keeper.pinger.stop()
        self._socket.arrived.notify_all()
        if self._vendor:
            self._rt.sleep_us(DISCONNECT_US)

    def close(self) -> None:
        """Close the socket and nothing else; the ping thread will find out."""
        self._rt.me()
        self._socket.drop()
        self._socket.arrived.notify_all()

    def subscribe(self, topic: Any, qos: int = 0) -> None:
        """G21 reads until the SUBACK and raises when it is refused; G25 waits up to five seconds and logs."""
        assert self._callback is not None, "Subscribe callback is not set"
        self._rt.me()
        self._topics[_text(topic)] = qos
        self._subscribe(_text(topic), qos)

    def publish(self, topic: Any, msg: Any, retain: bool = False, qos: int = 0) -> bool | None:
        """The vendor's client swallows what goes wrong: `current` gives True or False, `2021` None."""
        self._rt.me()
        try:
            topic, msg = _text(topic), _bytes(msg)
        except TypeError:
            if not self._vendor:
                raise
            return False if self._is("current") else None
        while self._sending:
            self._rt.sleep_us(SEND_POLL_US)
        self._sending = True
        try:
            sent = self._publish(topic, msg, bool(retain), qos)
        finally:
            self._sending = False
        if not self._vendor and not sent:
            raise OSError(-1)
        return sent if self._is("current") else None

    def ping(self) -> None:
        self._rt.me()
        self._keeper.ping()

    def wait_msg(self) -> int | bytes | None:
        """Block for one packet, and run the callback when it is a message. None at once when the server has closed."""
        rt, socket = self._rt, self._socket
        rt.me()
        self._reading += 1
        try:
            while not self._keeper.ended:
                if socket.inbox:
                    return self._take(socket.inbox.pop(0))
                if self._keeper.reconnecting:
                    rt.wait(socket.arrived)
                elif socket.link is None and socket.reason != "reset" and self._vendor and not self._keeper.given_up:
                    break
                elif socket.link is None:
                    self._read_failed("104")
                elif not rt.wait(socket.arrived, self._keeper.read_timeout_us):
                    self._read_failed("110")
            rt.sleep_us(IDLE_READ_US)
            return None
        finally:
            self._reading -= 1

    def check_msg(self) -> int | bytes | None:
        """As wait_msg, but give None when nothing is there."""
        self._rt.me()
        return self.wait_msg() if self._socket.inbox else None

    def get_mqttsta(self) -> int:
        return self._socket.state

    # -- connecting

    def _is(self, client: str) -> bool:
        return self._rt.profile.mqtt_client == client

    @property
    def _vendor(self) -> bool:
        return not self._is("upstream")

    def _open(self) -> int | str:
        """0 when connected, a CONNACK code, or the reason why not."""
        self._keeper.begin()
        self._unanswered.clear()
        code = self._socket.open(self._hello(), self._distrusts())
        if code == 0:
            self._keeper.connected(pings=self._vendor)
        return code

    def _hello(self) -> Hello:
        certificate, key = self._ssl_params.get("cert", ""), self._ssl_params.get("key", "")
        papers = None
        if self._tls and "-----BEGIN" not in certificate:
            certificate, key, papers = "", "", self._rt.module.identity.papers
            self._rt.trace("warning", text="the certificate is a placeholder; using the one issued to this device")
        return Hello(
            self.server, self._port, self.client_id, self._user, self._password, self._keepalive_s, self._clean,
            self._tls, certificate, key, self._will, papers, self._is("current"),
        )  # fmt: skip

    def _distrusts(self) -> bool:
        """Whether it was given a CA that did not sign the server: from 2025 on, and on TLS alone."""
        ca = ca_of(self._ssl_params) if self._tls and self._is("current") else ""
        return bool(ca) and not takes(ca, self._rt.module.identity.authority())

    # -- sending

    def _publish(self, topic: str, payload: bytes, retain: bool, qos: int) -> bool:
        self._rt.sleep_us(PUBLISH_CPU_US)
        link = self._socket.link
        if link is None:
            return False
        packet_id = self._next_id() if qos else 0
        link.publish(topic, payload, qos, retain, packet_id)
        if qos == 0:
            if self._is("current"):
                self._keeper.pinger.eager()
            return True
        answered = self._answered(packet_id)
        if answered and self._is("current"):
            self._keeper.pinger.touch()
        return answered and qos == 1

    def _subscribe(self, topic: str, qos: int) -> None:
        link = self._socket.link
        if link is None:
            if self._vendor and self._keeper.reconnects:
                return
            raise OSError(-1)
        packet_id = self._next_id()
        link.subscribe(packet_id, topic, qos)
        if self._is("current"):
            self._answered(packet_id)
            return
        while packet_id in self._unanswered and (opcode := self.wait_msg()) is not None:
            if opcode == SUBACK_REFUSED:
                raise MQTTException(SUBACK_REFUSED)

    def _resubscribe(self) -> None:
        for topic, qos in list(self._topics.items()):
            self._subscribe(topic, qos)

    def _answered(self, packet_id: int) -> bool:
        """True when somebody read the answer within five seconds. Whoever finds no reader reads one packet himself."""
        until_us = self._rt.now_us + ANSWER_TIMEOUT_US
        if not self._reading and self._is("current"):
            self.wait_msg()
        while not self._reading and self._is("upstream") and packet_id in self._unanswered:
            self.wait_msg()
        while packet_id in self._unanswered and self._rt.now_us < until_us:
            self._rt.sleep_us(ANSWER_POLL_US[self._rt.profile.mqtt_client])
        return self._unanswered.pop(packet_id, packet_id) is packet_id

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % 65535 + 1
        self._unanswered[self._packet_id] = None
        return self._packet_id

    # -- reading

    def _take(self, packet: Arrival) -> int | bytes | None:
        self._keeper.read_timeout_us = None
        if isinstance(packet, Message):
            return self._handle(packet)
        if isinstance(packet, Pingresp):
            self._keeper.pong_missing = False
            return PINGRESP_PACKET
        if isinstance(packet, Suback | Puback):
            self._unanswered.pop(packet.packet_id, None)
        if not isinstance(packet, Suback):
            return None
        if packet.code == SUBACK_REFUSED:
            self._keeper.warn("subscribe topic ACK Fail")
            return SUBACK_REFUSED
        return SUBACK_OPCODE

    def _handle(self, message: Message) -> int:
        assert self._callback is not None, "Subscribe callback is not set"
        topic, early = message.topic.encode(), not self._is("2021")
        if message.qos and early:
            self._ack(message)
        try:
            self._callback(topic, message.payload)
        except Exception as error:
            if not self._vendor or (not early and not self._keeper.reconnects):
                raise
            self._callback_failed(error)
        else:
            if message.qos and not early:
                self._ack(message)
        return PUBLISH_OPCODE

    def _ack(self, message: Message) -> None:
        if self._socket.link is not None:
            self._socket.link.ack(message.packet_id)

    def _callback_failed(self, error: Exception) -> None:
        if self._is("current"):
            self._keeper.warn(f"set_callback OSError[{error_text(error)}].")
        else:
            self._read_failed("", "wait msg, Network exception. Trying to reconnect")

    def _read_failed(self, number: str, text: str = "") -> None:
        """What the vendor takes for a broken connection: reconnect, or raise as this generation does."""
        if not self._keeper.reconnects:
            self._socket.state = LOST
            raise OSError(errno.ECONNRESET if number == "104" else errno.ETIMEDOUT) if self._vendor else OSError(-1)
        self._keeper.warn(text or f"wait msg OSError[{number}] . Trying to reconnect")
        self._rt.sleep_us(FAILED_READ_PAUSE_US)
        self._keeper.reconnect()


def error_text(error: BaseException) -> str:
    """`str(error)` as MicroPython has it."""
    return str(as_device(error))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str | bytes | bytearray | memoryview):
        raise TypeError(f"object of type '{type(value).__name__}' has no len()")
    return value.encode() if isinstance(value, str) else bytes(value)
