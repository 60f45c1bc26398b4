"""What the facts mean for scripts that take AWS Jobs, section 2.4, one surprise a test."""

import json

import pytest

JOBS = """
import utime, ujson, _thread
from umqtt import MQTTClient
def on_message(topic, message):
    print(topic.decode().rpartition('dut/')[2], message.decode())
    {more}
c = MQTTClient('dut', 'iot.amazonaws.com', ssl=True, keepalive=60)
c.set_callback(on_message)
c.connect()
def loop():
    while True:
        c.wait_msg()
{subscribe}
_thread.start_new_thread(loop, ())
BASE = '$aws/things/dut/'
"""


def jobs(rest, more="pass", subscribe="pass"):
    return JOBS.format(more=more, subscribe=subscribe) + rest


@pytest.mark.parametrize("generation", ["G21", "G25"])
def test_2_4_answers_come_to_the_asking_client_without_a_subscription(run, generation):
    script = run(jobs("c.publish(BASE + 'jobs/get', '{}')\nutime.sleep(2)\n"), generation=generation)
    assert script.kinds("mqtt.subscribe") == []
    topic, _, body = script.printed[0].partition(" ")
    assert topic == "jobs/get/accepted"
    assert "execution" not in json.loads(body)


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("jobs/none/get", "{}", "ResourceNotFound"),
        ("jobs/get", "{", "InvalidJson"),
        ("jobs/none/update", '{"status": "SUCCEEDED"}', "ResourceNotFound"),
        ("jobs/none/update", '{"status": "DONE"}', "InvalidRequest"),
    ],
)
def test_2_4_a_rejected_message_has_a_code_and_no_execution(run, topic, payload, code):
    script = run(jobs(f"c.publish(BASE + '{topic}', '{payload}')\nutime.sleep(2)\n"))
    where, _, body = script.printed[0].partition(" ")
    assert where == f"{topic}/rejected"
    assert json.loads(body)["code"] == code
    assert "execution" not in json.loads(body)


@pytest.mark.parametrize(("generation", "connects"), [("G21", 4), ("G25", 1)])
def test_2_4_each_message_without_an_execution_costs_g21_a_reconnect_and_g25_a_log_line(run, generation, connects):
    rest = "for _ in range(3):\n    c.publish(BASE + 'jobs/get', '{}')\n    utime.sleep(15)\n"
    script = run(jobs(rest, more="ujson.loads(message)['execution']"), 80, generation=generation)
    assert len(script.kinds("mqtt.connack")) == connects
    assert len(script.printed) == 3
    assert [data["text"] for data in script.kinds("log")][:1] == [
        "set_callback OSError[execution]."
        if generation == "G25"
        else "wait msg, Network exception. Trying to reconnect"
    ]
