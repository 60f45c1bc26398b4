"""A script's fixed thing name on the network: client id and topics are the device's own, the script sees the alias."""

import pytest
from net_stage import Client, Stage

from sim.net.alias import AliasNetwork
from sim.ports import Hello, HttpRequest, Message, Will

ALIAS = "QuecPython_OTA"


@pytest.fixture
def stage(authority):
    made = Stage("memory", authority)
    yield made
    made.close()


def dial(stage, device, client_id=ALIAS, **options):
    client = Client(stage.clock)
    hello = Hello("x-ats.iot.us-west-2.amazonaws.com", 8883, client_id, tls=True, **options)
    client.channel = AliasNetwork(stage._network, ALIAS).mqtt(device, hello, client.receive)
    stage.run()
    return client


def test_two_devices_of_one_script_do_not_throw_each_other_out(stage):
    one, two = dial(stage, "dev-1"), dial(stage, "dev-2")
    assert [greeting.client_id for greeting in stage.seen] == ["dev-1", "dev-2"]
    assert not one.closed
    assert not two.closed


def test_a_client_id_of_its_own_stays(stage):
    dial(stage, "dev-1", client_id="QuecPython_OTA-2")
    assert stage.seen[0].client_id == "QuecPython_OTA-2"


def test_requests_carry_the_devices_name_and_answers_the_alias(stage):
    client = dial(stage, "dev-1")
    client.channel.publish(f"$aws/things/{ALIAS}/jobs/get", f'{{"clientToken":"{ALIAS}"}}'.encode())
    stage.run()
    (request,) = stage.requests
    assert request.topic == "$aws/things/dev-1/jobs/get"
    assert request.payload == b'{"clientToken":"QuecPython_OTA"}'
    stage.cloud.reply(request.connection, "$aws/things/dev-1/jobs/get/accepted", b"dev-1")
    stage.run()
    assert client.everything == [(f"$aws/things/{ALIAS}/jobs/get/accepted", b"dev-1")]


def test_a_filter_is_translated_level_by_level(stage):
    client, other = dial(stage, "dev-1"), stage.connect("other")
    client.channel.subscribe(1, f"{ALIAS}/x{ALIAS}/#", 1)
    stage.run()
    for topic in ("dev-1/xQuecPython_OTA/y", "dev-1/xdev-1/y"):
        other.channel.publish(topic, b"1", 1, False, 7)
    stage.run()
    (message,) = [arrival for arrival in client.arrivals if isinstance(arrival, Message)]
    assert (message.topic, message.qos) == (f"{ALIAS}/xQuecPython_OTA/y", 1)


def test_the_last_will_speaks_of_the_device(stage):
    watcher = stage.connect("watcher")
    watcher.channel.subscribe(1, "gone/#", 0)
    client = dial(stage, "dev-1", will=Will(f"gone/{ALIAS}", b"bye"))
    client.channel.abort()
    stage.run()
    assert watcher.messages == [("gone/dev-1", b"bye")]


def test_web_requests_pass_as_they_are(stage):
    answers = []
    request = HttpRequest("GET", f"https://qpyota.s3.us-west-2.amazonaws.com/{ALIAS}.bin")
    AliasNetwork(stage._network, ALIAS).http("dev-1", request, answers.append)
    stage.run()
    assert [asked.url for asked in stage.asked] == [request.url]
    assert answers[0].status == 200
