"""Devices of a scenario in the registry: groups, certificates when needed, and what a journal makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from identity_rig import A, der

from sim.cloud.account import Account
from sim.cloud.device_policy import DEVICE_POLICY, device_document
from sim.cloud.inputs import Input, Issued
from sim.jobs.targets import Arns
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import Greeting
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions, Transport
from sim.scenario.world import World
from sim.trace import Trace

FLEET = """
version: 1
name: groups
duration: 10m
fleet:
  - { group: north, count: 3, model: EC600NCNLC, firmware: EC600NCNLCR01A01M16_OCPU_QPY, agent: modelled }
  - { name: alone, model: EC600NCNLC, firmware: EC600NCNLCR01A01M16_OCPU_QPY, agent: modelled }
jobs:
  - { jobId: j, targets: [north], document: { operation: NONE } }
"""


def account() -> Account:
    clock = Clock("memory")
    return Account(clock, Trace(clock), seed=5)


def world(folder: Path, transport: Transport = "memory") -> World:
    path = folder / "groups.yaml"
    path.write_text(FLEET)
    return World(load_scenario(path), RunOptions(transport=transport))


def test_groups_of_a_scenario_are_static_groups_of_the_registry(tmp_path: Path) -> None:
    made = world(tmp_path)
    groups = made.account.registry.groups
    assert list(groups.by_name) == ["north"]
    assert list(groups.members("north")) == ["north-00001", "north-00002", "north-00003"]
    assert groups.of_thing("alone") == []
    made.close()


def test_in_memory_nobody_needs_a_certificate_and_none_is_made(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.start()
    made.clock.run(300_000_000)
    assert made.account.registry.certificates.by_id == {}
    made.close()


def test_in_memory_a_device_whose_certificate_was_revoked_is_refused_as_over_tls(tmp_path: Path) -> None:
    made = world(tmp_path)
    refused: list[str] = []
    made.trace.observe(lambda it: refused.append(it.track) if it.data.get("code") == 5 else None)
    identity = made.account.issue("alone")
    made.account.registry.certificates.update(identity.fingerprint, "REVOKED", 0)
    made.start()
    made.clock.run(60_000_000)
    assert set(refused) == {"alone"}
    made.close()


def test_a_fleet_has_no_certificate_before_it_connects_and_then_one_each(tmp_path: Path) -> None:
    made = world(tmp_path, "virtual")
    registry = made.account.registry
    assert registry.certificates.by_id == {}
    made.start()
    made.clock.run(300_000_000)
    for name in made.devices:
        held = [certificate.certificate_id for certificate, _ in registry.certificates.of_thing(name)]
        assert len(held) == 1
        assert registry.policies.of([registry.arns.of("cert", held[0])]) == [DEVICE_POLICY]
    assert {it.status for it in registry.certificates.by_id.values()} == {"ACTIVE"}
    made.close()


def test_a_thing_that_is_there_already_stays_what_became_of_it() -> None:
    made = account()
    made.register(A, "meters")
    made.registry.things.update(A, None, None, {"site": "north"}, merge=True)
    made.registry.groups.remove(A, "meters")
    made.register(A, "meters")
    assert made.registry.things.get(A).attributes == {"site": "north"}
    assert made.registry.groups.of_thing(A) == []


def test_an_issued_certificate_is_an_input_of_the_account() -> None:
    first, second = account(), account()
    entries: list[Input] = []
    first.journal = entries.append
    for it in (first, second):
        it.register(A)
    identity = first.issue(A)
    first.issue(A)
    assert entries == [Issued(first.registry.certificates.get(identity.fingerprint).created_s, A)]
    second.replay(entries[0])
    assert second.registry.certificates.by_id == first.registry.certificates.by_id
    assert not isinstance(second.admit(Greeting(A, certificate=der(identity))), int)
    second.journal = lambda _: (_ for _ in ()).throw(AssertionError("made once already"))
    assert second.issue(A) == identity


def test_the_page_shows_the_policy_that_devices_get() -> None:
    page = (Path(__file__).parents[2] / "docs/identity.md").read_text()
    [shown] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert json.loads(shown) == json.loads(device_document(Arns()))
