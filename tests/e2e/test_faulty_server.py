"""Each fault of the artifact server against an upgrade: the documented code, an untouched flash, and a second try."""

from __future__ import annotations

import pytest
from upgrade_bench import NEW, OLD, ROOT

from sim.device.peek import installed_version, read_file
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

PACK = "bucket: qpyota, key: EG915UEUAB_V0002-V0003.pack"
APP = "bucket: qpyota, key: a.py"
OUR_APP = {path.name: path.read_bytes() for path in (ROOT / "scenarios" / "apps" / "aws_ota").iterdir()}

CLOSED, READ_TIMEOUT, RESPONSE, VERIFY = 719, 722, 723, 505
"""Quectel LTE Standard(A) DFOTA user guide V1.5, HTTP(S) table; 505 is a package that fails its check."""

FAULTS = {
    "stalled": (f"stalled: {{{PACK}, after: 40KiB, for: 5m}}", READ_TIMEOUT),
    "truncated": (f"truncated: {{{PACK}, after: 40KiB}}", CLOSED),
    "truncated in the first range": (f"truncated: {{{PACK}, after: 100B}}", CLOSED),
    "reset": (f"connection_reset: {{{PACK}, after: 40KiB}}", CLOSED),
    "length too large": (f"wrong_length: {{{PACK}, says: 1MiB}}", CLOSED),
    "length too small": (f"wrong_length: {{{PACK}, says: 10KiB}}", CLOSED),
    "403": (f"http_status: {{{PACK}, status: 403}}", RESPONSE),
    "404": (f"http_status: {{{PACK}, status: 404}}", RESPONSE),
    "503": (f"http_status: {{{PACK}, status: 503}}", RESPONSE),
    "redirect": (
        f"redirected: {{{PACK}, to: 'https://qpyota.s3.us-west-2.amazonaws.com/a.py', status: 302}}",
        RESPONSE,
    ),
}

FLEET = f"""\
version: 1
name: faulty
seed: 5
duration: 2h
fleet:
  - {{ name: dev, model: EG915U, firmware: {OLD}, agent: modelled }}
packages:
  delta: {{ from: {OLD}, to: {NEW} }}
cloud:
  buckets:
    qpyota: {{ EG915UEUAB_V0002-V0003.pack: {{ package: delta }} }}
jobs:
  - jobId: fw
    targets: [dev]
    presignedUrlConfig: {{}}
    jobExecutionsRetryConfig: {{ criteriaList: [{{ failureType: FAILED, numberOfRetries: 2 }}] }}
    document:
      - operation: FOTA
        files:
          - fileName: p.pack
            fileVersion: {NEW}
            fileSource:
              url: ${{aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/EG915UEUAB_V0002-V0003.pack}}
"""


def run(tmp_path, faults, transport="memory", tls=False, speed=None):
    """The built-in agent under these faults: the result and the records."""
    source = tmp_path / "faulty.yaml"
    source.write_text(FLEET + "faults:\n" + "".join(f"  - {fault}\n" for fault in faults))
    records = []
    options = RunOptions(transport=transport, tls=tls, speed=speed)
    return run_scenario(load_scenario(source), options, [records.append]), records


def reported(records):
    """Status and code of every attempt that ended, in order."""
    done = [it.data for it in records if it.kind == "execution" and it.data["new"] not in ("QUEUED", "IN_PROGRESS")]
    return [(str(it["new"]), it["details"].get("code")) for it in done]


# The application on a script


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS)
def test_a_server_that_never_gets_it_right_fails_the_job_and_harms_nothing(bench, fault, code):
    done = bench(faults=f"[{{{fault}}}]", files=OUR_APP, duration="2h").run_until_finished()
    assert done.status("jobfota") == "FAILED"
    assert {it["code"] for it in done.kinds("fota.failed")} == {code}
    assert [it for it in done.kinds("reset") if it["reason"] == "fota"] == []
    boots = done.device.boots
    done.power_cycle()
    assert (done.device.boots, done.device.version, installed_version(done.device)) == (boots + 1, OLD, OLD)


@pytest.mark.parametrize("fault", [text for text, _ in FAULTS.values()], ids=FAULTS)
def test_a_server_that_gets_it_wrong_once_only_costs_an_attempt(bench, fault):
    once = fault.replace("}", ", times: 1}")
    done = bench(faults=f"[{{{once}}}]", files=OUR_APP, duration="2h").run_until_finished()
    assert (done.status("jobfota"), installed_version(done.device)) == ("SUCCEEDED", NEW)
    assert len(done.kinds("fota.failed")) == 1


def test_a_slow_server_only_takes_longer(bench):
    done = bench(faults=f"[{{rate_limited: {{{PACK}, rate: 2KiB/s}}}}]", duration="2h").run_until_finished()
    assert (done.status("jobfota"), installed_version(done.device)) == ("SUCCEEDED", NEW)
    package_bytes = sum(it["bytes"] for it in done.kinds("http") if it["url"].endswith(".pack"))
    began_us, ended_us = (
        next(it.at_us for it in done.records if it.kind == "phase" and it.data["phase"] == phase)
        for phase in ("download", "verify")
    )
    assert (ended_us - began_us) / 1e6 > package_bytes / 2048


def test_a_server_that_knows_no_ranges_sends_everything_every_time(bench):
    done = bench(faults=f"[{{ignored_range: {{{PACK}}}}}]").run_until_finished()
    assert (done.status("jobfota"), installed_version(done.device)) == ("SUCCEEDED", NEW)
    sizes = {it["bytes"] for it in done.kinds("http") if it["url"].endswith(".pack")}
    assert len(sizes) == 1
    assert sizes.pop() > 100_000


# Application files, which nobody checks


@pytest.mark.parametrize("fault", ["truncated", "connection_reset"])
def test_a_file_that_breaks_off_counts_as_complete_as_on_the_device(bench, fault):
    done = bench(faults=f"[{{{fault}: {{{APP}, after: 20B}}}}]", files=OUR_APP).run_until_finished()
    assert done.status("jobfota") == "SUCCEEDED"
    assert read_file(done.device, "/usr/a.py") == b"def getversion():\n  "


@pytest.mark.parametrize(
    "fault",
    [
        f"http_status: {{{APP}, status: 500, times: 1}}",
        f"redirected: {{{APP}, to: 'https://qpyota.s3.us-west-2.amazonaws.com/b.py', times: 1}}",
    ],
)
def test_a_file_that_is_refused_once_is_asked_for_again(bench, fault):
    done = bench(faults=f"[{{{fault}}}]", files=OUR_APP).run_until_finished()
    assert done.status("jobfota") == "SUCCEEDED"
    assert b"2.0" in read_file(done.device, "/usr/a.py")


def test_a_silent_server_raises_in_the_script_that_asks_for_a_file(bench):
    done = bench(faults=f"[{{stalled: {{{APP}, after: 20B, for: 10m}}}}]", files=OUR_APP).run_until_finished()
    assert done.status("jobappota") == "FAILED"
    details = [it["details"] for it in done.kinds("execution") if it["new"] == "FAILED"]
    assert "ETIMEDOUT" in details[0]["reason"]
    assert b"1.0" in read_file(done.device, "/usr/a.py")


# The built-in agent


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS)
def test_the_agent_reports_the_code_and_a_retry_succeeds(tmp_path, fault, code):
    result, records = run(tmp_path, [fault.replace("}", ", times: 1}")])
    assert reported(records) == [("FAILED", str(code)), ("SUCCEEDED", None)]
    assert result.problems == []


def test_a_fault_that_had_no_hold_on_anything_makes_the_run_incomplete(tmp_path):
    result, _ = run(tmp_path, [f"truncated: {{{PACK}, after: 100MiB}}"])
    assert result.problems == ["a fault never happened: truncated of qpyota/EG915UEUAB_V0002-V0003.pack"]


@pytest.mark.parametrize(
    "faults",
    [
        [
            f"rate_limited: {{{PACK}, rate: 7KiB/s, times: 3}}",
            f"stalled: {{{PACK}, after: 40KiB, for: 15s, times: 1}}",
            f"connection_reset: {{{PACK}, after: 70000B, times: 1}}",
            f"ignored_range: {{{PACK}, from: 45s}}",
        ],
        [
            f"stalled: {{{PACK}, after: 0B, for: 6m, times: 1}}",
            f"truncated: {{{PACK}, after: 50KiB, times: 1, from: 40s}}",
        ],
    ],
    ids=["slow", "broken"],
)
def test_faults_are_the_same_on_every_transport(tmp_path, faults):
    reference, records = run(tmp_path, faults)
    assert reported(records)[-1] == ("SUCCEEDED", None)
    for how in (
        {"transport": "virtual"},
        {"transport": "virtual", "tls": True},
        {"transport": "paced", "speed": 200.0},
    ):
        result, others = run(tmp_path, faults, **how)
        assert [f"{it.at_us} {it.kind} {it.data}" for it in others if it.track == "dev"] == [
            f"{it.at_us} {it.kind} {it.data}" for it in records if it.track == "dev"
        ], how
        assert result.trace_hash == reference.trace_hash
