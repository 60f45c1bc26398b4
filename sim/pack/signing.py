"""Keys that sign and check packages (Ed25519).

The development key is made from a constant that everybody can read: it proves nothing and is NOT secret. It
makes packages reproducible and lets a checkout work at once; a user who wants more passes an own PEM.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sim.errors import SpecError

DEVELOPMENT_KEY = Ed25519PrivateKey.from_private_bytes(sha256(b"qpyota development key, not secret").digest())
DEVELOPMENT_PUBLIC_KEY = DEVELOPMENT_KEY.public_key()


def load_private_key(pem: bytes) -> Ed25519PrivateKey:
    """An Ed25519 key from an unencrypted PKCS#8 PEM; SpecError when it is anything else."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as reason:
        raise SpecError(f"not a usable private key: {reason}; make one with `imgtool keygen -t ed25519`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SpecError("packages are signed with Ed25519; make a key with `imgtool keygen -t ed25519`")
    return key


def load_public_key(pem: bytes) -> Ed25519PublicKey:
    """An Ed25519 key from a SubjectPublicKeyInfo PEM; SpecError when it is anything else."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as reason:
        raise SpecError(f"not a usable public key: {reason}; make one with `imgtool getpub -e pem`") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SpecError("packages are signed with Ed25519; this is another kind of public key")
    return key


def key_hash(key: Ed25519PublicKey) -> bytes:
    """The 32-byte name of a key: SHA-256 of its DER form, as MCUboot names keys."""
    return _key_hash(key.public_bytes_raw())


@lru_cache(maxsize=64)
def _key_hash(raw: bytes) -> bytes:
    key = Ed25519PublicKey.from_public_bytes(raw)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).digest()


def signed_by(key: Ed25519PublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether `signature` over `digest` was made by `key`'s owner."""
    return _signed_by(key.public_bytes_raw(), signature, digest)


@lru_cache(maxsize=64)
def _signed_by(key: bytes, signature: bytes, digest: bytes) -> bool:
    # A fleet checks one package many times; the answer depends on nothing but these three values.
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, digest)
    except InvalidSignature:
        return False
    return True
