"""Users with passwords: how they are written, every mistake at its place, and that a run goes by them."""

from pathlib import Path

import pytest

from sim.cloud.gate import Login
from sim.errors import SpecError
from sim.mqtt.switchboard import Greeting
from sim.scenario.loader import load_scenario, load_users
from sim.scenario.result import RunOptions
from sim.scenario.schema_users import logins
from sim.scenario.world import World

SCRIPT = """\
from umqtt import MQTTClient
import utime
for user, password in (('ann', 'wrong'), (None, None), ('ann', 's3cret')):
    client = MQTTClient('meter-1', 'x-ats.iot.us-west-2.amazonaws.com', 1883, user=user, password=password)
    try:
        client.connect()
        print('in as', user)
        client.set_callback(lambda topic, payload: print(topic))
        client.publish(b'$aws/things/meter-1/jobs/get', b'{}')
        client.wait_msg()
    except Exception:
        print('refused', user)
    utime.sleep(5)
"""
SCENARIO = """\
version: 1
name: users
duration: 3m
fleet:
  - {name: meter-1, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: app}
cloud:
  users:
    ann: {thing: meter-1, password: s3cret}
"""


@pytest.fixture
def scenario(tmp_path):
    """Factory: a scenario's file with this text."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(SCRIPT)

    def make(text=SCENARIO):
        path = tmp_path / "users.yaml"
        path.write_text(text)
        return path

    return make


def printed(scenario, options):
    world = World(scenario, options)
    lines = []
    world.trace.observe(lambda record: lines.append(record.data["text"]) if record.kind == "print" else None)
    try:
        world.start()
        world.clock.stop_at(scenario.duration_us)
        world.clock.run()
    finally:
        world.close()
    return lines


@pytest.mark.parametrize("options", [{"transport": "memory"}, {"transport": "virtual", "tls": False}])
def test_a_script_comes_in_with_its_password_and_not_without(scenario, options):
    lines = printed(load_scenario(scenario()), RunOptions(**options))
    assert [line for line in lines if "in as" in line or "refused" in line] == [
        "refused ann",
        "refused None",
        "in as ann",
    ]
    assert any("jobs/get/accepted" in line for line in lines)


def mistakes(load, path):
    with pytest.raises(SpecError) as caught:
        load(path)
    return [(problem.path, problem.message) for problem in caught.value.problems]


WRONG = [
    ("ann: {thing: a/b, password: x}", ".ann.thing", "'a/b' is not a thing name"),
    ("ann: {thing: t, password: 12}", ".ann.password", "this must be text; put it in quotes"),
    ("ann: {thing: t, password: ''}", ".ann.password", "a password has 1 to 65,535 bytes, none of them NUL"),
    ("ann: {thing: t}", ".ann", "key 'password' is missing"),
    ("ann: {thing: t, password: x, pasword: y}", ".ann.pasword", "unknown key 'pasword'; did you mean 'password'?"),
    ("ann: s3cret", ".ann", "this must be a mapping of keys"),
]


@pytest.mark.parametrize(("text", "place", "message"), WRONG)
def test_a_mistake_is_told_at_its_place_in_a_scenario_and_in_a_file(tmp_path, scenario, text, place, message):
    file = tmp_path / "users"
    file.write_text(text)
    ((found, said),) = mistakes(load_users, file)
    assert (found, said.startswith(message)) == (place[1:], True), said
    ((found, said),) = mistakes(
        load_scenario, scenario(SCENARIO.replace("ann: {thing: meter-1, password: s3cret}", text))
    )
    assert (found, said.startswith(message)) == ("cloud.users" + place, True), said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "users are a mapping, e.g. 'ann: {thing: meter-1, password: s3cret}'"),
        ("[ann]", "users are a mapping, e.g. 'ann: {thing: meter-1, password: s3cret}'"),
        ("{}", "there are no users in it"),
        ("'': {thing: t, password: x}", "'' is not a user name: it must match"),
        ("ann: {thing: t, password: x}\nann: {thing: u, password: x}", "duplicate key 'ann'"),
    ],
)
def test_a_file_that_holds_no_users_is_told(tmp_path, text, message):
    file = tmp_path / "users"
    file.write_text(text)
    ((_, said), *_) = mistakes(load_users, file)
    assert said.startswith(message)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(SpecError, match=r"nowhere\.yaml: No such file"):
        load_users(Path("nowhere.yaml"))


@pytest.mark.parametrize("outside", ["broker: mqtt://127.0.0.1", "aws: {endpoint: x}"])
def test_an_outside_cloud_has_users_of_its_own(scenario, outside):
    found = mistakes(load_scenario, scenario(SCENARIO.replace("cloud:\n", f"cloud:\n  {outside}\n")))
    assert (
        "cloud.users",
        "users are of the scenario's own broker; here the broker outside says who may connect",
    ) in found


def test_a_password_is_not_shown(scenario):
    users = load_scenario(scenario()).cloud.users
    assert logins(users) == {"ann": Login("meter-1", "s3cret")}
    assert "s3cret" not in repr(users)


def test_users_of_a_scenario_come_beside_those_that_are_there(scenario):
    world = World(load_scenario(scenario()), RunOptions(transport="memory"))
    try:
        gate = world.account.gate
        assert set(gate.logins) == {"ann"}
        assert gate.admit(Greeting("meter-1")) == 5
        assert gate.admit(Greeting("meter-1", user="ann", password="wrong")) == 4
    finally:
        world.close()
