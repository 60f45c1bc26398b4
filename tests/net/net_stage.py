"""One stage, three networks: in memory, over TCP and over TLS, all in simulation time."""

from __future__ import annotations

import contextlib
import datetime
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sim.cloud.broker import AwsBroker
from sim.cloud.rest import RestServer
from sim.kernel.clock import Clock
from sim.mqtt.rules import AWS, BrokerRules
from sim.mqtt.switchboard import EVERYTHING, Greeting, Request, Rights
from sim.net.http import Endpoint, fetch, open_session
from sim.net.memory import MemoryNetwork
from sim.net.mqtt import MqttConnection, open_connection
from sim.net.tls import TlsFailure, client_context, server_context
from sim.ports import (
    Arrival,
    Closed,
    Hello,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    Message,
    MqttChannel,
)


@dataclass(frozen=True)
class Identity:
    """A certificate, its private key (PEM) and the certificate as DER."""

    certificate: str
    private_key: str
    der: bytes


class Authority:
    """A CA that issues P-256 certificates."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._certificate = self._sign(self._name, self._key.public_key(), ca=True)
        self.pem = self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, name: str) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), ca=False)
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Identity(
            certificate.public_bytes(Encoding.PEM).decode(), key_pem, certificate.public_bytes(Encoding.DER)
        )

    def _sign(self, subject: x509.Name, key: Any, *, ca: bool) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
            .not_valid_after(datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )


@dataclass
class Client:
    """A device's side of one connection, and what arrived when (µs)."""

    clock: Clock
    channel: MqttChannel = None  # type: ignore[assignment]  # set as soon as the network gave it
    log: list[tuple[int, Arrival]] = field(default_factory=list)

    def receive(self, arrival: Arrival) -> None:
        self.log.append((self.clock.now_us, arrival))

    @property
    def arrivals(self) -> list[Arrival]:
        return [arrival for _, arrival in self.log]

    @property
    def messages(self) -> list[tuple[str, bytes]]:
        """What arrived, without word of who comes and goes."""
        return [(topic, payload) for topic, payload in self.everything if not topic.startswith("$aws/events/")]

    @property
    def everything(self) -> list[tuple[str, bytes]]:
        return [(a.topic, a.payload) for a in self.arrivals if isinstance(a, Message)]

    @property
    def closed(self) -> bool:
        return any(isinstance(a, Closed) for a in self.arrivals)


class Stage:
    """A network with a cloud behind it. `run` lets simulation time pass; 0 settles what is in flight."""

    def __init__(self, kind: str, authority: Authority, rules: BrokerRules = AWS) -> None:
        self.kind = kind
        self.clock = Clock("memory" if kind == "memory" else "virtual")
        self.rules = rules
        self.requests: list[Request] = []
        self.seen: list[Greeting] = []
        self.rights: Rights = EVERYTHING
        self.asked: list[HttpRequest] = []
        self.respond: Callable[[HttpRequest, int], HttpResponse] = lambda *_: HttpResponse(200, {}, b"")
        self._dialled: set[str] = set()
        self._close = contextlib.ExitStack()
        self.cloud: Any
        if kind == "memory":
            self.cloud = self._network = MemoryNetwork(
                self.clock, self._answer, self.requests.append, self._admit, client_ca=authority.pem, rules=rules
            )
        else:
            self._start_wire(authority)

    def connect(self, client_id: str, **options: Any) -> Client:
        """Connect and settle. One that was here before comes a second later, as Amazon wants it."""
        if client_id in self._dialled and self.rules.reconnect_after_s:
            self.run(self.rules.reconnect_after_s)
        client = self.dial(client_id, **options)
        self.run()
        return client

    def dial(self, client_id: str, **options: Any) -> Client:
        self._dialled.add(client_id)
        client = Client(self.clock)
        hello = Hello("x-ats.iot.us-west-2.amazonaws.com", 8883, client_id, tls=True, **options)
        if self.kind == "memory":
            client.channel = self._network.mqtt(client_id, hello, client.receive)
        else:
            client.channel = self._dial_wire(hello, client)
        return client

    def fetch(self, request: HttpRequest) -> HttpResponse | HttpFailure:
        answers: list[HttpResponse | HttpFailure] = []
        if self.kind == "memory":
            self._network.http("a", request, answers.append)
        else:
            task = self.clock.loop.create_task(fetch(request, self._web, self._session))
            task.add_done_callback(lambda done: answers.append(done.result()))
        self.run()
        assert len(answers) == 1
        return answers[0]

    def run(self, seconds: float = 0.001) -> None:
        self.clock.run(self.clock.now_us + round(seconds * 1_000_000))

    def close(self) -> None:
        self._close.close()
        self.clock.close()

    # -- the cloud's side

    def _admit(self, greeting: Greeting) -> Rights | int:
        self.seen.append(greeting)
        return 5 if greeting.password == "wrong" else self.rights

    def _answer(self, request: HttpRequest, now_s: int) -> HttpResponse:
        self.asked.append(request)
        return self.respond(request, now_s)

    # -- sockets

    def _start_wire(self, authority: Authority) -> None:
        tls = None
        if self.kind == "tls":
            server = authority.issue("cloud")
            tls = server_context(server.certificate, server.private_key, authority.pem)
        self.cloud = broker = AwsBroker(self.requests.append, admit=self._admit, rules=self.rules)
        rest = RestServer(self._answer, lambda: self.clock.epoch_s)
        do = self.clock.loop.run_until_complete
        self._port = do(broker.start("127.0.0.1", free_port(), tls=tls))
        port = do(rest.start("127.0.0.1", free_port(), tls=tls))
        plain_client = client_context()
        assert not isinstance(plain_client, TlsFailure)
        self._web = Endpoint("127.0.0.1", port, plain_client if tls else None)

        async def session() -> Any:
            return open_session()

        self._session = do(session())
        self._close.callback(lambda: do(rest.stop()))
        self._close.callback(lambda: do(broker.stop()))
        self._close.callback(lambda: do(self._session.close()))

    def _dial_wire(self, hello: Hello, client: Client) -> MqttConnection:
        context = None
        connection = MqttConnection(hello, client.receive)
        if self.kind == "tls":
            context = client_context(hello.certificate, hello.private_key)
            if isinstance(context, TlsFailure):
                connection.fail("tls")
                return connection
        self._tasks = getattr(self, "_tasks", [])
        dialling = open_connection(connection, "127.0.0.1", self._port, context)
        self._tasks.append(self.clock.loop.create_task(dialling))
        return connection


_next_port = 20_000


def free_port() -> int:
    """A port nobody listens on, below the range that the system hands out by itself."""
    global _next_port
    for _ in range(5000):
        _next_port = _next_port + 1 if _next_port < 29_999 else 20_000
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _next_port))
            except OSError:
                continue
            return _next_port
    raise AssertionError("no free port between 20000 and 30000")


def connection_of(stage: Any, client: Client) -> Any:
    """What the cloud has to give its answers to, from a request that this client makes for it."""
    client.channel.publish("$aws/things/a/jobs/get", b"{}")
    stage.run()
    return stage.requests.pop().connection
