"""`qpyota up --users FILE`: clients of a served cloud that show a password in place of a certificate."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from pathlib import Path

from up_rig import PATIENCE_S, Operator, Up, free_port

from sim.net import codec
from sim.serve.data_dir import Running

USERS = "ann: {thing: meter-1, password: s3cret}\n"
GET = "$aws/things/meter-1/jobs/get"


class Line:
    """One MQTT connection without a certificate; over TLS, or plain to the port for it."""

    def __init__(self, running: Running, *, plain: bool) -> None:
        port = running.plain_mqtt_port if plain else running.mqtt_port
        self._socket: socket.socket = socket.create_connection((running.host, port), PATIENCE_S)
        if not plain:
            trusted = ssl.create_default_context(cafile=running.ca_file)
            self._socket = trusted.wrap_socket(self._socket, server_hostname=running.host)
        self._decoder, self._got = codec.Decoder(1 << 20), list[codec.Packet]()

    def ask(self, packet: codec.Packet) -> codec.Packet:
        """The next packet that comes after this one was sent."""
        self._socket.sendall(codec.encode(packet))
        while not self._got:
            self._got += self._decoder.feed(self._socket.recv(65536))
        return self._got.pop(0)

    def close(self) -> None:
        self._socket.close()


def code(running: Running, plain: bool, client_id: str, user: str | None, password: bytes | None) -> int:
    with closing(Line(running, plain=plain)) as line:
        answer = line.ask(codec.Connect(client_id, user=user, password=password))
        assert isinstance(answer, codec.Connack)
        return answer.code


def test_a_password_lets_in_under_one_name_and_nothing_else_does(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text(USERS)
    words = ("--users", str(users), "--plain-mqtt-port", str(free_port()), "--limits", "relaxed")
    with Up(tmp_path, *words) as up:
        running = up.start()
        with closing(Operator(running)) as operator:
            operator.iot("POST", "/things/meter-1", {})
        for plain in (False, True):
            assert code(running, plain, "meter-1", None, None) == 5
            assert code(running, plain, "meter-1", "ann", b"wrong") == 4
            assert code(running, plain, "meter-1", "bob", b"s3cret") == 4
            assert code(running, plain, "meter-2", "ann", b"s3cret") == 5
            with closing(Line(running, plain=plain)) as line:
                assert line.ask(codec.Connect("meter-1", user="ann", password=b"s3cret")) == codec.Connack(0)
                answer = line.ask(codec.Publish(GET, b"{}"))
                assert isinstance(answer, codec.Publish)
                assert answer.topic == f"{GET}/accepted"
        assert up.end() == 0


def test_a_file_of_users_that_will_not_do_is_told_and_nothing_is_served(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text("ann: {thing: meter-1, password: 12}\n")
    with Up(tmp_path, "--users", str(users)) as up:
        up.launch()
        process = up._process
        assert process is not None
        assert process.wait(PATIENCE_S) == 2
        told = (tmp_path / "up.log").read_text()
    assert "users.yaml:1:33: error: this must be text; put it in quotes" in told
    assert "Traceback" not in told
