"""Who may connect, and certificates that real TLS accepts. The handshakes are real, in memory."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_client_without_certificate(things: Things) -> None:
    assert things.authorise("t", None) == 5


def test_client_under_another_name(things: Things) -> None:
    certificate = things.register("t").certificate_pem
    assert [things.authorise(name, certificate) for name in ("u", "T", "", "t ")] == [5, 5, 5, 5]


def test_certificate_of_another_authority_even_for_the_same_name(things: Things) -> None:
    stranger = Things(seed=1).register("t").certificate_pem
    assert things.thing_of(stranger) is None
    assert things.authorise("t", stranger) == 5


def test_certificates_of_ours_that_belong_to_no_thing(things: Things) -> None:
    for pem in (things.authority_pem, things.server_identity().certificate_pem):
        assert things.thing_of(pem) is None


def test_thing_that_was_not_registered_here() -> None:
    fresh, same_seed = Things(), Things()
    certificate = same_seed.register("t").certificate_pem
    assert fresh.thing_of(certificate) is None
    fresh.register("t")
    assert fresh.thing_of(certificate) == "t"


@pytest.mark.parametrize(
    "junk",
    [
        "",
        b"",
        "junk",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----",
        "\ud800",
    ],
)
def test_junk_instead_of_a_certificate(things: Things, junk: str | bytes) -> None:
    assert things.thing_of(junk) is None
    assert things.authorise("t", junk) == 5


@settings(max_examples=50)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_certificate_with_any_bit_changed(at: int, bit: int) -> None:
    raw = bytearray(der(_ISSUED.certificate_pem))
    raw[at % len(raw)] ^= 1 << bit
    assert _ISSUER.thing_of(bytes(raw)) is None


_ISSUER = Things()
_ISSUED = _ISSUER.register("t")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "+", "#", "t" * 129, "t\n"])
def test_bad_thing_name(name: str) -> None:
    with pytest.raises(SpecError, match="no thing name"):
        Things().register(name)


# Good ones


def test_thing_is_known_by_its_certificate_in_every_form(things: Things) -> None:
    identity = things.register("t")
    pem = identity.certificate_pem
    for form in (pem, pem.encode(), der(pem), f"\n# note\n{pem}\nmore", pem.replace("\n", "\r\n")):
        assert things.thing_of(form) == "t"
        assert things.authorise("t", form) == 0


def test_longest_name() -> None:
    things, name = Things(), "a:_-" * 32
    assert things.authorise(name, things.register(name).certificate_pem) == 0


def test_identity_is_made_once_and_repeats_with_the_seed(things: Things) -> None:
    assert things.register("t") is things.register("t")
    assert things.register("t") == Things().register("t")
    assert things.authority_pem == Things().authority_pem
    assert things.server_identity() == Things().server_identity()
    distinct = {things.register("t"), things.register("u"), Things(seed=1).register("t"), things.server_identity()}
    assert len({it.fingerprint for it in distinct}) == len({it.private_key_pem for it in distinct}) == 4


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
    assert seen is not None
    assert things.authorise("t", seen) == 0


def test_device_that_neither_verifies_nor_names_the_server(things: Things, tmp_path: Path) -> None:
    server, _ = contexts(things, tmp_path)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    load(client, things.register("t"), tmp_path)
    assert things.thing_of(handshake(server, client, None) or b"") == "t"


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
