"""Reports in other people's formats, read back by other people's readers, and what differs between two runs."""

import csv
import gzip
import json
import sys
from xml.etree import ElementTree as ET

import pytest
from fleet_rig import rollout
from trace_check import check_trace

from sim.cli.main import main
from sim.report.junit import junit

LIMITS = (
    "thresholds: {job_succeeded: [rate > 90%], devices_bricked: [count == 0]}\nexpect: [\"job['wave'].failed == 2\"]"
)


@pytest.fixture
def qpyota(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return ended.value.code, *capsys.readouterr()

    return call


def test_a_scenario_names_its_reports(qpyota, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    more = """
report:
  store: out/run.sqlite
  summary: out/summary.json
  junit: out/junit.xml
  csv: out/tables
  parquet: out/columns
  trace: out/trace.json.gz
faults:
  - power_cut: { device: good, when: { phase: apply, progress: 50% }, off_for: 5s }"""
    assert qpyota("run", rollout(tmp_path, LIMITS + more), "--transport", "memory", "-q")[0] == 1
    out = tmp_path / "out"

    told = json.loads((out / "summary.json").read_text())
    assert told["result"]["thresholds"][0]["shown"] == "60.00%"
    assert told["jobs"][0]["succeeded"] == 3

    suite = ET.parse(out / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "0")
    assert suite.find("testcase/failure/..").get("name") == "job_succeeded  rate > 90%"
    assert "bad-00001: job wave ended FAILED" in suite.find("system-out").text

    with (out / "tables" / "executions.csv").open(newline="") as file:
        executions = list(csv.DictReader(file))
    assert [row["status"] for row in executions].count("SUCCEEDED") == 3

    tables = {path.stem: parquet.read_table(path) for path in (out / "columns").iterdir()}
    assert {name: table.num_rows for name, table in tables.items() if name != "events"} == {
        "devices": 5, "executions": 5, "metrics": tables["metrics"].num_rows,
    }  # fmt: skip
    assert tables["events"].num_rows > 50
    assert tables["executions"].column("status").to_pylist() == [row["status"] for row in executions]

    trace = json.loads(gzip.decompress((out / "trace.json.gz").read_bytes()))["traceEvents"]
    assert check_trace(trace) == 5
    slices = {event["name"] for event in trace if event["ph"] == "X"}
    assert {"wave", "download", "verify", "reboot", "off", "apply", "confirm"} <= slices
    assert {"power.cut", "boot"} <= {event["name"] for event in trace if event["ph"] == "i"}


def test_the_same_run_makes_the_same_trace(qpyota, tmp_path):
    source = rollout(tmp_path)
    for name in "ab":
        qpyota("run", source, "--transport", "memory", "-q", "--store", f"{name}.db")
        assert qpyota("export", f"{name}.db", "--to", "trace", "-o", f"{name}.gz")[1] == f"{name}.gz\n"
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def planted(**change):
    good = {"ph": "X", "name": "a", "pid": 1, "tid": 1, "ts": 0, "dur": 10}
    name = {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "d"}}
    return [name, good, {"ph": "X", "name": "b", "pid": 1, "tid": 1, "ts": 5, "dur": 5} | change]


@pytest.mark.parametrize("change", [{"dur": 6}, {"ts": -1}, {"dur": 0}, {"tid": 2}, {"name": ""}, {"ph": "f", "id": 1}])
def test_the_checker_finds_what_is_wrong(change):
    check_trace(planted())
    with pytest.raises((AssertionError, KeyError)):
        check_trace(planted(**change))


def test_a_problem_of_the_run_is_an_error_and_odd_characters_are_written():
    head = dict.fromkeys(("id", "seed", "transport", "qpyota", "python", "trace_hash", "replay"), "x")
    head |= {"scenario": "s", "wall_s": 1.0, "began": "2026-01-01T00:00:00+00:00"}
    result = {"expects": [], "thresholds": [], "failures": [], "problems": ["a\x00b]]>"], "explanations": ["<&\x1b"]}
    suites = ET.fromstring(junit(head, result))
    assert suites.get("errors") == "1"
    assert suites.find("testsuite/testcase/error").text == "a\ufffdb]]>"
    assert suites.find("testsuite/system-out").text == "<&\ufffd"


def test_differences_are_told_device_by_device(qpyota, tmp_path):
    runs = {"a": (3, 2), "b": (3, 1)}
    for name, (good, bad) in runs.items():
        qpyota("run", rollout(tmp_path, LIMITS, good, bad), "--transport", "memory", "-q", "--store", f"{name}.db")
    code, out, _ = qpyota("compare", "a.db", "b.db", "--json")
    told = json.loads(out)
    assert (code, told["differs"], told["same_trace"]) == (1, True, False)
    assert told["expects"][0]["passed"] == [True, False]
    assert told["thresholds"][0]["shown"] == ["60.00%", "75.00%"]
    assert [job["failed"] for job in told["jobs"]["wave"]] == [2, 1]
    assert [one["device"] for one in told["devices"]] == ["bad-00002"]
    code, out, _ = qpyota("compare", "a.db", "b.db")
    assert "bad-00002: firmware EG915UEUABR03A19M08_OCPU_QPY → None" in out
    assert qpyota("compare", "a.db", "a.db")[0] == 0


def test_a_missing_pyarrow_is_told(qpyota, tmp_path, monkeypatch):
    qpyota("run", rollout(tmp_path), "--transport", "memory", "-q", "--store", "a.db")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = qpyota("export", "a.db", "--to", "parquet")
    assert (code, "pip install 'qpyota[parquet]'" in err) == (4, True)
