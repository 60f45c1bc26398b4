"""A real `qpyota up` in a process of its own, and clients of it: signed HTTP, HTTPS and MQTT with a certificate."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sim.cloud import sigv4
from sim.cloud.sigv4 import Canonical, Scope
from sim.net import codec
from sim.serve.data_dir import DataDir, Running

COMMAND = "from sim.cli.main import main; main()"
FIRST_PORT, LAST_PORT = 27_000, 29_999
PATIENCE_S = 60.0

_next_port = FIRST_PORT + os.getpid() % (LAST_PORT - FIRST_PORT)


def free_port() -> int:
    """A port nobody listens on, below the range that the system hands out by itself."""
    global _next_port
    for _ in range(LAST_PORT - FIRST_PORT):
        _next_port = _next_port + 1 if _next_port < LAST_PORT else FIRST_PORT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _next_port))
            except OSError:
                continue
            return _next_port
    raise AssertionError("no free port")


class Up:
    """One data directory, and the process that serves it, if one does."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.data = DataDir(folder / "cloud")
        self._words = [*words, "--data", str(self.data.path)]
        for name in ("port", "tls-port", "mqtt-port"):
            self._words += [f"--{name}", str(free_port())]
        self._log = folder / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the process, and do not wait for anything."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "up", *self._words], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def start(self) -> Running:
        """Start it and wait until it answers."""
        self.launch()
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            running = self.data.running()
            if running is not None and self._process is not None and running.pid == self._process.pid:
                return running
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"it does not answer: {self._log.read_text()}")

    def kill(self) -> None:
        """kill -9, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def end(self) -> int:
        """SIGTERM; its exit code."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_S)

    def __enter__(self) -> Up:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")


class Operator:
    """Signed requests to the REST port, over one connection. OSError or HTTPException when the cloud is gone."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._host = running.rest_url.partition("://")[2]
        self._connection = http.client.HTTPConnection(self._host, timeout=PATIENCE_S)

    def call(self, service: str, method: str, target: str, body: Any = b"", principal: str = "") -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self._signed(service, method, target, raw)
        if principal:
            headers["x-amzn-principal"] = principal
        self._connection.request(method, target, raw, headers)
        response = self._connection.getresponse()
        return Answer(response.status, response.read())

    def iot(self, method: str, target: str, body: Any = b"", principal: str = "") -> Any:
        """A request that has to be accepted."""
        answer = self.call("iot", method, target, body, principal)
        assert answer.status == 200, (target, answer)
        return answer.json

    def close(self) -> None:
        self._connection.close()

    def _signed(self, service: str, method: str, target: str, body: bytes) -> dict[str, str]:
        stamp = sigv4.amz_date(int(time.time()))
        scope = Scope(stamp[:8], self._running.region, service)
        path, _, query = target.partition("?")
        digest = sha256(body).hexdigest()
        headers = {"host": self._host, "x-amz-date": stamp, "x-amz-content-sha256": digest}
        spelled = path if service == "s3" else quote(path, safe="/~")
        canonical = Canonical(method, spelled, sigv4.parse_query(query), headers, digest)
        signature = sigv4.signature(self._running.secret_key, scope, stamp, canonical)
        claim = f"Credential={self._running.access_key}/{scope}, SignedHeaders={';'.join(sorted(headers))}"
        return {**headers, "Authorization": f"{sigv4.ALGORITHM} {claim}, Signature={signature}"}


class Device:
    """A thing outside: its certificate, MQTT and HTTPS with it."""

    def __init__(self, folder: Path, thing: str, made: dict[str, Any]) -> None:
        self.thing = thing
        self._pem = folder / f"{thing}.pem"
        self._pem.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
        self._packet_id = 0

    def context(self, running: Running) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=running.ca_file)
        context.load_cert_chain(self._pem)
        return context

    def https(self, running: Running) -> http.client.HTTPSConnection:
        host = running.tls_url.partition("://")[2]
        return http.client.HTTPSConnection(host, context=self.context(running), timeout=PATIENCE_S)

    def mqtt(self, running: Running) -> Session:
        return Session(self, running)


class Session:
    """One MQTT connection over TLS, blocking. OSError when the cloud is gone."""

    def __init__(self, device: Device, running: Running) -> None:
        plain = socket.create_connection((running.host, running.mqtt_port), PATIENCE_S)
        self._socket: socket.socket = plain
        self._decoder = codec.Decoder(1 << 20)
        self._waiting: list[codec.Packet] = []
        self._packet_id = 0
        self._thing = device.thing
        self.gone = False
        try:
            self._socket = device.context(running).wrap_socket(plain, server_hostname=running.host)
            self._send(codec.Connect(device.thing, keepalive_s=60))
            connack = self._next()
            assert isinstance(connack, codec.Connack), connack
            assert connack.code == 0, connack
        except BaseException:
            self.close()
            raise

    def ask(self, operation: str, body: dict[str, Any]) -> tuple[bool, bool]:
        """A request at QoS 1; (PUBACK came, it was accepted). Waits for both, and tells what came when it ends."""
        self._packet_id += 1
        topic = f"$aws/things/{self._thing}/jobs/{operation}"
        acknowledged = accepted = False
        try:
            self._send(codec.Publish(topic, json.dumps(body).encode(), 1, self._packet_id))
            while not (acknowledged and accepted):
                packet = self._next()
                if isinstance(packet, codec.Puback):
                    acknowledged |= packet.packet_id == self._packet_id
                elif isinstance(packet, codec.Publish):
                    assert not packet.topic.endswith("/rejected"), packet
                    accepted |= packet.topic == f"{topic}/accepted"
        except OSError:
            self.gone = True
        return acknowledged, accepted

    def close(self) -> None:
        self._socket.close()

    def _send(self, packet: codec.Packet) -> None:
        self._socket.sendall(codec.encode(packet))

    def _next(self) -> codec.Packet:
        while not self._waiting:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError("the broker closed")
            self._waiting += self._decoder.feed(data)
        return self._waiting.pop(0)
