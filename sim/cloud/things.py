"""Keys and certificates: the authority, and what it signs. Which of them count is the registry's to know.

Keys are derived from a seed, so that a device's files are byte for byte the same in every run; whoever knows the seed
knows every key. The seed of a scenario is public; a cloud that is served has a secret one of 256 bits, and says so in
the name of its authority. TLS libraries check validity against the real clock, not ours, hence the fixed and very wide
dates.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sim.errors import SpecError
from sim.jobs.topics import THING_NAME

SERVER_NAMES = (
    "*.iot.us-west-2.amazonaws.com",
    "*.s3.us-west-2.amazonaws.com",
    "s3.us-west-2.amazonaws.com",
    "localhost",
    "127.0.0.1",
)
"""Names the emulated cloud answers to in the default region."""

_DERIVED = (x509.Certificate, ec.EllipticCurvePrivateKey)

PUBLIC_AUTHORITY = "qpyota emulated authority (keys are public, do not trust)"
SECRET_AUTHORITY = "qpyota local authority"
SECRET_SEED_MIN = 1 << 128
"""A seed that somebody chose is smaller; 256 random bits are smaller once in 2^128 draws."""

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_NOT_BEFORE, _NOT_AFTER = datetime(2020, 1, 1), datetime(2120, 1, 1)
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key as PEM texts; `thing` is its common name, `fingerprint` SHA-256 of the DER in hex."""

    thing: str
    certificate_pem: str = field(repr=False)
    private_key_pem: str = field(repr=False)
    fingerprint: str


class Things:
    """The authority, and the identities it made for things. Keys are made when first needed."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._identities: dict[str, Identity] = {}

    def __getstate__(self) -> dict[str, object]:
        """Without what is derived from the seed whenever it is needed."""
        return {name: value for name, value in self.__dict__.items() if not isinstance(value, _DERIVED)}

    def __contains__(self, thing: str) -> bool:
        """Whether this thing's identity was made already."""
        return thing in self._identities

    def made(self, thing: str, fingerprint: str) -> bool:
        """Whether this is the certificate that was made for the thing; "" for any."""
        identity = self._identities.get(thing)
        return identity is not None and fingerprint in ("", identity.fingerprint)

    def register(self, thing: str) -> Identity:
        """The thing's identity; made at the first call, the same ever after. A bad name raises SpecError."""
        if not THING_NAME.fullmatch(thing):
            raise SpecError(f"{thing[:140]!r} is no thing name: 1 to 128 of a-z A-Z 0-9 : _ - are allowed")
        if thing not in self._identities:
            identity = self._issue(f"thing {thing}", thing, ExtendedKeyUsageOID.CLIENT_AUTH, None)
            self._identities[thing] = identity
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
        return _pem(self._sign(signing_request_pem, asked.subject, key, ExtendedKeyUsageOID.CLIENT_AUTH, None))

    @cached_property
    def authority_id(self) -> str:
        """SHA-256 of the authority's certificate, in hex."""
        return self._authority.fingerprint(hashes.SHA256()).hex()

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
        return _pem(self._authority)

    @cached_property
    def _authority(self) -> x509.Certificate:
        name = _name(SECRET_AUTHORITY if self._seed >= SECRET_SEED_MIN else PUBLIC_AUTHORITY)
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
        certificate = self._sign(purpose, _name(common_name), key.public_key(), use, names)
        return Identity(
            thing=common_name,
            certificate_pem=_pem(certificate),
            private_key_pem=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        )

    def _sign(
        self,
        purpose: str,
        subject: x509.Name,
        key: PublicKey,
        use: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
    ) -> x509.Certificate:
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
        return builder.sign(self._authority_key, hashes.SHA256(), ecdsa_deterministic=True)

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


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
