"""Identities: which certificate belongs to which thing, and who may connect.

With mutual TLS a client must present a certificate made here and may connect only as the thing it belongs to
(client id = thing name). Keys are derived from a seed, so that a device's files are byte for byte the same in every
run; whoever knows the seed knows every key, so the authority must never enter a real trust store. TLS libraries
check validity against the real clock, not ours, hence the fixed and very wide dates.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b, sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sim.errors import SpecError
from sim.jobs.topics import THING_NAME

ACCEPTED, NOT_AUTHORISED = 0, 5
"""MQTT 3.1.1 CONNACK codes."""

SERVER_NAMES = (
    "*.iot.us-west-2.amazonaws.com",
    "*.s3.us-west-2.amazonaws.com",
    "s3.us-west-2.amazonaws.com",
    "localhost",
    "127.0.0.1",
)
"""Names the emulated cloud answers to in the default region."""

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_NOT_BEFORE, _NOT_AFTER = datetime(2020, 1, 1), datetime(2120, 1, 1)
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_PEM_BEGIN, _PEM_END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key as PEM texts; `thing` is its common name, `fingerprint` SHA-256 of the DER in hex."""

    thing: str
    certificate_pem: str = field(repr=False)
    private_key_pem: str = field(repr=False)
    fingerprint: str


class Things:
    """The registry of things with certificates, and the authority that signs them. Keys are made when first needed."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._identities: dict[str, Identity] = {}
        self._owners: dict[str, str] = {}

    def register(self, thing: str) -> Identity:
        """The thing's identity; made at the first call, the same ever after. A bad name raises SpecError."""
        if not THING_NAME.fullmatch(thing):
            raise SpecError(f"{thing[:140]!r} is no thing name: 1 to 128 of a-z A-Z 0-9 : _ - are allowed")
        if thing not in self._identities:
            identity = self._issue(f"thing {thing}", thing, ExtendedKeyUsageOID.CLIENT_AUTH, None)
            self._identities[thing] = identity
            self._owners[identity.fingerprint] = thing
        return self._identities[thing]

    def server_identity(self, hosts: Sequence[str] = SERVER_NAMES) -> Identity:
        """A server certificate for host names (a leading `*.` is allowed) and addresses; the first names it."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        purpose = f"server {' '.join(hosts)}"
        return self._issue(purpose, hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, names)

    def issue(self, number: int) -> Identity:
        """A client certificate of no thing, the `number`-th of this account."""
        return self._issue(f"certificate {number}", "AWS IoT Certificate", ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def sign(self, signing_request_pem: str) -> str:
        """The client certificate, PEM, for a signing request; ValueError when it cannot be read or is not genuine."""
        asked = x509.load_pem_x509_csr(signing_request_pem.encode())
        if not asked.is_signature_valid:
            raise ValueError("the signing request is not signed by its own key")
        key = asked.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise ValueError("the signing request has neither an EC nor an RSA key")
        return self._sign(signing_request_pem, asked.subject, key, ExtendedKeyUsageOID.CLIENT_AUTH, None)

    @cached_property
    def authority_id(self) -> str:
        """SHA-256 of the authority's certificate, in hex."""
        return sha256(self._authority.public_bytes(serialization.Encoding.DER)).hexdigest()

    def issued(self, certificate_pem: str) -> bool:
        """Whether the authority signed this certificate."""
        try:
            x509.load_pem_x509_certificate(certificate_pem.encode()).verify_directly_issued_by(self._authority)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    @cached_property
    def authority_pem(self) -> str:
        """The certificate of the authority, for whoever verifies either side."""
        return self._authority.public_bytes(serialization.Encoding.PEM).decode()

    def thing_of(self, certificate: str | bytes) -> str | None:
        """The thing a presented certificate (PEM or DER) belongs to; None for anything we did not issue."""
        der = _der(certificate)
        return None if der is None else self._owners.get(sha256(der).hexdigest())

    def authorise(self, client_id: str, certificate: str | bytes | None) -> int:
        """CONNACK code for a mutual TLS client: 0 for a thing under its own name, else 5."""
        thing = None if certificate is None else self.thing_of(certificate)
        return ACCEPTED if thing is not None and thing == client_id else NOT_AUTHORISED

    @cached_property
    def _authority(self) -> x509.Certificate:
        name = _name("qpyota emulated authority (keys are public, do not trust)")
        usage = _key_usage(signs_certificates=True)
        builder = (
            self._builder("authority", name, name, self._authority_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        return builder.sign(self._authority_key, hashes.SHA256(), ecdsa_deterministic=True)

    @cached_property
    def _authority_key(self) -> ec.EllipticCurvePrivateKey:
        return self._key("authority")

    def _issue(
        self,
        purpose: str,
        common_name: str,
        use: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
    ) -> Identity:
        key = self._key(purpose)
        pem = self._sign(purpose, _name(common_name), key.public_key(), use, names)
        return Identity(
            thing=common_name,
            certificate_pem=pem,
            private_key_pem=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            fingerprint=sha256(_der(pem) or b"").hexdigest(),
        )

    def _sign(
        self,
        purpose: str,
        subject: x509.Name,
        key: PublicKey,
        use: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
    ) -> str:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority_key.public_key())
        builder = (
            self._builder(purpose, subject, self._authority.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(issuer, critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._authority_key, hashes.SHA256(), ecdsa_deterministic=True)
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(self, purpose: str, subject: x509.Name, issuer: x509.Name, key: PublicKey) -> x509.CertificateBuilder:
        serial = int.from_bytes(self._material(f"serial of {purpose}")[:16], "big") >> 1 or 1
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(_NOT_BEFORE)
            .not_valid_after(_NOT_AFTER)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _key(self, purpose: str) -> ec.EllipticCurvePrivateKey:
        number = int.from_bytes(self._material(f"key of {purpose}"), "big")
        return ec.derive_private_key(1 + number % (_P256_ORDER - 1), ec.SECP256R1())

    def _material(self, purpose: str) -> bytes:
        return blake2b(f"qpyota things\x1f{self._seed}\x1f{purpose}".encode(), digest_size=64).digest()


def _name(common_name: str) -> x509.Name:
    # X.509 allows 64 characters in a common name; the identity is the certificate itself, so a cut is harmless.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _der(certificate: str | bytes) -> bytes | None:
    """The DER of a certificate in either form; PEM may have text around it. None when it is neither."""
    raw = certificate.encode(errors="replace") if isinstance(certificate, str) else certificate
    if _PEM_BEGIN not in raw:
        return raw
    body = raw.partition(_PEM_BEGIN)[2].partition(_PEM_END)[0]
    try:
        return b64decode(body)
    except ValueError:
        return None
