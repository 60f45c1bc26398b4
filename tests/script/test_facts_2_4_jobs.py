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


# -- what it means for the vendor's sample


def shipped(name, **options):
    """How a shipped scenario ends, in memory."""
    from sim.scenario.loader import find_scenario, load_scenario
    from sim.scenario.result import RunOptions
    from sim.scenario.runner import run_scenario

    scenario = load_scenario(find_scenario(name))
    return run_scenario(scenario, RunOptions(transport="memory", **options), [])


@pytest.mark.parametrize("generation", ["G21", "G25"])
def test_2_4_both_jobs_of_the_sample_end_succeeded_in_both_generations(generation):
    result = shipped("first_upgrade", generation=generation)
    assert result.executions == {"SUCCEEDED": 2}


def test_2_4_a_version_that_never_comes_true_is_fetched_again_and_again_and_never_failed():
    """The script compares versions after each start, and reports no failure."""
    result = shipped("trap_wrong_package")
    assert result.passed
    assert result.executions == {"IN_PROGRESS": 1}


def test_2_4_a_broken_a_py_keeps_the_client_itself_from_starting():
    result = shipped("trap_broken_file")
    assert result.passed
    assert result.executions == {"IN_PROGRESS": 1}


@pytest.mark.parametrize(("how", "answer"), [("lenient", "accepted"), ("strict", "rejected")])
def test_2_4_numbers_in_status_details_are_taken_or_refused_as_the_cloud_is_set(how, answer):
    """The API has a map of texts; what AWS does with numbers is not documented."""
    from sim.jobs.rules import JobRules
    from sim.jobs.service import JobService, Reply
    from sim.jobs.spec import job_spec

    jobs = JobService(lambda *_: "", rules=JobRules(details=how))
    jobs.add_thing("t")
    job = {"document": "{}", "targets": [jobs.arns.thing("t")]}
    jobs.control.create_job(job_spec("j", job), 1_767_225_600)
    asked = b'{"status": "IN_PROGRESS", "statusDetails": {"progress": 25}}'
    effects = jobs.handle("t", "$aws/things/t/jobs/j/update", asked, 1_767_225_601)
    assert [effect.topic.rpartition("/")[2] for effect in effects if isinstance(effect, Reply)] == [answer]
