"""Keys and certificates that real TLS accepts. The handshakes are real, in memory."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sim.cloud.things import Identity, Things
from sim.errors import SpecError

CLOUD = "ambzd54j67b7h-ats.iot.us-west-2.amazonaws.com"


@pytest.fixture(scope="module")
def things() -> Things:
    things = Things()
    things.register("t")
    things.register("u")
    return things


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


# Refusals


@pytest.mark.parametrize("name", ["", "a b", "a/b", "+", "#", "t" * 129, "t\n"])
def test_bad_thing_name(name: str) -> None:
    with pytest.raises(SpecError, match="no thing name"):
        Things().register(name)


# Good ones


def test_longest_name() -> None:
    name = "a:_-" * 32
    assert Things().register(name).thing == name


def test_identity_is_made_once_and_repeats_with_the_seed(things: Things) -> None:
    assert things.register("t") is things.register("t")
    assert things.register("t") == Things().register("t")
    assert things.authority_pem == Things().authority_pem
    assert things.server_identity() == Things().server_identity()
    distinct = {things.register("t"), things.register("u"), Things(seed=1).register("t"), things.server_identity()}
    assert len({it.fingerprint for it in distinct}) == len({it.private_key_pem for it in distinct}) == 4


def test_an_authority_says_whether_its_keys_are_public() -> None:
    def name(seed: int) -> str:
        return x509.load_pem_x509_certificate(Things(seed).authority_pem.encode()).subject.rfc4514_string()

    assert "do not trust" in name(7)
    assert name((1 << 255) + 7) == "CN=qpyota local authority"


def test_a_signing_request_gets_a_certificate_of_the_authority(things: Things) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mine")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = things.sign(request.public_bytes(serialization.Encoding.PEM).decode())
    assert things.issued(pem)
    assert x509.load_pem_x509_certificate(pem.encode()).public_key() == key.public_key()
    assert not Things(seed=1).issued(pem)


def test_private_keys_are_not_shown(things: Things) -> None:
    identity = things.register("t")
    assert "PRIVATE" in identity.private_key_pem
    assert repr(identity) == f"Identity(thing='t', fingerprint='{identity.fingerprint}')"


def test_certificate_says_what_it_is(things: Things) -> None:
    certificate = x509.load_pem_x509_certificate(things.register("t").certificate_pem.encode())
    authority = x509.load_pem_x509_certificate(things.authority_pem.encode())
    certificate.verify_directly_issued_by(authority)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert certificate.subject.rfc4514_string() == "CN=t"
    assert (certificate.not_valid_before_utc.year, certificate.not_valid_after_utc.year) == (2020, 2120)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


# Real TLS


def load(context: ssl.SSLContext, identity: Identity, folder: Path) -> None:
    path = folder / f"{identity.fingerprint}.pem"
    path.write_text(identity.certificate_pem + identity.private_key_pem)
    context.load_cert_chain(path)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str | None) -> bytes | None:
    """Shake hands in memory; the certificate the server saw."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=host),
    ]
    for _ in range(8):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    to_client_error = ends[0].version(), ends[1].version()
    assert None not in to_client_error
    return ends[0].getpeercert(binary_form=True)


def contexts(things: Things, folder: Path, **hosts: list[str]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=things.authority_pem)
    server.verify_mode = ssl.CERT_REQUIRED
    load(server, things.server_identity(**hosts), folder)
    client = ssl.create_default_context(cadata=things.authority_pem)
    for context in (server, client):
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    return server, client


@pytest.mark.parametrize(
    "host", [CLOUD, "qpyota.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com", "localhost", "127.0.0.1"]
)
def test_both_sides_accept_each_other_under_every_default_name(things: Things, tmp_path: Path, host: str) -> None:
    server, client = contexts(things, tmp_path)
    load(client, things.register("t"), tmp_path)
    seen = handshake(server, client, host)
    assert seen == der(things.register("t").certificate_pem)


def test_device_that_neither_verifies_nor_names_the_server(things: Things, tmp_path: Path) -> None:
    server, _ = contexts(things, tmp_path)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    load(client, things.register("t"), tmp_path)
    assert handshake(server, client, None) == der(things.register("t").certificate_pem)


def test_server_under_a_name_it_does_not_have(things: Things, tmp_path: Path) -> None:
    server, client = contexts(things, tmp_path, hosts=["broker.example"])
    load(client, things.register("t"), tmp_path)
    assert handshake(server, client, "broker.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server, client, CLOUD)


def test_server_refuses_a_client_of_another_authority(things: Things, tmp_path: Path) -> None:
    server, client = contexts(things, tmp_path)
    load(client, Things(seed=1).register("t"), tmp_path)
    with pytest.raises(ssl.SSLError):
        handshake(server, client, CLOUD)


def test_server_certificate_is_no_client_certificate(things: Things, tmp_path: Path) -> None:
    server, client = contexts(things, tmp_path)
    load(client, things.server_identity(), tmp_path)
    with pytest.raises(ssl.SSLError):
        handshake(server, client, CLOUD)
