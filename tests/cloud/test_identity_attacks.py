"""One device tries to be another, or to reach another's jobs: over real sockets with mutual TLS, and in memory.

Each attack is a row of the table in docs/identity.md. Whatever happens, the other thing's record stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from identity_rig import ARN, JOB, A, B, Client, Town, policy

from sim.cloud.device_policy import DEVICE_POLICY
from sim.cloud.gate import Login
from sim.cloud.things import Things

PAGE = Path(__file__).parents[2] / "docs/identity.md"
JOBS_A, JOBS_B = f"$aws/things/{A}/jobs/", f"$aws/things/{B}/jobs/"


@pytest.fixture(params=["memory", "sockets"])
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    made = Town(request.param)
    yield made
    made.close()


# Refused at the door


def other_name(town: Town) -> Client:
    return town.connect(B, town.account.issue(A))


def no_certificate(town: Town) -> Client:
    return town.connect(A)


def stopped(status: str) -> Callable[[Town], Client]:
    def attack(town: Town) -> Client:
        identity = town.account.issue(A)
        town.account.registry.certificates.update(identity.fingerprint, status, town.clock.epoch_s)
        return town.connect(A, identity)

    return attack


def detached(town: Town) -> Client:
    identity = town.account.issue(A)
    town.account.registry.certificates.detach(identity.fingerprint, A)
    return town.connect(A, identity)


def replaced_policy(town: Town) -> Client:
    identity, policies = town.account.issue(A), town.account.registry.policies
    policies.create("p", policy(("iot:*", "*")), 0)
    policies.attach("p", f"{ARN}cert/{identity.fingerprint}")
    policies.detach(DEVICE_POLICY, f"{ARN}cert/{identity.fingerprint}")
    policies.add_version("p", policy(("iot:Connect", "client/x")), 0, default=True)
    return town.connect(A, identity)


def unregistered(town: Town) -> Client:
    return town.connect(A, town.account.things.issue(99))


def foreign_ca(town: Town) -> Client:
    return town.connect(A, Things(seed=1).register(A))


def stolen_certificate(town: Town) -> Client:
    """A certificate is public; without its key it proves nothing."""
    mine, theirs = town.account.issue(A), town.account.issue(B)
    mixed = type(mine)(B, theirs.certificate_pem, mine.private_key_pem, theirs.fingerprint)
    return town.connect(B, mixed)


REFUSED: dict[str, tuple[Callable[[Town], Client], int | None]] = {
    "connect under another thing's name": (other_name, 5),
    "connect without a certificate": (no_certificate, 5),
    "connect with a revoked certificate": (stopped("REVOKED"), 5),
    "connect with an inactive certificate": (stopped("INACTIVE"), 5),
    "connect with a certificate taken from its thing": (detached, 5),
    "connect after the policy was replaced": (replaced_policy, 5),
    "connect with a certificate that is not registered": (unregistered, 5),
    "connect with a certificate of another authority": (foreign_ca, None),
    "connect with another thing's certificate and one's own key": (stolen_certificate, None),
}


@pytest.mark.parametrize("attack", REFUSED)
def test_refused_at_the_door(town: Town, attack: str) -> None:
    victim = town.connect(B, town.account.issue(B)).subscribe(JOBS_B + "#")
    before = town.record(B)
    act, code = REFUSED[attack]
    intruder = act(town)
    assert intruder.closed
    assert intruder.code == code
    assert not victim.closed
    assert victim.publish(JOBS_B + "get", {}).topics == [JOBS_B + "get/accepted"]
    assert town.record(B) == before


# Thrown out

STATUS = {"status": "SUCCEEDED"}
THROWN_OUT: dict[str, Callable[[Client], object]] = {
    "subscribe to another thing's notifications": lambda it: it.subscribe(JOBS_B + "notify"),
    "subscribe to another thing's next job": lambda it: it.subscribe(JOBS_B + "notify-next"),
    "subscribe to another thing's replies": lambda it: it.subscribe(f"{JOBS_B}{JOB}/get/accepted"),
    "subscribe to the jobs of all things": lambda it: it.subscribe("$aws/things/+/jobs/#"),
    "subscribe to all reserved topics": lambda it: it.subscribe("$aws/#"),
    "subscribe to who connects": lambda it: it.subscribe("$aws/events/presence/#"),
    "ask for another thing's list of jobs": lambda it: it.publish(JOBS_B + "get", {}),
    "ask for another thing's job": lambda it: it.publish(f"{JOBS_B}{JOB}/get", {}),
    "start another thing's next job": lambda it: it.publish(JOBS_B + "start-next", {}),
    "report another thing's job as done": lambda it: it.publish(f"{JOBS_B}{JOB}/update", STATUS),
    "forge a notification": lambda it: it.publish(JOBS_B + "notify", {"jobs": {}}),
    "forge a reply": lambda it: it.publish(f"{JOBS_B}{JOB}/get/accepted", {}),
}


@pytest.mark.parametrize("attack", THROWN_OUT)
@pytest.mark.parametrize("way", ["memory", "sockets", "plain sockets"])
def test_thrown_out(way: str, attack: str) -> None:
    tls = way != "plain sockets"
    town = Town(way, tls=tls)
    victim = town.connect(B, town.account.issue(B) if tls else None)
    intruder = town.connect(A, town.account.issue(A) if tls else None)
    assert (intruder.code, intruder.closed, victim.code) == (0, False, 0)
    before = town.record(B)
    THROWN_OUT[attack](intruder)
    victim.publish(f"{JOBS_B}{JOB}/get", {})
    assert intruder.closed
    assert intruder.topics == []
    assert victim.topics == [f"{JOBS_B}{JOB}/get/accepted"], "nothing of the intruder's came to the victim"
    assert town.record(B) == before
    town.close()


def test_a_wildcard_outside_the_reserved_topics_shows_nothing_of_anybodys_jobs(town: Town) -> None:
    reader = town.connect(A, town.account.issue(A)).subscribe("#").subscribe("+/things/+/jobs/#")
    town.connect(B, town.account.issue(B)).publish(f"{JOBS_B}{JOB}/update", {"status": "IN_PROGRESS"})
    assert town.record(B) == ("IN_PROGRESS", 2)
    assert not reader.closed
    assert reader.topics == []


def test_a_connection_ends_at_the_first_thing_it_does_after_its_certificate_was_revoked(town: Town) -> None:
    identity = town.account.issue(A)
    device = town.connect(A, identity).publish(JOBS_A + "get", {})
    assert device.topics == [JOBS_A + "get/accepted"]
    town.account.registry.certificates.update(identity.fingerprint, "REVOKED", town.clock.epoch_s)
    device.publish(f"{JOBS_A}{JOB}/update", STATUS)
    assert device.closed
    assert town.record(A) == ("QUEUED", 1)


def test_an_answer_that_may_not_be_received_is_dropped(town: Town) -> None:
    identity, policies = town.account.issue(A), town.account.registry.policies
    grants = (("iot:Connect", "client/*"), ("iot:Publish", "topic/*"))
    policies.create("deaf", policy(*grants), 0)
    policies.attach("deaf", f"{ARN}cert/{identity.fingerprint}")
    policies.detach(DEVICE_POLICY, f"{ARN}cert/{identity.fingerprint}")
    device = town.connect(A, identity).publish(JOBS_A + "get", {})
    assert (device.closed, device.topics) == (False, [])


def test_a_wrong_password_is_refused_and_the_one_who_is_in_stays() -> None:
    town = Town("sockets", tls=False)
    town.account.gate.logins = {"ann": Login(A, "right")}
    assert town.connect(A).code == 5
    inside = town.connect(A, user="ann", password="right")
    for password, code in (("wrong", 4), (None, 4), ("right", 0)):
        assert not inside.closed
        assert town.connect(A, user="ann", password=password).code == code
    assert inside.closed, "only who knows the password takes over"
    assert town.connect(B, user="ann", password="right").code == 5
    town.close()


def test_the_page_lists_every_attack_and_no_other() -> None:
    rows = re.findall(r"^\| (connect|subscribe|ask|start|report|forge)(.*?) \|", PAGE.read_text(), re.M)
    assert ["".join(row) for row in rows] == [*REFUSED, *THROWN_OUT]
