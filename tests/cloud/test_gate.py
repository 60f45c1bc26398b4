"""Who is let in and what a connection may do, asked of the gate itself. The registry decides, as it is now."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_rig import ARN, der, policy

from sim.cloud.account import Account
from sim.cloud.device_policy import DEVICE_POLICY
from sim.cloud.gate import Gate, Login
from sim.cloud.registry.records import Group
from sim.cloud.things import Things
from sim.jobs.documents import JobError
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import Greeting, Rights
from sim.trace import Trace

OWN = "$aws/things/t/jobs/"


@pytest.fixture
def account() -> Iterator[Account]:
    clock = Clock("memory")
    made = Account(clock, Trace(clock), seed=0)
    made.register("t", "leaf")
    made.register("u")
    yield made
    clock.close()


def rights(outcome: Rights | int) -> Rights:
    assert not isinstance(outcome, int), outcome
    return outcome


def enter(account: Account, client_id: str = "t") -> Rights | int:
    return account.admit(Greeting(client_id, certificate=der(account.issue("t"))))


def arn(account: Account) -> str:
    return f"{ARN}cert/{account.issue('t').fingerprint}"


# Who is refused


def test_without_a_certificate_nobody_is_let_in(account: Account) -> None:
    assert account.admit(Greeting("t")) == 5


@pytest.mark.parametrize("name", ["u", "T", "", "t ", "t/x", "*", "${iot:Connection.Thing.ThingName}", "none"])
def test_a_device_is_let_in_under_its_own_name_only(account: Account, name: str) -> None:
    assert enter(account, name) == 5


@pytest.mark.parametrize("junk", [b"", b"junk"])
def test_what_is_no_certificate_of_the_registry_counts_for_nothing(account: Account, junk: bytes) -> None:
    for certificate in (junk, der(Things(seed=1).register("t")), der(Things(seed=0).server_identity())):
        assert account.admit(Greeting("t", certificate=certificate)) == 5


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_that_does_not_count_any_more_ends_what_its_connection_may(account: Account, status: str) -> None:
    inside = rights(enter(account))
    assert inside.publish(OWN + "get")
    account.registry.certificates.update(account.issue("t").fingerprint, status, 0)
    assert enter(account) == 5
    assert not any((inside.publish(OWN + "get"), inside.publish("free"), inside.subscribe("free"), inside.receive("f")))


def test_a_certificate_without_a_policy_or_a_thing_opens_nothing(account: Account) -> None:
    assert not isinstance(enter(account), int)
    account.registry.policies.detach(DEVICE_POLICY, arn(account))
    assert enter(account) == 5
    account.registry.policies.attach(DEVICE_POLICY, arn(account))
    account.registry.certificates.detach(account.issue("t").fingerprint, "t")
    assert enter(account) == 5


# What the device policy allows


@pytest.mark.parametrize(
    ("topic", "may"),
    [
        (OWN + "get", True),
        (OWN + "j/update", True),
        (OWN + "notify-next", True),
        (OWN + "#", True),
        ("$aws/things/u/jobs/get", False),
        ("$aws/things/u/jobs/notify", False),
        ("$aws/things/+/jobs/#", False),
        ("$aws/things/#", False),
        ("$aws/things/t/#", False),
        ("$aws/things/t/shadow/get", False),
        ("$aws/things/t2/jobs/get", False),
        ("$aws/events/presence/connected/t", False),
        ("$aws/#", False),
        ("$share/g/$aws/things/u/jobs/#", False),
        ("$SYS/broker", False),
    ],
)
def test_a_device_uses_its_own_jobs_topics_and_no_others(account: Account, topic: str, may: bool) -> None:
    inside = rights(enter(account))
    assert (inside.publish(topic), inside.subscribe(topic), inside.receive(topic)) == (may, may, may)


FREE = ("plant/t", "plant/#", "#", "+/x")


def test_topics_outside_the_reserved_ones_are_free_for_a_device_of_this_cloud_unless_denied(account: Account) -> None:
    for inside in (rights(enter(account)), rights(account.gate.admit_plain(Greeting("t")))):
        assert all(inside.subscribe(topic) for topic in FREE)
    account.registry.policies.create("quiet", policy(("iot:*", "topic*/plant/*"), effect="Deny"), 0)
    account.registry.policies.attach("quiet", arn(account))
    assert [inside.subscribe(topic) for topic in FREE] == [False, False, True, True]


def test_a_retained_message_takes_a_right_of_its_own(account: Account) -> None:
    inside = rights(enter(account))
    assert inside.retain("plant/t"), "a device of this cloud; nobody said otherwise"
    assert not inside.retain(OWN + "get")
    account.registry.policies.create("no", policy(("iot:RetainPublish", "topic/*"), effect="Deny"), 0)
    account.registry.policies.attach("no", arn(account))
    assert (inside.publish("plant/t"), inside.retain("plant/t")) == (True, False)


def test_whoever_has_another_certificate_has_what_its_policies_say_and_no_more(account: Account) -> None:
    registry, other = account.registry, account.things.issue(1)
    account.issue("t")
    registry.certificates.add(other.certificate_pem, "ACTIVE", 0)
    registry.certificates.attach(other.fingerprint, "t", exclusive=False)
    registry.policies.attach(DEVICE_POLICY, f"{ARN}cert/{other.fingerprint}")
    inside = rights(account.admit(Greeting("t", certificate=der(other))))
    assert inside.publish(OWN + "get")
    assert not any(inside.subscribe(topic) for topic in FREE)


# Policies elsewhere


def test_a_policy_on_a_group_above_the_things_group_counts(account: Account) -> None:
    groups, policies = account.registry.groups, account.registry.policies
    inside = rights(enter(account))
    groups.create(Group("top", "", 0))
    groups.create(Group("below", "", 0, parent="top"))
    groups.add("t", "below")
    policies.create("events", policy(("iot:Subscribe", "topicfilter/$aws/events/*")), 0)
    policies.attach("events", ARN + "thinggroup/top")
    assert inside.subscribe("$aws/events/#")
    groups.remove("t", "below")
    assert not inside.subscribe("$aws/events/#")


def test_a_certificate_of_no_thing_has_what_its_own_policy_says(account: Account) -> None:
    registry, identity = account.registry, account.things.issue(1)
    registry.certificates.add(identity.certificate_pem, "ACTIVE", 0)
    registry.policies.create("watch", policy(("iot:Connect", "client/*"), ("iot:*", "topic*/$aws/*")), 0)
    registry.policies.attach("watch", f"{ARN}cert/{identity.fingerprint}")
    inside = rights(account.admit(Greeting("desk", certificate=der(identity))))
    assert inside.subscribe("$aws/things/+/jobs/#")
    assert inside.receive("$aws/things/u/jobs/notify")


def test_a_changed_attribute_counts_at_once(account: Account) -> None:
    registry = account.registry
    registry.policies.create("site", policy(("iot:Publish", "topic/$site/${iot:Connection.Thing.Attributes[site]}")), 0)
    registry.policies.attach("site", arn(account))
    inside = rights(enter(account))
    may = []
    for site in ("north", "south"):
        registry.things.update("t", None, None, {"site": site}, merge=True)
        may.append([inside.publish("$site/north"), inside.publish("$site/south")])
    assert may == [[True, False], [False, True]]


CHANGES: dict[str, Callable[[Account], object]] = {
    "off": lambda it: it.registry.certificates.update(it.issue("t").fingerprint, "INACTIVE", 0),
    "on": lambda it: it.registry.certificates.update(it.issue("t").fingerprint, "ACTIVE", 0),
    "detach thing": lambda it: it.registry.certificates.detach(it.issue("t").fingerprint, "t"),
    "attach thing": lambda it: it.registry.certificates.attach(it.issue("t").fingerprint, "t", exclusive=False),
    "detach policy": lambda it: it.registry.policies.detach(DEVICE_POLICY, arn(it)),
    "attach policy": lambda it: it.registry.policies.attach(DEVICE_POLICY, arn(it)),
    "make policy": lambda it: it.registry.policies.create("p", policy(("iot:*", "topic*/secret*")), 0),
    "new version": lambda it: it.registry.policies.add_version("p", policy(("iot:*", "x")), 0, default=True),
    "old version": lambda it: it.registry.policies.set_default("p", "1", 0),
    "on group": lambda it: it.registry.policies.attach("p", ARN + "thinggroup/leaf"),
    "off group": lambda it: it.registry.policies.detach("p", ARN + "thinggroup/leaf"),
    "leave": lambda it: it.registry.groups.remove("t", "leaf"),
    "join": lambda it: it.registry.groups.add("t", "leaf"),
    "attribute": lambda it: it.registry.things.update("t", None, None, {"a": "secret"}, merge=True),
    "by attribute": lambda it: it.registry.policies.create(
        "q", policy(("iot:Publish", "topic/$${iot:Connection.Thing.Attributes[a]}")), 0
    ),
    "attach by attribute": lambda it: it.registry.policies.attach("q", arn(it)),
    "delete group": lambda it: it.registry.delete_group("leaf", None, dynamic=False),
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=12))
def test_what_was_answered_before_never_outlives_a_change(changes: list[str]) -> None:
    clock = Clock("memory")
    account = Account(clock, Trace(clock), seed=0)
    account.register("t", "leaf")
    greeting = Greeting("t", certificate=der(account.issue("t")))
    inside = rights(account.admit(greeting))
    for change in changes:
        try:
            CHANGES[change](account)
        except JobError:
            continue
        fresh = Gate(account.registry, account.things).admit(greeting)
        assert isinstance(fresh, int) == isinstance(account.admit(greeting), int)
        if not isinstance(fresh, int):
            for topic in (OWN + "get", "free", "secret", "$secret", "$aws/things/u/jobs/get"):
                assert inside.publish(topic) is fresh.publish(topic), (change, topic)
                assert inside.subscribe(topic) is fresh.subscribe(topic), (change, topic)
    clock.close()


NAMES = ("t", "tt", "to", "jobs", "things", "topic", "get", "T-1", "1")
"""Names of things that are parts of topics, of kinds, and of each other."""
TOPICS = (
    "$aws/things/{}/jobs/get",
    "$aws/things/{}/jobs/{}/get",
    "$aws/things/{}{}/jobs/get",
    "$aws/things/jobs/get",
    "$aws/things/{}",
    "$aws/{}/{}/jobs/get",
    "{}",
    "free/{}",
)


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1]])
def test_a_fleet_is_answered_as_each_client_alone(account: Account, names: tuple[str, ...]) -> None:
    inside = {name: rights(account.gate.admit_plain(Greeting(name))) for name in names}
    for topic, first, second in itertools.product(TOPICS, names, names):
        text = topic.format(first, second)
        for name, its in inside.items():
            may = not text.startswith("$") or text.startswith(f"$aws/things/{name}/jobs/")
            assert [its.publish(text), its.subscribe(text), its.receive(text)] == [may] * 3, (name, text)


def test_who_has_no_name_may_do_nothing_to_what_has_none(account: Account) -> None:
    assert not account.gate.permits(b"unknown", "", "iot:Publish", "topic/")


# Without TLS


@pytest.mark.parametrize("known", [True, False])
def test_a_plain_client_is_the_thing_of_its_name(account: Account, known: bool) -> None:
    name = "t" if known else "stranger"
    inside = rights(account.gate.admit_plain(Greeting(name)))
    assert inside.publish(f"$aws/things/{name}/jobs/get")
    assert inside.subscribe("plant/#")
    assert not inside.publish("$aws/things/u/jobs/get")
    assert not inside.subscribe("$aws/things/+/jobs/#")


@pytest.mark.parametrize("name", ["", "+", "#", "a/b", "*", "$aws"])
def test_a_plain_client_whose_id_no_thing_can_have_is_refused(account: Account, name: str) -> None:
    assert account.gate.admit_plain(Greeting(name)) == 5


def test_a_plain_client_has_its_things_policies_when_the_thing_has_a_certificate(account: Account) -> None:
    account.registry.policies.detach(DEVICE_POLICY, arn(account))
    assert account.gate.admit_plain(Greeting("t")) == 5


@pytest.mark.parametrize("tls", [True, False])
def test_where_passwords_are_set_a_client_without_a_certificate_needs_one(account: Account, tls: bool) -> None:
    account.gate.logins = {"ann": Login("t", "s3cret")}
    admit = account.gate.admit if tls else account.gate.admit_plain
    assert admit(Greeting("t")) == 5
    for user, password in (("ann", "wrong"), ("ann", None), ("ann", ""), ("bob", "s3cret"), ("bob", ""), ("", "")):
        assert admit(Greeting("t", user=user, password=password)) == 4
    assert admit(Greeting("u", user="ann", password="s3cret")) == 5
    inside = rights(admit(Greeting("t", user="ann", password="s3cret")))
    assert inside.publish(OWN + "get")
    assert not inside.publish("$aws/things/u/jobs/get")
    assert not isinstance(enter(account), int), "a certificate needs no password"


def test_under_another_name_a_user_is_not_the_thing(account: Account) -> None:
    registry = account.registry
    registry.policies.create("any name", policy(("iot:Connect", "client/*")), 0)
    registry.policies.attach("any name", arn(account))
    account.gate.logins = {"ann": Login("t", "s3cret")}
    assert account.gate.admit_plain(Greeting("x", user="ann", password="s3cret")) == 5
    account.issue("u")
    assert account.gate.admit_plain(Greeting("u", user="ann", password="s3cret")) == 5


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(Login("t", "s3cret"))


# What it costs


def test_a_thing_has_no_key_before_somebody_needs_one(account: Account) -> None:
    assert account.registry.certificates.by_id == {}
    first = account.issue("t")
    assert account.issue("t") is first
    assert list(account.registry.certificates.by_id) == [first.fingerprint]
    assert account.registry.policies.targets(DEVICE_POLICY) == [arn(account)]


def test_a_deleted_certificate_is_not_made_again(account: Account) -> None:
    fingerprint, certificates = account.issue("t").fingerprint, account.registry.certificates
    certificates.detach(fingerprint, "t")
    certificates.update(fingerprint, "REVOKED", 0)
    account.registry.delete_certificate(fingerprint, force=True)
    assert enter(account) == 5


def test_a_thing_that_was_deleted_before_it_had_a_certificate_is_not_let_in(account: Account) -> None:
    account.registry.delete_thing("t", None)
    assert enter(account) == 5
