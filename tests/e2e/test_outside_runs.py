"""Whole upgrades through a broker that is not ours: Debian's mosquitto, and a cloud under an AWS-like name."""

import json
import threading

import pytest
from mosquitto_rig import Mosquitto

from sim.cloud import outside as service_module
from sim.kernel.clock import Clock
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.scenario.world import World
from sim.shipped import scenarios_dir

OLD = "EG915UEUABR03A20M08_OCPU_QPY"
SPEED = 60.0
FLEET = """\
version: 1
name: fleet
duration: 20m
fleet:
  - {{group: fleet, count: {count}, model: EG915U, firmware: {old}, agent: modelled}}
cloud:
  {broker}
  buckets:
    store:
      a.py: {{text: "VERSION = 2"}}
jobs:
  - jobId: files
    at: 30s
    targets: [fleet]
    document: [{{operation: app_fota, files: [{{fileName: /usr/a.py, fileVersion: "2", fileSource: {{
      url: "${{aws:iot:s3-presigned-url:https://store.s3.us-west-2.amazonaws.com/a.py}}"}}}}]}}]
    presignedUrlConfig: {{expiresInSec: 3600}}
expect:
  - executions['SUCCEEDED'] == {count}
"""


@pytest.fixture
def broker(tmp_path):
    made = Mosquitto(tmp_path).start()
    yield made
    made.stop()


def first_upgrade(folder, cloud):
    """The shipped scenario with this in its cloud."""
    text = find_scenario("first_upgrade").read_text()
    for name in ("apps", "first_upgrade"):
        (folder / name).symlink_to(scenarios_dir() / name)
    path = folder / "first_upgrade.yaml"
    path.write_text(text.replace("\ncloud:\n", f"\ncloud:\n  {cloud}\n"))
    return load_scenario(path)


def test_the_shipped_upgrade_passes_through_mosquitto(tmp_path, broker):
    result = run_scenario(first_upgrade(tmp_path, f"broker: {broker.url}"), RunOptions(transport="paced", speed=SPEED))
    assert result.problems == []
    assert [expect.expr for expect in result.expects if not expect.passed] == []
    assert result.executions == {"SUCCEEDED": 2}


def fleet(folder, cloud, options, count):
    """Events without their times, by device and direction, and the result.

    An answer and a notification behind it may come in one piece or in two, with the device's next word in between.
    """
    path = folder / "fleet.yaml"
    path.write_text(FLEET.format(count=count, old=OLD, broker=cloud))
    tracks = {}

    def note(record):
        seen = {key: value for key, value in record.data.items() if key not in ("payload", "details")}
        tracks.setdefault((record.track, record.kind == "mqtt.in"), []).append((record.kind, seen))

    return tracks, run_scenario(load_scenario(path), options, [note])


def test_a_fleet_lives_through_the_same_events_as_with_our_own_broker(tmp_path, broker):
    ours, expected = fleet(tmp_path, "", RunOptions(transport="memory"), 20)
    theirs, result = fleet(tmp_path, f"broker: {broker.url}", RunOptions(transport="paced", speed=20.0), 20)
    assert expected.passed
    assert result.passed
    assert result.executions == expected.executions == {"SUCCEEDED": 20}
    assert theirs == ours


def test_a_run_that_loses_its_broker_ends_incomplete(tmp_path, broker, monkeypatch):
    monkeypatch.setattr(service_module, "PAUSES_S", ())
    stopping = []

    def stop(record):
        if record.kind == "mqtt.connack" and not stopping:
            stopping.append(record)
            broker.stop()

    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET.format(count=1, old=OLD, broker=f"broker: {broker.url}"))
    result = run_scenario(load_scenario(path), RunOptions(transport="paced", speed=SPEED), [stop])
    assert not result.passed
    (problem,) = result.problems
    assert problem.startswith(f"the Jobs service lost the broker {broker.url} for good: ")


# -- AWS IoT Core


class Cloud:
    """Our own cloud with the jobs of first_upgrade, in a thread of its own, as devices find AWS: by name."""

    def __init__(self):
        self.world = World(load_scenario(find_scenario("first_upgrade")), RunOptions(transport="paced", speed=SPEED))
        self.identity = self.world.account.issue("QuecPython_OTA")
        for job in self.world.scenario.jobs:
            self.world.clock.after(job.at_us, self.world._create_job, job)
        self._thread = threading.Thread(target=self.world.clock.run)

    @property
    def addresses(self):
        return self.world._wiring.network._addresses

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        clock: Clock = self.world.clock
        clock.loop.call_soon_threadsafe(lambda: clock.stop_at(clock.now_us))
        self._thread.join()
        self.world.close()


def test_devices_upgrade_from_a_cloud_under_an_aws_name(tmp_path):
    endpoint = "a1b2-ats.iot.us-west-2.amazonaws.com"
    with Cloud() as cloud:
        for name, text in (
            ("c.pem", cloud.identity.certificate_pem),
            ("k.pem", cloud.identity.private_key_pem),
            ("ca.pem", cloud.world.account.things.authority_pem),
        ):
            (tmp_path / name).write_text(text)
        at = cloud.addresses
        aws = {
            "endpoint": endpoint, "certificate": "c.pem", "private_key": "k.pem", "ca": "ca.pem",
            "connect_to": {
                endpoint: f"127.0.0.1:{at.mqtt_port}",
                "qpyota.s3.us-west-2.amazonaws.com": f"127.0.0.1:{at.http_port}",
            },
        }  # fmt: skip
        device = f"{{name: QuecPython_OTA, model: EG915U, firmware: {OLD}, script: apps/aws_ota}}"
        (tmp_path / "apps").symlink_to(scenarios_dir() / "apps")
        path = tmp_path / "aws.yaml"
        path.write_text(
            f"version: 1\nname: aws\nduration: 5m\nfleet:\n  - {device}\ncloud: {{aws: {json.dumps(aws)}}}\nexpect:\n"
            "  - device['QuecPython_OTA'].firmware == 'EG915UEUABR03A21M08_OCPU_QPY'\n"
            "  - \"'2.0' in device['QuecPython_OTA'].file('/usr/a.py')\"\n"
        )
        result = run_scenario(load_scenario(path), RunOptions(transport="paced", speed=SPEED))
        counts = {status.value: count for status, count in cloud.world.account.jobs.counts().items() if count}
    assert result.passed, result.to_json()
    assert result.executions == {}
    assert counts == {"SUCCEEDED": 2}
