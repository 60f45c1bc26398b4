"""TLS identities: contexts for the cloud's side and the modules' side, from PEM texts.

Rules: TLS 1.2 or newer. The server takes a client certificate of our CA when one is offered and leaves it to
the broker to demand one. Modules do not verify the server, so our clients do not either. A PEM text that
cannot be used is a `TlsFailure`, because a script may hold any text. Contexts are shared by content: one
costs about 21 KiB and a millisecond.
"""

from __future__ import annotations

import ssl
import tempfile
from asyncio import sslproto
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

READ_BUFFER_BYTES = 16 * 1024
"""Read buffer of one TLS connection: one record. asyncio's own 256 KiB would be 2.5 GB for 10,000 devices."""

CONTEXTS = 2048
"""Client contexts kept for re-use, least recently used first to go."""


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """An identity that cannot be used; `reason` says what is wrong with it."""

    reason: str


def server_context(certificate: str, private_key: str, client_ca: str) -> ssl.SSLContext:
    """The cloud's side: its PEM identity, and the CA (PEM) that client certificates must come from."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=client_ca)
    context.num_tickets = 0
    _load_identity(context, certificate, private_key)
    return _common(context)


@lru_cache(maxsize=CONTEXTS)
def client_context(certificate: str = "", private_key: str = "", server_ca: str = "") -> ssl.SSLContext | TlsFailure:
    """A module's side, with its PEM certificate and key unless they are empty.

    `server_ca` (PEM) is what the server's certificate must come from; empty: nothing is checked about the server.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server_ca:
        try:
            context.load_verify_locations(cadata=server_ca)
        except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
            return TlsFailure(f"CA: {exc}")
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate or private_key:
        try:
            _load_identity(context, certificate, private_key)
        except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
            return TlsFailure(f"certificate or private key: {exc}")
    return _common(context)


@lru_cache(maxsize=CONTEXTS)
def check_identity(certificate: str, private_key: str, client_ca: str) -> bytes | TlsFailure:
    """What a handshake would make of a module's identity: the certificate as DER, or why it would fail.

    For the in-process network, where building a context per device would cost more than the device.
    """
    try:
        identity = x509.load_pem_x509_certificate(certificate.encode())
        key = load_pem_private_key(private_key.encode(), password=None)
        if key.public_key() != identity.public_key():
            return TlsFailure("the private key is not the certificate's")
        if client_ca:
            identity.verify_directly_issued_by(x509.load_pem_x509_certificate(client_ca.encode()))
        return identity.public_bytes(Encoding.DER)
    except InvalidSignature:
        return TlsFailure("the certificate was not issued by the cloud's CA")
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        return TlsFailure(f"certificate or private key: {exc}")


def _common(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # asyncio offers no argument for it; every TLS connection of the process gets the small buffer.
    sslproto.SSLProtocol.max_size = READ_BUFFER_BYTES
    return context


def _load_identity(context: ssl.SSLContext, certificate: str, private_key: str) -> None:
    """Python's ssl reads keys from files only: one with mode 0600 that lives for this call."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "identity.pem")
        path.touch(mode=0o600)
        path.write_text(f"{private_key}\n{certificate}\n", encoding="utf-8")
        # The password keeps OpenSSL from asking on the terminal for that of an encrypted key.
        context.load_cert_chain(path, password="")
