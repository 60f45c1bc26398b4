"""benchmarks/fleet_mqtt.py in small: its faults, what it says is missing, and our clients against mosquitto."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import pytest
from mosquitto_rig import Mosquitto, free_port

from benchmarks import fleet_mqtt, fleet_tsung
from benchmarks.fleet_clients import ROUNDS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def row(kind, held_bytes, connect_us):
    return {"kind": kind, "connect": {"bytes": held_bytes, "cpu_us": connect_us}}


def devices(succeeded):
    return {"devices": 10, "succeeded": succeeded}


GOOD = [
    row("bare", 2400, 100),
    row("ours", 2000, 130),
    row("locust", 32_000, 500),
    row("tsung", 10_000, 400),
    row("tls", 70_000, 2900),
]


def test_figures_within_the_aim_are_no_fault():
    assert fleet_mqtt.faults(GOOD, [devices(10)]) == []


@pytest.mark.parametrize(
    ("rows", "fleets", "fault"),
    [
        ([GOOD[0], row("ours", 5001, 130)], [], "a session takes 5001 bytes"),
        ([GOOD[0], row("ours", 2000, 131)], [], "connecting costs more than 1.3 times what it costs the bare loop"),
        ([*GOOD[:3], row("tsung", 9999, 400), GOOD[4]], [], "a session is not five times leaner than one of tsung"),
        ([*GOOD[:2], row("locust", 9999, 1)], [], "a session is not five times leaner than one of locust"),
        (GOOD, [devices(10), devices(7)], "3 devices failed"),
    ],
)
def test_a_figure_beyond_the_aim_is_a_fault(rows, fleets, fault):
    assert fleet_mqtt.faults(rows, fleets) == [fault]


def test_a_tool_that_is_not_there_is_named_with_what_installs_it():
    assert fleet_mqtt.missing(GOOD) == []
    (said,) = fleet_mqtt.missing(GOOD[:3])
    assert said == "tsung is not installed, so there is no row of it; on Debian or Ubuntu: apt-get install tsung"


def test_tsung_is_told_the_same_flow():
    root = ElementTree.fromstring(fleet_tsung.config(1883, 8080, 10_000))
    device = root.find("sessions/session[@name='d']")
    asked = [mqtt.get("type") for mqtt in device.iter("mqtt")]
    assert asked == ["connect", "subscribe", "publish", "disconnect"]
    assert device.find("for").get("to") == str(ROUNDS)
    assert [http.get("url") for http in device.iter("http")] == [
        "http://127.0.0.1:8080/a.py",
        "http://127.0.0.1:8080/b.py",
    ]
    arrivals = root.find("load/arrivalphase[@phase='3']/users")
    come_s = int(arrivals.get("maxnumber")) / int(arrivals.get("arrivalrate"))
    waits_s = [int(think.get("value")) for think in device.findall("thinktime")]
    assert int(arrivals.get("maxnumber")) == 10_000
    assert all(wait_s > come_s for wait_s in waits_s)  # each part is over before the next begins


def test_tsung_has_done_what_it_was_told_or_the_figures_are_refused():
    done = "stats: mqtt_connected 5 120\nstats: mqtt_server_published 9 180\nstats: 200 0 240\n"
    fleet_tsung.check(done, 20)
    with pytest.raises(AssertionError):
        fleet_tsung.check(done.replace("180", "179"), 20)
    with pytest.raises(AssertionError):
        fleet_tsung.check(done, 21)


@pytest.fixture
def files():
    port = free_port()
    server = subprocess.Popen([sys.executable, str(BENCHMARKS / "fleet_files.py"), str(port)])
    until = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/served", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)
    yield port
    server.terminate()
    server.wait()


def own_certificates(folder):
    """Settings of a listener that lets nobody in without a certificate of ours."""
    texts = fleet_mqtt.tls_files(folder)
    return "\n".join(["allow_anonymous true", "require_certificate true", *texts])


@pytest.mark.parametrize("kind", ["ours", "tls"])
def test_our_clients_ask_and_fetch_as_often_as_they_should(kind, files, tmp_path):
    settings = own_certificates(tmp_path) if kind == "tls" else "allow_anonymous true"
    broker = Mosquitto(tmp_path, settings).start()
    try:
        command = [sys.executable, str(BENCHMARKS / "fleet_clients.py"), kind, str(broker.port), str(files), "30"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        broker.stop()
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert list(said) == list(fleet_mqtt.PARTS)
    assert all(said[part]["cpu_us"] > 0 for part in said)
    with urllib.request.urlopen(f"http://127.0.0.1:{files}/served", timeout=5) as answer:
        assert answer.read() == b"60"


def test_a_client_without_a_certificate_is_let_in_by_no_such_listener(files, tmp_path):
    broker = Mosquitto(tmp_path, own_certificates(tmp_path)).start()
    try:
        command = [sys.executable, str(BENCHMARKS / "fleet_clients.py"), "ours", str(broker.port), str(files), "1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        broker.stop()
    assert done.returncode != 0
    assert "Closed" in done.stderr


def test_what_other_makers_clients_share_with_ours_needs_no_library_that_only_ours_has():
    """Locust runs in an environment of its own, with this file and paho."""
    ours_alone = ("cryptography", "simpy", "aiohttp", "pydantic", "yaml", "amqtt")
    hidden = "".join(f"sys.modules[{name!r}] = None; " for name in ours_alone)
    code = f"import sys; {hidden}import benchmarks.fleet_clients"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr
