"""Who may connect, and what a connection may do: certificate → thing → policies, as the registry has them now.

Rules. With TLS a certificate counts that is registered and ACTIVE; what it may do, connecting included, is what the
policies say that hang on it and on the static groups of its thing. Its thing is the one named like the client id, if
the certificate is attached to it. Without TLS nobody can show a certificate: a client is the thing of its name and has
that thing's policies, or the device policy when the thing has no certificate at all. Where passwords are set, a client
without a certificate needs one. Every operation asks again, so that a change of the registry counts at once.

Topics outside `$` are free for the devices of this cloud, unless a policy denies them: their scripts were written for a
policy that we do not know. Whoever has a certificate of another origin has what its policies say and no more.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from sim.cloud.device_policy import DEVICE_POLICY, device_document
from sim.cloud.policy import Asker, Verdict, decide
from sim.cloud.registry.registry import Registry
from sim.cloud.things import Things
from sim.jobs.topics import THING_NAME
from sim.mqtt.switchboard import Greeting, Rights
from sim.records import record

BAD_PASSWORD, NOT_AUTHORISED = 4, 5
"""MQTT 3.1.1 CONNACK codes."""
ITSELF = "\0"
"""Stands for a thing's own name; it is in no topic, filter or name of a thing."""
ANSWERS_MAX = 8192
"""Answers kept until the registry changes; a fleet's usual topics of a thousand devices, about 3 MB."""


@dataclass(frozen=True, slots=True)
class Login:
    """A password, and the thing that a client is which knows it."""

    thing: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Papers:
    """What is the same in all that one client asks: policies, who it is to them, whether this cloud knows it."""

    documents: list[str]
    asker: Asker
    own: bool


@record
class _Client:
    """Who a connection is: a client id, and the certificate (id) or else the thing that it could prove to be; and its
    rights at the `gate`."""

    gate: Gate = field(repr=False, compare=False)
    client_id: str
    certificate_id: str = ""
    thing: str = ""

    def publish(self, topic: str) -> bool:
        return self.gate.allows(self, "iot:Publish", "topic", topic)

    def retain(self, topic: str) -> bool:
        return self.gate.allows(self, "iot:RetainPublish", "topic", topic)

    def subscribe(self, topic_filter: str) -> bool:
        return self.gate.allows(self, "iot:Subscribe", "topicfilter", topic_filter)

    def receive(self, topic: str) -> bool:
        return self.gate.allows(self, "iot:Receive", "topic", topic)


class Gate:
    """The gate of one account. `logins`: by user name; none: passwords do not count."""

    def __init__(self, registry: Registry, devices: Things) -> None:
        self.logins: Mapping[str, Login] = {}
        self.guard(registry, devices)

    def guard(self, registry: Registry, devices: Things) -> None:
        """Go by this registry from now on; `devices` knows which certificates this cloud made for its own."""
        self._registry = registry
        # Whatever could change what a client may do grows one of their revisions.
        self._parts = registry.things, registry.groups, registry.certificates, registry.policies
        self._devices = devices
        self._revision = -1
        self._answers: dict[tuple[_Client, str, str, str], bool] = {}
        self._usually: dict[tuple[str, str, str], bool] = {}  # action, kind and name, of a thing that is ITSELF
        self._papers: dict[_Client, _Papers | None] = {}
        self._plain = False

    def admit(self, greeting: Greeting) -> Rights | int:
        """The rights of a client that came over TLS, or the CONNACK code that refuses it."""
        if greeting.certificate is not None:
            return self._enter(_Client(self, greeting.client_id, sha256(greeting.certificate).hexdigest()))
        if greeting.holder:
            return self._enter(self._holder(greeting.client_id, greeting.holder))
        return self._by_password(greeting) if self.logins else NOT_AUTHORISED

    def admit_plain(self, greeting: Greeting) -> Rights | int:
        """The same for a client that came without TLS."""
        if self.logins:
            return self._by_password(greeting)
        name = greeting.client_id
        return self._enter(_Client(self, name, thing=name if THING_NAME.fullmatch(name) else ""))

    def permits(self, certificate: bytes, thing: str, action: str, resource: str) -> bool:
        """Whether whoever shows this certificate (DER) in HTTPS may do `action` on `resource`, kind and name.

        HTTPS has no client id; `thing` is the one the request is about, or "" for the only one the certificate has.
        """
        certificate_id = sha256(certificate).hexdigest()
        if not thing and certificate_id in self._registry.certificates.by_id:
            things = list(self._registry.certificates.things(certificate_id))
            thing = things[0] if len(things) == 1 else ""
        kind, _, name = resource.partition("/")
        return self.allows(_Client(self, thing, certificate_id), action, kind, name)

    def allows(self, client: _Client, action: str, kind: str, name: str) -> bool:
        """Whether a client may do it to the resource of this kind and name, by the registry as it is now."""
        things, groups, certificates, policies = self._parts
        if self._revision != things.revision + groups.revision + certificates.revision + policies.revision:
            self._begin_anew()
        thing = client.thing
        if self._plain and thing and thing == client.client_id:
            answer = self._usually.get((action, kind, name.replace(thing, ITSELF)))
            if answer is not None:
                return answer
        return self._find(client, action, kind, name)

    def _find(self, client: _Client, action: str, kind: str, name: str) -> bool:
        """While there is nothing but the device policy, which treats all things alike, an answer is found once for a
        fleet. A thing's name that is in a resource's once stands for itself and not for a part of the policy."""
        if len(self._answers) + len(self._usually) >= ANSWERS_MAX:
            self._begin_anew()
        thing = client.thing
        if self._plain and thing and thing == client.client_id and name.count(thing) == 1 and ITSELF not in name:
            usual = action, kind, name.replace(thing, ITSELF)
            answer = self._usually[usual] = self._decide(client, action, kind, name)
            return answer
        question = client, action, kind, name
        known = self._answers.get(question)
        if known is None:
            known = self._answers[question] = self._decide(client, action, kind, name)
        return known

    def _begin_anew(self) -> None:
        """The registry is another, or there are too many answers."""
        self._revision = sum(part.revision for part in self._parts)
        self._answers.clear()
        self._usually.clear()
        self._papers.clear()
        self._plain = not self._registry.certificates.by_id and not self._registry.policies.attached

    def _enter(self, client: _Client) -> Rights | int:
        if not self.allows(client, "iot:Connect", "client", client.client_id):
            return NOT_AUTHORISED
        return client

    def _holder(self, client_id: str, thing: str) -> _Client:
        """A client that has the papers this cloud makes for a thing, made already or not."""
        if thing in self._devices:
            return _Client(self, client_id, self._devices.register(thing).fingerprint)
        return _Client(self, client_id, thing=thing if thing == client_id else "")

    def _by_password(self, greeting: Greeting) -> Rights | int:
        if greeting.user is None:
            return NOT_AUTHORISED
        login = self.logins.get(greeting.user)
        given, wanted = greeting.password or "", login.password if login else ""
        same = hmac.compare_digest(_digest(given), _digest(wanted))
        if login is None or not same:
            return BAD_PASSWORD
        return self._enter(
            _Client(self, greeting.client_id, thing=login.thing if login.thing == greeting.client_id else "")
        )

    def _decide(self, client: _Client, action: str, kind: str, name: str) -> bool:
        if client not in self._papers:
            self._papers[client] = self._look_up(client)
        papers = self._papers[client]
        if papers is None:
            return False
        verdict = decide(papers.documents, papers.asker, action, self._registry.arns.of(kind, name))
        if verdict is Verdict.SILENT and kind in ("topic", "topicfilter"):
            return papers.own and not name.startswith("$")
        return verdict is Verdict.ALLOWED

    def _look_up(self, client: _Client) -> _Papers | None:
        """None for a certificate that does not count."""
        certificates = self._registry.certificates
        if client.certificate_id:
            if not certificates.counts(client.certificate_id):
                return None
            attached = client.client_id in certificates.things(client.certificate_id)
            thing = client.client_id if attached else ""
            held = [client.certificate_id]
        else:
            thing = client.thing
            held = [certificate.certificate_id for certificate, _ in certificates.of_thing(thing)]
        documents = self._registry.documents_for(held, thing)
        if not held:
            documents.append(self._device_document())
        own = not held or self._devices.made(thing, client.certificate_id)
        return _Papers(documents, self._asker(client, thing), own)

    def _device_document(self) -> str:
        policies = self._registry.policies
        if DEVICE_POLICY in policies.by_name:
            return policies.document(DEVICE_POLICY)
        return device_document(self._registry.arns)

    def _asker(self, client: _Client, thing: str) -> Asker:
        record = self._registry.things.by_name.get(thing)
        certificate = self._registry.certificates.by_id.get(client.certificate_id)
        return Asker(
            client.client_id,
            thing,
            "" if record is None else record.type_name,
            {} if record is None else record.attributes,
            "" if certificate is None else certificate.common_name,
        )


def _digest(password: str) -> bytes:
    return sha256(password.encode(errors="replace")).digest()
