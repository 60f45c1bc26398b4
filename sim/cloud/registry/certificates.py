"""Certificates of an account: which there are, which count, and which things they belong to.

Made here, from a signing request, or brought along. A key pair made here is on the P-256 curve and derived, not drawn,
so that runs repeat (Amazon draws RSA). An active certificate cannot be deleted, nor one a thing still has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from sim.cloud.refusals import delete_conflict, invalid, not_found
from sim.cloud.registry.records import Certificate
from sim.jobs.documents import JobError

ACTIVE, INACTIVE, REVOKED = "ACTIVE", "INACTIVE", "REVOKED"


class Certificates:
    """All certificates by id, and the things each is attached to. `keys_made`: key pairs made here so far.

    `revision` grows with every change.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.by_id: dict[str, Certificate] = {}
        self.keys_made = 0
        self._things: dict[str, dict[str, bool]] = {}
        self._of_thing: dict[str, dict[str, None]] = {}

    def get(self, certificate_id: str) -> Certificate:
        """The certificate; JobError when there is none."""
        found = self.by_id.get(certificate_id.lower())
        if found is None:
            raise not_found("Certificate", certificate_id)
        return found

    def counts(self, certificate_id: str) -> bool:
        """Whether there is such a certificate, and it is active."""
        found = self.by_id.get(certificate_id)
        return found is not None and found.status == ACTIVE

    def add(self, pem: str, status: str, now_s: int, ca_id: str = "") -> Certificate:
        """Take a certificate in; it must not be there yet. PEM that cannot be read is refused."""
        read = _read(pem)
        certificate_id = sha256(read.public_bytes(serialization.Encoding.DER)).hexdigest()
        if certificate_id in self.by_id:
            message = f"Certificate {certificate_id} already exists in your account"
            raise JobError("ResourceAlreadyExistsException", message)
        made = Certificate(
            certificate_id=certificate_id,
            pem=pem,
            status=status,
            created_s=now_s,
            modified_s=now_s,
            valid_from_s=int(read.not_valid_before_utc.timestamp()),
            valid_until_s=int(read.not_valid_after_utc.timestamp()),
            ca_id=ca_id,
            common_name=_common_name(read),
        )
        self.by_id[certificate_id] = made
        self.revision += 1
        return made

    def update(self, certificate_id: str, status: str, now_s: int) -> None:
        """UpdateCertificate."""
        old = self.get(certificate_id)
        if status not in (ACTIVE, INACTIVE, REVOKED):
            raise invalid(f"A certificate cannot be set to {status}; use ACTIVE, INACTIVE or REVOKED")
        self.by_id[old.certificate_id] = replace(old, status=status, modified_s=now_s, version=old.version + 1)
        self.revision += 1

    def check_deletion(self, certificate_id: str) -> Certificate:
        """Refuse what DeleteCertificate would refuse, policies apart."""
        old = self.get(certificate_id)
        if old.status == ACTIVE:
            message = f"Certificate must be deactivated (not ACTIVE) before deletion (id={certificate_id})"
            raise JobError("CertificateStateException", message)
        if self._things.get(old.certificate_id):
            raise delete_conflict(f"Things must be detached before deletion (certificate id={certificate_id})")
        return old

    def delete(self, certificate_id: str) -> None:
        """DeleteCertificate, once nothing hangs on it."""
        old = self.check_deletion(certificate_id)
        del self.by_id[old.certificate_id]
        self._things.pop(old.certificate_id, None)
        self.revision += 1

    def attach(self, certificate_id: str, thing: str, *, exclusive: bool) -> None:
        """AttachThingPrincipal, repeatable. An exclusive certificate has one thing, and that thing no other."""
        certificate_id = self.get(certificate_id).certificate_id
        mine = self._things.get(certificate_id, {})
        others = [(name, alone) for name, alone in mine.items() if name != thing]
        if others and (exclusive or any(alone for _, alone in others)):
            raise invalid(f"Certificate {certificate_id} is attached to thing {others[0][0]} already")
        self._things.setdefault(certificate_id, {})[thing] = exclusive
        self._of_thing.setdefault(thing, {})[certificate_id] = None
        self.revision += 1

    def detach(self, certificate_id: str, thing: str) -> None:
        """DetachThingPrincipal; one that is not attached is as good as detached."""
        certificate_id = self.get(certificate_id).certificate_id
        self._things.get(certificate_id, {}).pop(thing, None)
        self._of_thing.get(thing, {}).pop(certificate_id, None)
        self.revision += 1

    def things(self, certificate_id: str) -> dict[str, bool]:
        """Things of a certificate, and whether it is theirs exclusively."""
        return dict(self._things.get(self.get(certificate_id).certificate_id, {}))

    def of_thing(self, thing: str) -> Iterator[tuple[Certificate, bool]]:
        """Certificates of a thing, and whether each is its exclusively."""
        for certificate_id in self._of_thing.get(thing, {}):
            yield self.by_id[certificate_id], self._things[certificate_id][thing]


def _common_name(read: x509.Certificate) -> str:
    """The first common name of the subject, "" for none."""
    names = read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _read(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise JobError("CertificateValidationException", "The certificate is not a PEM certificate") from None
