"""A certificate for a device of one's own: the key is made here, and the cloud signs and registers the rest.

Nothing is written before the cloud has agreed, and nothing that is there is overwritten: a key cannot be had again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from sim.cloud.device_policy import DEVICE_POLICY, device_document
from sim.errors import MachineError, SpecError
from sim.jobs.targets import Arns
from sim.serve.cloud_client import CloudClient, CloudError


@dataclass(frozen=True, slots=True)
class Files:
    """Where the three files go."""

    certificate: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True)
class Made:
    """A registered certificate with its key, PEM, and the name of its policy."""

    arn: str
    policy: str
    certificate: str = field(repr=False)
    key: str = field(repr=False)


def check_free(thing: str, folder: Path) -> Files:
    """The files of a thing in a folder that holds neither its key nor its certificate yet."""
    files = Files(folder / f"{thing}.cert.pem", folder / f"{thing}.key.pem", folder / "ca.pem")
    for path in (files.certificate, files.key):
        if path.exists():
            raise SpecError(f"{path} is there already; take it away, or write into another folder with -o")
    return files


def enrol(client: CloudClient, thing: str, document: str | None) -> Made:
    """The thing if it is not there, a policy with this document (None: the device policy), and a certificate."""
    policy = _policy(client, document)
    _unless_there(client, f"/things/{thing}", {})
    key, request = _key_and_request(thing)
    made = client.iot("POST", "/certificates", {"certificateSigningRequest": request}, query={"setAsActive": "true"})
    arn = str(made["certificateArn"])
    client.iot("PUT", f"/target-policies/{policy}", {"target": arn})
    client.iot("PUT", f"/things/{thing}/principals", headers={"x-amzn-principal": arn})
    return Made(arn, policy, str(made["certificatePem"]), key)


def save(files: Files, made: Made, ca: str) -> None:
    """Write all three; the key for its owner alone."""
    try:
        files.key.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made.key)
        files.certificate.write_text(made.certificate, encoding="ascii")
        files.ca.write_text(ca, encoding="ascii")
    except OSError as error:
        raise MachineError(f"{error.filename} cannot be written: {error.strerror}") from None


def _policy(client: CloudClient, document: str | None) -> str:
    """The name of a policy with this document, which is made when it is not there: one document, one name."""
    if document is None:
        _unless_there(client, f"/policies/{DEVICE_POLICY}", {"policyDocument": device_document(Arns())})
        return DEVICE_POLICY
    name = f"qpyota-{blake2b(document.encode(), digest_size=6).hexdigest()}"
    _unless_there(client, f"/policies/{name}", {"policyDocument": document})
    return name


def _unless_there(client: CloudClient, path: str, body: dict[str, str]) -> None:
    try:
        client.iot("POST", path, body)
    except CloudError as refusal:
        if refusal.name != "ResourceAlreadyExistsException":
            raise


def _key_and_request(thing: str) -> tuple[str, str]:
    """A new P-256 key, and a signing request for it, PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    # X.509 allows 64 characters in a common name; the registry knows whose the certificate is.
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, thing[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pem.decode(), request.public_bytes(serialization.Encoding.PEM).decode()
