"""Brokers that refuse, keep silent, ask for a login or for a certificate: what a person is told, and what works."""

import asyncio
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from mosquitto_rig import Mosquitto, free_port
from outside_rig import GET, Device, OutsideDesk

from sim.cloud import outside as service_module
from sim.cloud.things import Things
from sim.errors import MachineError, SpecError
from sim.net.codec import Connack, Connect, Decoder, Publish, Suback, Subscribe, encode
from sim.ports import Closed, Hello, Message
from sim.ports import Connack as Welcome

DOCS = Path(__file__).parents[2] / "docs" / "outside-brokers.md"
USER = "jobs"


def refusal(url, **spec):
    with pytest.raises(MachineError) as caught:
        OutsideDesk(url, **spec)
    return str(caught.value)


def test_a_broker_that_is_not_there_is_named_with_its_port():
    port = free_port()
    text = refusal(f"mqtt://127.0.0.1:{port}")
    assert text == f"the Jobs service cannot join the broker mqtt://127.0.0.1:{port}: nobody listens there"


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(service_module, "PATIENCE_S", 0.3)
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert "it says nothing for 0.3 s; is it an MQTT broker?" in refusal(f"mqtt://127.0.0.1:{port}")


class Scripted:
    """A broker that answers CONNECT and SUBSCRIBE with these codes, in a thread of its own."""

    def __init__(self, connack, suback):
        self.port = free_port()
        self._codes = connack, suback
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _serve(self, reader, writer):
        decoder = Decoder()
        while data := await reader.read(10_000):
            for packet in decoder.feed(data):
                if isinstance(packet, Connect):
                    writer.write(encode(Connack(self._codes[0])))
                elif isinstance(packet, Subscribe):
                    writer.write(encode(Suback(packet.packet_id, (self._codes[1](packet.filters[0][0]),))))
                elif isinstance(packet, Publish):
                    writer.write(encode(Publish(packet.topic + "/accepted", b"{}")))
        writer.close()

    def close(self):
        async def shut():
            self._server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def scripted():
    made = []

    def make(connack=0, suback=lambda _: 0):
        made.append(Scripted(connack, suback))
        return f"mqtt://127.0.0.1:{made[-1].port}"

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("code", "words"), [(5, r"has no right to connect \(CONNACK 5\)"), (4, r"wrong user or password \(CONNACK 4\)")]
)
def test_a_refused_service_says_why(scripted, code, words):
    with pytest.raises(MachineError, match=words):
        OutsideDesk(scripted(connack=code))


def test_a_refused_subscription_of_the_service_is_named(scripted):
    url = scripted(suback=lambda topic: 0x80 if topic.endswith("start-next") else 0)
    assert r"it does not let the service subscribe to $aws/things/+/jobs/start-next" in refusal(url)


def test_a_refused_subscription_of_a_device_makes_the_run_incomplete(scripted):
    desk = OutsideDesk(scripted(suback=lambda topic: 0x80 if "rejected" in topic else 0))
    a = desk.connect("a")
    a.channel.publish(GET, b"{}")
    a.channel.publish("$aws/things/a/jobs/j/get", b"{}")
    desk.until(lambda: a.has(Message) and desk.problems)
    desk.close()
    assert desk.problems == [
        f"the broker does not let a subscribe to {GET}/rejected, so it gets no answers there",
    ]


# -- logins


@pytest.fixture
def guarded(tmp_path):
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), USER, "s3cret"], check=True, capture_output=True)
    made = Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {passwords}").start()
    yield made
    made.stop()


def test_the_password_comes_from_the_environment_and_serves_devices_without_one(guarded, monkeypatch):
    monkeypatch.setenv("BROKER_PASSWORD", "s3cret")
    desk = OutsideDesk(guarded.url, user=USER, password_env="BROKER_PASSWORD")
    a, b = desk.connect("a"), desk.connect("b", user="b", password="wrong")
    a.channel.publish(GET, b"{}")
    desk.until(lambda: a.messages)
    desk.close()
    assert b.arrivals[0] == Welcome(5)


def test_a_wrong_or_missing_password_is_told_without_showing_it(guarded, monkeypatch):
    assert "(CONNACK 5)" in refusal(guarded.url)
    monkeypatch.setenv("BROKER_PASSWORD", "wr0ng")
    text = refusal(guarded.url, user=USER, password_env="BROKER_PASSWORD")
    assert "(CONNACK 5)" in text
    assert "wr0ng" not in text
    monkeypatch.delenv("BROKER_PASSWORD")
    assert "the variable BROKER_PASSWORD is not set" in refusal(guarded.url, user=USER, password_env="BROKER_PASSWORD")


def test_a_password_never_shows_when_a_greeting_is_printed():
    assert "s3cret" not in repr(Hello("h", 1, "c", "user", "s3cret"))


# -- TLS and rights


def block(name):
    """A fenced block of the documentation that begins with this comment."""
    text = DOCS.read_text()
    start = text.index(f"# {name}\n")
    return text[start : text.index("```", start)]


@pytest.fixture
def fortress(tmp_path):
    """Mosquitto as the documentation sets it up: certificates of the scenario's CA, and rights by thing."""
    things = Things(1)
    server = things.server_identity(["127.0.0.1"])
    for name, text in (
        ("ca.pem", things.authority_pem),
        ("server.pem", server.certificate_pem),
        ("server.key", server.private_key_pem),
        ("rights.acl", block("rights.acl")),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    made = Mosquitto(tmp_path, block("mosquitto.conf").replace("/etc/mosquitto/qpyota", str(tmp_path))).start()
    yield made, tmp_path
    made.stop()


def test_with_certificates_and_rights_a_thing_sees_only_its_own_jobs(fortress):
    broker, folder = fortress
    desk = OutsideDesk(f"mqtts://127.0.0.1:{broker.port}", ca=folder / "ca.pem")
    identities = {name: desk.account.things.register(name) for name in ("a", "b", "thief")}

    def connect(name):
        shown = identities[name]
        return desk.connect(name, tls=True, certificate=shown.certificate_pem, private_key=shown.private_key_pem)

    a, thief, nobody = connect("a"), connect("thief"), desk.connect("nobody", tls=True)
    assert nobody.arrivals == [Closed("tls")]
    thief.channel.subscribe(1, "$aws/things/#", 1)
    thief.channel.publish(GET, b"{}")
    a.channel.publish(GET, b"{}")
    desk.until(lambda: a.messages)
    # A ping that comes back has passed everything before it.
    thief.channel.publish("$aws/things/thief/jobs/get", b"{}")
    desk.until(lambda: thief.messages)
    desk.close()
    assert a.messages == [(GET + "/accepted", 0)]
    assert thief.messages == [("$aws/things/thief/jobs/get/rejected", 0)]


def test_a_server_of_another_ca_is_refused(fortress, tmp_path):
    broker, _ = fortress
    (tmp_path / "other.pem").write_text(Things(2).authority_pem)
    text = refusal(f"mqtts://127.0.0.1:{broker.port}", ca=tmp_path / "other.pem")
    assert text.endswith("the TLS handshake failed; check ca, certificate and private_key")


def test_a_certificate_without_its_key_is_the_users_error(fortress):
    broker, folder = fortress
    with pytest.raises(SpecError, match="certificate or private key"):
        OutsideDesk(
            f"mqtts://127.0.0.1:{broker.port}", certificate=folder / "ca.pem", private_key=folder / "server.key"
        )


def test_a_device_whose_identity_cannot_be_used_gets_no_connection(fortress):
    broker, folder = fortress
    desk = OutsideDesk(f"mqtts://127.0.0.1:{broker.port}", ca=folder / "ca.pem")
    device = Device()
    hello = Hello("127.0.0.1", 8883, "a", tls=True, certificate="rubbish", private_key="rubbish")
    desk.network.mqtt("a", hello, device.arrivals.append)
    desk.until(lambda: device.arrivals)
    desk.close()
    assert device.arrivals == [Closed("tls")]
