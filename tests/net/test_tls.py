"""TLS contexts from PEM texts, good and bad."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from net_stage import free_port

from sim.cloud.broker import AwsBroker
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import EVERYTHING
from sim.net.tls import READ_BUFFER_BYTES, TlsFailure, check_identity, client_context, server_context
from sim.net.wire import Addresses, WireNetwork
from sim.ports import Connack, Hello, HttpResponse

BAD = ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\0", "é" * 100, "\ud800"]


@pytest.mark.parametrize("text", BAD)
def test_a_bad_pem_text_is_a_failure_and_no_traceback(text: str, identity: Any, authority: Any) -> None:
    for certificate, private_key in [(identity.certificate, text), (text, identity.private_key)]:
        assert isinstance(client_context(certificate, private_key), TlsFailure)
        assert isinstance(check_identity(certificate, private_key, authority.pem), TlsFailure)


def test_an_encrypted_key_fails_instead_of_asking_for_its_password(identity: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    assert isinstance(client_context(identity.certificate, pem), TlsFailure)
    assert isinstance(check_identity(identity.certificate, pem, ""), TlsFailure)


def test_an_identity_is_the_certificate_as_der(identity: Any, authority: Any, foreign_authority: Any) -> None:
    pair = (identity.certificate, identity.private_key)
    assert check_identity(*pair, authority.pem) == identity.der
    assert check_identity(*pair, "") == identity.der
    assert isinstance(check_identity(*pair, foreign_authority.pem), TlsFailure)


def test_contexts_are_shared_by_content(identity: Any) -> None:
    assert client_context() is client_context()
    pair = (identity.certificate, identity.private_key)
    assert client_context(*pair) is client_context(*pair)
    assert client_context(*pair) is not client_context()


def test_tls_1_1_is_refused_and_buffers_are_small(identity: Any, authority: Any) -> None:
    server = authority.issue("cloud")
    context = server_context(server.certificate, server.private_key, authority.pem)
    client = client_context()
    assert isinstance(client, ssl.SSLContext)
    assert context.minimum_version == client.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.num_tickets == 0
    assert sslproto.SSLProtocol.max_size == READ_BUFFER_BYTES


def test_the_private_key_leaves_no_file(identity: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client_context.cache_clear()
    assert isinstance(client_context(identity.certificate, identity.private_key), ssl.SSLContext)
    assert isinstance(client_context(identity.certificate, "bad"), TlsFailure)
    assert list(tmp_path.iterdir()) == []


def test_a_client_without_certificate_sends_no_name_and_is_accepted(authority: Any) -> None:
    server = authority.issue("cloud")
    context = server_context(server.certificate, server.private_key, authority.pem)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    client = client_context()

    async def main() -> bytes:
        async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert writer.get_extra_info("ssl_object").getpeercert(binary_form=True) is None
            writer.write(b"hello")
            writer.close()

        port = free_port()
        listener = await asyncio.start_server(accepted, "127.0.0.1", port, ssl=context)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="")
        data = await reader.read()
        writer.close()
        listener.close()
        await listener.wait_closed()
        return data

    assert asyncio.run(main()) == b"hello"
    assert names == [None]


def test_a_handshake_that_never_comes_does_not_hold_up_the_end(authority: Any) -> None:
    server = authority.issue("cloud")
    context = server_context(server.certificate, server.private_key, authority.pem)
    clock = Clock("virtual")
    broker = AwsBroker(lambda _: None, admit=lambda _: EVERYTHING)

    async def main() -> float:
        port = await broker.start("127.0.0.1", free_port(), tls=context)
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(1)
        await broker.stop()
        stopped_s = asyncio.get_running_loop().time()
        writer.close()
        return stopped_s

    assert clock.loop.run_until_complete(main()) < 1.1
    clock.close()


@pytest.mark.parametrize(("names_host", "heard"), [(True, "x.iot.us-west-2.amazonaws.com"), (False, None)])
def test_the_handshake_names_the_server_when_the_client_does(authority: Any, names_host: bool, heard: Any) -> None:
    seen: list[str | None] = []
    server = authority.issue("cloud")
    context = server_context(server.certificate, server.private_key, authority.pem)
    context.sni_callback = lambda _sock, name, _context: seen.append(name)
    clock = Clock("virtual")
    network = WireNetwork(clock, lambda _: None, lambda *_: HttpResponse(200, {}, b""), context)
    broker = AwsBroker(lambda _: None, admit=lambda _: EVERYTHING)
    port = clock.loop.run_until_complete(broker.start("127.0.0.1", free_port(), tls=context))
    network.connect_to(Addresses("127.0.0.1", port, 0, tls=True))
    arrivals: list[Any] = []
    hello = Hello("x.iot.us-west-2.amazonaws.com", 8883, "a", tls=True, names_host=names_host)
    network.mqtt("a", hello, arrivals.append)
    clock.run(1000)
    clock.loop.run_until_complete(network.close())
    clock.loop.run_until_complete(broker.stop())
    clock.close()
    assert seen == [heard]
    assert arrivals == [Connack(0)]
