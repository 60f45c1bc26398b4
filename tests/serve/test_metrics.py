"""What Prometheus finds at a served fleet: its names, its sums, and nothing that names a device."""

import http.client
import json
import re
import socket
import time
from collections import Counter
from urllib.parse import urlsplit
from urllib.request import urlopen

from fleet_rig import rollout
from prometheus_client.parser import text_string_to_metric_families
from up_rig import Up, free_port

from sim.fleet.histogram import Histogram
from sim.report.prometheus import BOUNDS_S, buckets_s
from sim.serve.metrics import DASHBOARD


def get(url):
    with urlopen(url, timeout=30) as response:
        return response.headers["Content-Type"], response.read().decode()


def samples(text):
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_a_served_rollout_is_measured(tmp_path):
    source = rollout(tmp_path, good=2, bad=1)
    with Up(tmp_path, str(source), "--metrics-port", str(free_port()), "--speed", "200") as up:
        url = up.start().metrics_url
        for _ in range(400):
            kind, text = get(url)
            found = samples(text)
            ended = [told for told, _ in found.get("qpyota_job_executions_total", ())]
            if {"SUCCEEDED", "FAILED"} <= {told["status"] for told in ended}:
                break
            time.sleep(0.05)
        assert kind.startswith("text/plain; version=")
        status = Counter()
        for told, value in found["qpyota_job_executions_total"]:
            status[told["status"]] += value
        assert (status["QUEUED"], status["FAILED"]) == (3, 1)
        assert sum(value for _, value in found["qpyota_devices"]) == 3
        assert found["qpyota_build_info"][0][1] == 1
        assert sum(value for _, value in found["qpyota_http_download_bytes_total"]) > 100_000
        assert sum(value for _, value in found["qpyota_flash_ops_total"]) > 100
        counts = [value for _, value in found["qpyota_mqtt_connect_duration_seconds_count"]]
        assert sum(counts) >= 3
        assert not re.search(r"(good|bad)-0000", text)
        dashboard = json.loads(get(url.replace("/metrics", "/grafana.json"))[1])
        assert dashboard == json.loads(DASHBOARD.read_text())
        assert_dashboard_names_exist(dashboard, text)
        refused(url)
        assert up.end() == 0


def assert_dashboard_names_exist(dashboard, text):
    """Families that have samples later only (a fault, an update) are known by their TYPE line."""
    known = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"qpyota_\w+", target["expr"]):
                assert name.removesuffix("_bucket") in known, name


def refused(url):
    parts = urlsplit(url)
    for method, path, status in (("POST", "/metrics", 405), ("GET", "/", 404)):
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        connection.request(method, path)
        assert connection.getresponse().status == status
        connection.close()


def test_a_taken_port_is_named_with_its_option(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        up = Up(tmp_path, "--metrics-port", str(taken.getsockname()[1]))
        up.launch()
        assert up._process.wait(60) == 4
        up._process = None
        assert "--metrics-port" in up._log.read_text()


def test_fixed_bounds_add_up():
    histogram = Histogram()
    for value in (0, 40_000, 2_000_000, 10**12):
        histogram.add(value)
    told = dict(buckets_s(histogram))
    assert (told["0.05"], told["1.0"], told["2.5"], told["86400.0"], told["+Inf"]) == (2, 2, 3, 3, 4)
    assert len(told) == len(BOUNDS_S) + 1
