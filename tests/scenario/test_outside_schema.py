"""`cloud: broker` and `cloud: aws` of a scenario: what may be written, and every mistake at its place."""

import pytest

from sim.errors import SpecError
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

ENDPOINT = "a1b2-ats.iot.us-west-2.amazonaws.com"
AWS = f"{{endpoint: {ENDPOINT}, certificate: c.pem, private_key: k.pem, ca: ca.pem}}"


@pytest.fixture
def load(tmp_path):
    """Factory: a scenario with this `cloud`, and further text behind it."""
    for name in ("c.pem", "k.pem", "ca.pem"):
        (tmp_path / name).write_text("-")

    def make(cloud, more=""):
        file = tmp_path / "scenario.yaml"
        device = "{name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled}"
        file.write_text(f"version: 1\nname: outside\nfleet:\n  - {device}\ncloud: {cloud}\n{more}")
        return load_scenario(file)

    return make


def mistakes(load, cloud, more=""):
    with pytest.raises(SpecError) as caught:
        load(cloud, more)
    return [(problem.path, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mqtt://broker", ("broker", 1883, False)),
        ("mqtts://broker", ("broker", 8883, True)),
        ("mqtt://10.0.0.7:2883", ("10.0.0.7", 2883, False)),
    ],
)
def test_a_broker_is_its_url_or_a_mapping_with_it(load, text, url):
    short, long = load(f"{{broker: '{text}'}}"), load(f"{{broker: {{url: '{text}'}}}}")
    assert short.cloud.broker == long.cloud.broker
    assert short.cloud.broker.url == url


@pytest.mark.parametrize(
    "url", ["broker:1883", "http://broker", "mqtt://", "mqtt://broker/path", "mqtt://broker?x=1", 5]
)
def test_what_is_no_broker_is_told_with_an_example(load, url):
    ((path, message),) = mistakes(load, f"{{broker: {url!r}}}")
    assert path == "cloud.broker"
    assert message == f"{url!r} is not a broker like mqtt://HOST:1883 or mqtts://HOST:8883"


def test_a_password_does_not_belong_into_a_scenario(load):
    ((_, message),) = mistakes(load, "{broker: 'mqtt://me:s3cret@broker'}")
    assert message.startswith("keep the login out of the URL")
    assert "s3cret" not in message


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("url: 'mqtts://b', certificate: c.pem", "'certificate' and 'private_key' go together"),
        ("url: 'mqtt://b', ca: ca.pem", "'ca' and 'certificate' need TLS: write mqtts:// in the URL"),
        ("url: 'mqtts://b', password_env: SECRET", "'password_env' needs a 'user'"),
        ("url: 'mqtts://b', user: u, password_env: 'two words'", "'two words' is not the name of a variable: "),
        ("url: 'mqtts://b', ca: nosuch.pem", "there is no 'nosuch.pem' beside the scenario"),
        ("url: 'mqtts://b', ca: 5", "5 is not a path"),
    ],
)
def test_parts_that_do_not_fit_are_told(load, more, message):
    ((_, found),) = mistakes(load, f"{{broker: {{{more}}}}}")
    assert found.startswith(message)


def test_with_aws_there_is_no_cloud_of_ours(load):
    cloud = f"{{aws: {AWS}, broker: 'mqtt://b', buckets: {{store: {{a: {{text: x}}}}}}, public: [store]}}"
    found = mistakes(load, cloud, "jobs:\n  - {jobId: j, targets: [d], document: '{}'}\n")
    assert found == [
        ("cloud.broker", "'broker' and 'aws' exclude each other"),
        ("cloud.buckets", "with 'aws' there is no cloud of ours, so no buckets: put the objects into S3"),
        ("cloud.public", "with 'aws' there is no cloud of ours, so no public: put the objects into S3"),
        ("jobs", "with 'aws' jobs are created in AWS (aws iot create-job), not by the scenario; take them out"),
    ]


def test_an_endpoint_is_a_whole_host_name_of_aws_iot(load):
    ((path, message),) = mistakes(load, f"{{aws: {AWS.replace(ENDPOINT, 'https://iot.amazonaws.com')}}}")
    assert path == "cloud.aws.endpoint"
    assert "is not an AWS IoT data endpoint" in message


@pytest.mark.parametrize("address", ["localhost", "h:0", "h:70000", "h:8883/x", 8883])
def test_connect_to_leads_to_a_host_and_a_port(load, address):
    aws = AWS.replace("}", f", connect_to: {{x.amazonaws.com: {address!r}}}}}")
    ((path, message),) = mistakes(load, f"{{aws: {aws}}}")
    assert path == "cloud.aws.connect_to.x.amazonaws.com"
    assert message == f"{address!r} is not an address like 127.0.0.1:8883"


@pytest.mark.parametrize("transport", ["memory", "virtual"])
def test_a_transport_without_real_time_is_refused_with_the_way_out(load, transport):
    for cloud, name in (("{broker: 'mqtt://b'}", "the outside broker mqtt://b:1883"), (f"{{aws: {AWS}}}", "AWS IoT")):
        with pytest.raises(SpecError, match=rf"{name}.* use --transport paced"):
            run_scenario(load(cloud), RunOptions(transport=transport))


def test_files_that_are_no_certificates_are_the_users_error(load):
    for cloud, name in ((f"{{aws: {AWS}}}", "cloud.aws"), ("{broker: {url: 'mqtts://b', ca: ca.pem}}", "cloud.broker")):
        with pytest.raises(SpecError, match=rf"{name}: CA: "):
            run_scenario(load(cloud), RunOptions(transport="paced", speed=100.0))
