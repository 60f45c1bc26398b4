"""Whether a script that was given a CA takes the server: the check that modules make only when they are given one.

The embedded cloud is signed by its own authority. The real roots of Amazon stand for it, because an application that
carries one is meant for this cloud's original; any other authority is a failed handshake, as is a text that is none.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

STANDS_FOR_IT = "Amazon"
"""Organisation in the name of the roots that real endpoints of AWS come from."""


def ca_of(params: Any) -> str:
    """The CA, PEM, in `ssl_params` of a script: under `ca` or `cadata`; "" for none."""
    given = (params or {}).get("ca") or (params or {}).get("cadata") or ""
    return given.decode() if isinstance(given, bytes | bytearray) else str(given)


@lru_cache(maxsize=64)
def takes(ca: str, authority: str) -> bool:
    """Whether a client that trusts `ca` (PEM, one or more) takes a server that `authority` signed; "": not known."""
    try:
        trusted = x509.load_pem_x509_certificates(ca.encode())
        signed_by = x509.load_pem_x509_certificate(authority.encode()) if authority else None
    except ValueError:
        return False
    if signed_by is None:
        return True
    return any(one == signed_by or _is_amazons(one) for one in trusted)


def _is_amazons(certificate: x509.Certificate) -> bool:
    return any(
        name.value == STANDS_FOR_IT for name in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    )
