"""The listeners of a served cloud, and the way its own virtual devices take to them.

REST without TLS for operators, REST with TLS for devices that show their certificate and for artifacts, MQTT with TLS,
and MQTT without where somebody asked for it. All of them lead to one account. What comes in takes its turn in the
simulation; there is no other way in.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sim.cloud.account import Account
from sim.cloud.broker import AwsBroker
from sim.cloud.listen import PortError
from sim.cloud.rest import RestServer
from sim.cloud.things import SERVER_NAMES
from sim.kernel.clock import Clock
from sim.mqtt.rules import BrokerRules
from sim.mqtt.switchboard import Greeting, Rights
from sim.net.http import Endpoint
from sim.net.stream_http import serve_cloud
from sim.net.tls import server_context
from sim.net.wire import Addresses, WireNetwork
from sim.ports import Arrival, Hello, HttpArrival, HttpRequest, HttpResponse, MqttChannel, Network
from sim.scenario.part import WHOLE
from sim.serve.options import UpOptions, reachable

HTTP_PORT, HTTPS_PORT = 80, 443
"""Ports that no URL names."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the cloud listens; `plain_mqtt` 0 for not at all."""

    rest: int
    tls: int
    mqtt: int
    plain_mqtt: int


class Servers:
    """Everything that listens, from `open` to `close`. `network` is for the devices of this process."""

    def __init__(self, clock: Clock, account: Account, options: UpOptions, rules: BrokerRules) -> None:
        self._clock = clock
        self._account = account
        self._options = options
        self._rules = rules
        self._close: list[Callable[[], Awaitable[None]]] = []
        wire = WireNetwork(clock, account.on_request, account.respond)
        self._wire = wire
        self.network: Network = _Ways(self, wire)
        self.problems: list[str] = []
        self.stopwatch = wire.stopwatch
        self.part = WHOLE
        self.ports = Ports(0, 0, 0, 0)

    def open(self) -> None:
        """Listen everywhere, on `ports`; MachineError names the one that cannot be had."""
        self.ports = self._clock.loop.run_until_complete(self._open())

    @property
    def rest_url(self) -> str:
        """Where REST is without TLS; no slash at the end."""
        return f"http://{self._name}{'' if self.ports.rest == HTTP_PORT else f':{self.ports.rest}'}"

    @property
    def tls_url(self) -> str:
        """Where REST is with TLS."""
        return f"https://{self._name}{'' if self.ports.tls == HTTPS_PORT else f':{self.ports.tls}'}"

    @property
    def rest(self) -> Endpoint:
        """REST without TLS, for the devices of this process."""
        return Endpoint(reachable(self._options.listen), self.ports.rest)

    @property
    def _name(self) -> str:
        host = reachable(self._options.listen)
        return f"[{host}]" if ":" in host else host

    def identity(self, device: str) -> tuple[str, str]:
        """Certificate and private key of a device, PEM."""
        issued = self._account.issue(device)
        return issued.certificate_pem, issued.private_key_pem

    def authority(self) -> str:
        """Who signed the certificates of the servers, PEM."""
        return self._account.things.authority_pem

    def close(self) -> None:
        """Close every socket; answers that are being sent are sent."""
        while self._close:
            self._clock.loop.run_until_complete(self._close.pop()())

    async def _open(self) -> Ports:
        options, host = self._options, self._options.listen
        tls = self._context()
        self._close.append(self._wire.close)
        self._wire.streams.server_tls = tls
        serve_cloud(self._wire.streams, self._clock, self._account.respond)
        broker = AwsBroker(
            self._wire.on_broker_request, admit=self._admit, rules=self._rules, start_s=self._clock.start_s
        )
        self._account.face = broker
        self._close.append(broker.stop)
        mqtt = await _named("--mqtt-port", broker.start(host, options.mqtt_port, tls=tls))
        plain_mqtt = 0
        if options.plain_mqtt_port is not None:
            plain_mqtt = await _named("--plain-mqtt-port", broker.start(host, options.plain_mqtt_port))
        secure_rest = await self._rest("--tls-port", options.tls_port, tls)
        rest = await self._rest("--port", options.port, None)
        self._wire.connect_to(Addresses(reachable(host), mqtt, secure_rest, tls=True))
        return Ports(rest, secure_rest, mqtt, plain_mqtt)

    async def _rest(self, option: str, port: int, tls: ssl.SSLContext | None) -> int:
        server = RestServer(self._wire.respond, lambda: self._clock.epoch_s, self._wire.dispatch)
        self._close.append(server.stop)
        return await _named(option, server.start(self._options.listen, port, tls=tls))

    def _admit(self, greeting: Greeting) -> Rights | int:
        """Where clients may come without TLS, they may come without a certificate."""
        if greeting.certificate is None and self._options.plain_mqtt_port is not None:
            return self._account.gate.admit_plain(greeting)
        return self._account.admit(greeting)

    def _context(self) -> ssl.SSLContext:
        things = self._account.things
        hosts = dict.fromkeys((*SERVER_NAMES, reachable(self._options.listen), self._options.listen))
        identity = things.server_identity(tuple(hosts))
        return server_context(identity.certificate_pem, identity.private_key_pem, things.authority_pem)


class _Ways:
    """The devices' network: Amazon's names and the cloud's own address lead to the cloud, all others nowhere."""

    def __init__(self, servers: Servers, wire: WireNetwork) -> None:
        self._servers = servers
        self._wire = wire
        self.streams = wire.streams

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        return self._wire.mqtt(device, hello, receive)

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:
        return self._wire.foresee(device, request, at_us)

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None]) -> None:
        if request.url.startswith(self._servers.rest_url + "/"):
            self._wire.ask(device, request, receive, self._servers.rest)
        else:
            self._wire.http(device, request, receive)


async def _named(option: str, listening: Awaitable[int]) -> int:
    try:
        return await listening
    except PortError as error:
        raise PortError(error.problem, option) from None
