"""The vendor's own sample, byte for byte, upgrades a virtual EG915U end to end."""

import pytest
from upgrade_bench import NEW, OLD

from sim.device.peek import installed_version, read_file
from sim.scenario.packages import firmware


def assert_upgraded(bench):
    assert (bench.status("jobfota"), bench.status("jobappota")) == ("SUCCEEDED", "SUCCEEDED")
    assert bench.device.boots == 3
    assert installed_version(bench.device) == NEW
    for partition, image in firmware(bench.device.model, NEW).images.items():
        assert bench.device.layout.images[partition].image(0, len(image)) == image
    assert read_file(bench.device, "/usr/a.py") == b"def getversion():\n    return '2.0'\n"
    assert read_file(bench.device, "/usr/b.py") == b"VERSION = '2.0'\n"


def test_both_jobs_succeed_over_real_mqtt_and_tls(bench):
    done = bench(transport="virtual").run_until_finished()
    assert_upgraded(done)
    assert done.world.clock.loop.stuck == []
    assert "placeholder" in done.kinds("warning")[0]["text"]


def test_the_2021_client_reconnects_at_every_odd_message_and_still_succeeds(bench):
    done = bench(transport="virtual", umqtt=2021).run_until_finished()
    assert_upgraded(done)
    assert len(done.kinds("mqtt.connack")) > 3


def test_both_jobs_succeed_on_the_firmware_of_2021_too(bench):
    """Its own client, and its interpreter lock: nothing of the script goes on while the package is downloaded."""
    done = bench(transport="virtual", umqtt=2021, generation="G21").run_until_finished()
    assert_upgraded(done)


def test_plain_upstream_umqtt_never_gets_past_the_first_message_without_an_execution(bench):
    done = bench(transport="virtual", umqtt="upstream").run_until_finished()
    assert (done.status("jobfota"), done.status("jobappota")) == ("QUEUED", "QUEUED")
    assert installed_version(done.device) == OLD


def test_main_py_may_be_the_sample_itself(bench, sample):
    done = bench(files={"main.py": sample[0]["aws_ota_test.py"]}).run_until_finished()
    assert_upgraded(done)


@pytest.mark.parametrize("umqtt", ["current", "2021"])
def test_the_progress_of_the_download_is_reported(bench, umqtt):
    done = bench(umqtt=umqtt).run_until_finished()
    reported = [r.data["details"].get("progress") for r in done.records if r.kind == "execution"]
    assert [p for p in reported if p] != []
