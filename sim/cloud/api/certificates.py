"""Control plane: certificates, and the things they belong to."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import (
    ARN,
    CERTIFICATE_ID,
    CERTIFICATE_STATUS,
    MARKER,
    NAME,
    PAGE_SIZE,
    PEM,
    PRINCIPAL_TYPE,
    TOKEN,
    Flag,
    Text,
    header,
    label,
    member,
    query,
)
from sim.cloud.api.things import Answer
from sim.cloud.refusals import invalid
from sim.cloud.registry.certificates import ACTIVE, INACTIVE
from sim.cloud.registry.pages import page
from sim.cloud.registry.records import Certificate
from sim.jobs.documents import JobError

EXCLUSIVE, SHARED = "EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"


def _create_keys(services: Services, ask: Ask) -> Answer:
    certificates = services.registry.certificates
    identity = services.identities.issue(certificates.keys_made + 1)
    made = certificates.add(identity.certificate_pem, _status(ask), ask.now_s, services.identities.authority_id)
    certificates.keys_made += 1
    public = x509.load_pem_x509_certificate(identity.certificate_pem.encode()).public_key()
    public_pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    pair: Answer = {"PublicKey": public_pem, "PrivateKey": identity.private_key_pem}
    return {**_names(services, made), "certificatePem": made.pem, "keyPair": pair}


def _create_from_csr(services: Services, ask: Ask) -> Answer:
    try:
        pem = services.identities.sign(ask.text("certificateSigningRequest"))
    except ValueError as error:
        raise invalid(f"CSR does not contain a valid request: {error}") from None
    made = services.registry.certificates.add(pem, _status(ask), ask.now_s, services.identities.authority_id)
    return {**_names(services, made), "certificatePem": made.pem}


def _register(services: Services, ask: Ask) -> Answer:
    pem = ask.text("certificatePem")
    if not services.identities.issued(pem):
        message = "The CA of this certificate is not registered; use RegisterCertificateWithoutCA"
        raise JobError("CertificateValidationException", message)
    made = services.registry.certificates.add(pem, _brought_status(ask), ask.now_s, services.identities.authority_id)
    return _names(services, made)


def _register_without_ca(services: Services, ask: Ask) -> Answer:
    made = services.registry.certificates.add(ask.text("certificatePem"), _brought_status(ask), ask.now_s)
    return _names(services, made)


def _describe(services: Services, ask: Ask) -> Answer:
    found = services.registry.certificates.get(ask.text("certificateId"))
    described: Answer = {
        **_names(services, found),
        "status": found.status,
        "certificatePem": found.pem,
        "ownedBy": services.registry.arns.account,
        "creationDate": found.created_s,
        "lastModifiedDate": found.modified_s,
        "customerVersion": found.version,
        "generationId": found.certificate_id[:32],
        "validity": {"notBefore": found.valid_from_s, "notAfter": found.valid_until_s},
        "certificateMode": "DEFAULT" if found.ca_id else "SNI_ONLY",
    }
    return {"certificateDescription": described | ({"caCertificateId": found.ca_id} if found.ca_id else {})}


def _update(services: Services, ask: Ask) -> None:
    services.registry.certificates.update(ask.text("certificateId"), ask.text("newStatus"), ask.now_s)


def _delete(services: Services, ask: Ask) -> None:
    services.registry.delete_certificate(ask.text("certificateId"), force=ask.flag("forceDelete"))


def _list(services: Services, ask: Ask) -> Answer:
    by_id = services.registry.certificates.by_id
    found, marker = page(by_id, ask.span())
    rows = [
        {
            **_names(services, by_id[name]),
            "status": by_id[name].status,
            "certificateMode": "DEFAULT" if by_id[name].ca_id else "SNI_ONLY",
            "creationDate": by_id[name].created_s,
        }
        for name in found
    ]
    return {"certificates": rows, "nextMarker": marker}


def _attach(services: Services, ask: Ask) -> None:
    thing = services.registry.things.get(ask.text("thingName"))
    certificate = services.registry.certificate_of(ask.text("x-amzn-principal"))
    exclusive = ask.maybe("thingPrincipalType") == EXCLUSIVE
    services.registry.certificates.attach(certificate.certificate_id, thing.name, exclusive=exclusive)


def _detach(services: Services, ask: Ask) -> None:
    thing = services.registry.things.get(ask.text("thingName"))
    certificate = services.registry.certificate_of(ask.text("x-amzn-principal"))
    services.registry.certificates.detach(certificate.certificate_id, thing.name)


def _of_thing(services: Services, ask: Ask) -> Answer:
    found, token = page(_principals(services, ask), ask.span())
    return {"principals": list(found), "nextToken": token}


def _of_thing_v2(services: Services, ask: Ask) -> Answer:
    kinds = _principals(services, ask)
    found, token = page(kinds, ask.span())
    rows = [{"principal": arn, "thingPrincipalType": kinds[arn]} for arn in found]
    return {"thingPrincipalObjects": list(rows), "nextToken": token}


def _principals(services: Services, ask: Ask) -> dict[str, str]:
    """Principals of a thing, of the wanted type, and the type of each."""
    thing = services.registry.things.get(ask.text("thingName"))
    return {
        services.registry.arns.of("cert", certificate.certificate_id): _kind(exclusive)
        for certificate, exclusive in services.registry.certificates.of_thing(thing.name)
        if ask.maybe("thingPrincipalType") in (None, _kind(exclusive))
    }


def _things(services: Services, ask: Ask) -> Answer:
    found, token = page(_things_of(services, ask), ask.span())
    return {"things": list(found), "nextToken": token}


def _things_v2(services: Services, ask: Ask) -> Answer:
    kinds = _things_of(services, ask)
    found, token = page(kinds, ask.span())
    rows = [{"thingName": name, "thingPrincipalType": kinds[name]} for name in found]
    return {"principalThingObjects": list(rows), "nextToken": token}


def _things_of(services: Services, ask: Ask) -> dict[str, str]:
    certificate = services.registry.certificate_of(ask.text("x-amzn-principal"))
    things = services.registry.certificates.things(certificate.certificate_id)
    wanted = ask.maybe("thingPrincipalType")
    return {name: _kind(exclusive) for name, exclusive in things.items() if wanted in (None, _kind(exclusive))}


def _kind(exclusive: bool) -> str:
    return EXCLUSIVE if exclusive else SHARED


def _names(services: Services, made: Certificate) -> Answer:
    arn = services.registry.arns.of("cert", made.certificate_id)
    return {"certificateArn": arn, "certificateId": made.certificate_id}


def _status(ask: Ask) -> str:
    return ACTIVE if ask.flag("setAsActive") else INACTIVE


def _brought_status(ask: Ask) -> str:
    """The first status of a certificate brought along."""
    status = ask.maybe("status") or _status(ask)
    if status not in (ACTIVE, INACTIVE):
        raise invalid(f"A certificate is registered ACTIVE or INACTIVE, not {status}")
    return status


_ID = label("certificateId", CERTIFICATE_ID)
_THING = label("thingName", NAME)
_PRINCIPAL = header("x-amzn-principal", ARN, required=True)
_PAGE = (query("nextToken", TOKEN), query("maxResults", PAGE_SIZE))
_KIND = query("thingPrincipalType", PRINCIPAL_TYPE)
_ACTIVE = query("setAsActive", Flag())
_BROUGHT = (member("certificatePem", PEM, required=True), member("status", CERTIFICATE_STATUS))

OPERATIONS = (
    Operation("CreateKeysAndCertificate", "POST /keys-and-certificate", _create_keys, (_ACTIVE,)),
    Operation(
        "CreateCertificateFromCsr",
        "POST /certificates",
        _create_from_csr,
        (member("certificateSigningRequest", Text(1, 4096, r"[\s\S]*"), required=True), _ACTIVE),
    ),
    Operation(
        "RegisterCertificate",
        "POST /certificate/register",
        _register,
        (*_BROUGHT, member("caCertificatePem", PEM), _ACTIVE),
    ),
    Operation("RegisterCertificateWithoutCA", "POST /certificate/register-no-ca", _register_without_ca, _BROUGHT),
    Operation("DescribeCertificate", "GET /certificates/{certificateId}", _describe, (_ID,)),
    Operation(
        "UpdateCertificate",
        "PUT /certificates/{certificateId}",
        _update,
        (_ID, query("newStatus", CERTIFICATE_STATUS, required=True)),
    ),
    Operation(
        "DeleteCertificate", "DELETE /certificates/{certificateId}", _delete, (_ID, query("forceDelete", Flag()))
    ),
    Operation(
        "ListCertificates",
        "GET /certificates",
        _list,
        (query("pageSize", PAGE_SIZE), query("marker", MARKER), query("isAscendingOrder", Flag())),
    ),
    Operation("AttachThingPrincipal", "PUT /things/{thingName}/principals", _attach, (_THING, _PRINCIPAL, _KIND)),
    Operation("DetachThingPrincipal", "DELETE /things/{thingName}/principals", _detach, (_THING, _PRINCIPAL)),
    Operation("ListThingPrincipals", "GET /things/{thingName}/principals", _of_thing, (_THING, *_PAGE)),
    Operation("ListThingPrincipalsV2", "GET /things/{thingName}/principals-v2", _of_thing_v2, (_THING, _KIND, *_PAGE)),
    Operation("ListPrincipalThings", "GET /principals/things", _things, (_PRINCIPAL, *_PAGE)),
    Operation("ListPrincipalThingsV2", "GET /principals/things-v2", _things_v2, (_PRINCIPAL, _KIND, *_PAGE)),
)
