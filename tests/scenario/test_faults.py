"""Faults of devices: what each does, when it comes, whom it strikes, and that a run tells when it did not come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from sim.device.catalogue import load_model
from sim.errors import SpecError
from sim.scenario.faults import struck
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import run_scenario
from sim.scenario.schema_faults import Fault
from sim.trace import Record

OLD, NEW = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
DEVICE = {"model": "EG915U", "firmware": OLD, "agent": "modelled"}
URL = "${aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/a21.pack}"
DOCUMENT = [{"operation": "FOTA", "files": [{"fileName": "a21.pack", "fileVersion": NEW, "fileSource": {"url": URL}}]}]
RETRIED = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 3}]}
EARLY = {"event": "job.IN_PROGRESS"}


def written(folder: Path, *faults: dict[str, Any], **keys: Any) -> Path:
    job = {"jobId": "j", "at": "1m", "targets": ["g"], "presignedUrlConfig": {}, "document": DOCUMENT}
    base = {
        "version": 1,
        "name": "faulty",
        "seed": 3,
        "duration": "6h",
        "fleet": [{"group": "g", "count": 3, **DEVICE}],
        "packages": {"a21": {"from": OLD, "to": NEW}},
        "cloud": {"buckets": {"firmware": {"a21.pack": {"package": "a21"}}}},
        "jobs": [{**job, "jobExecutionsRetryConfig": RETRIED}],
        "faults": list(faults),
        "expect": ["job['j'].succeeded == 3"],
    }
    file = folder / "faulty.yaml"
    file.write_text(yaml.safe_dump({**base, **keys}, sort_keys=False))
    return file


def played(file: Path, transport: Any = "memory") -> tuple[RunResult, list[Record]]:
    records: list[Record] = []
    return run_scenario(load_scenario(file), RunOptions(transport=transport, tls=False), [records.append]), records


def told(records: list[Record], what: str) -> list[tuple[str, int]]:
    return [
        (record.track, record.at_us) for record in records if record.kind == "fault" and record.data["what"] == what
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"power_cut": {"device": "d", "when": {"at": "5s"}, "times": 2}},
        {"power_cut": {"device": "d", "when": {"at": "5s"}, "together": "all"}},
        {"power_cut": {"device": "d", "when": {"op": "flash.program", "nth": [5, 2]}}},
        {"power_cut": {"device": "d", "when": {"event": "job.STARTED"}}},
        {"low_battery": {"device": "d", "when": {"at": "5s"}}},
        {"low_battery": {"device": "d", "when": {"at": "5s"}, "level": "4%", "voltage": "3.3V"}},
        {"clock_skew": {"device": "d", "when": {"at": "5s"}}},
        {"url_expired": {"bucket": "b", "key": "k", "device": "d", "when": {"at": "5s"}}},
        {"url_expired": {"device": "d"}},
        {"corrupt_download": {"device": "d", "when": {"at": "5s"}, "flip_bits": 0}},
        {"cell_outage": {"network": "n", "at": "5s"}},
        {"broker_down": {"at": "5s", "for": 60}},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate(fault)


def test_a_fault_whose_moment_never_comes_makes_the_run_incomplete(tmp_path: Path) -> None:
    result, _ = played(written(tmp_path, {"truncate": {"device": "g-00001", "when": {"event": "mini.boot"}}}))
    assert result.problems == ["a fault never happened: truncate of g-00001 when {event: mini.boot}"]


def test_a_download_fault_has_not_happened_before_it_spoiled_one(tmp_path: Path) -> None:
    late = {"event": "job.SUCCEEDED"}
    result, _ = played(written(tmp_path, {"corrupt_download": {"device": "g-00001", "when": late}}))
    assert result.problems == ["a fault never happened: corrupt_download of g-00001 when {event: job.SUCCEEDED}"]


def test_a_share_that_draws_nobody_is_said(tmp_path: Path) -> None:
    fault = {"power_cut": {"device": "g", "share": "0%", "when": {"at": "5s"}}}
    result, _ = played(written(tmp_path, fault))
    assert result.passed
    assert result.notes == ["power_cut of g: the share of 0% drew no device"]


def test_a_bad_block_of_a_partition_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="unknown partition 'attic'; there are BOOT"):
        played(written(tmp_path, {"bad_block": {"device": "g", "when": {"at": "0s"}, "partition": "attic"}}))


KINDS: list[tuple[str, dict[str, Any], str]] = [
    ("power_cut", {"when": {"op": "flash.program", "phase": "apply", "nth": [5, 40]}}, "power.cut"),
    ("power_cut", {"when": {"op": "http.chunk", "nth": 1}}, "power.cut"),
    ("brown_out", {"when": {"op": "mqtt.pub", "nth": 2}}, "power.cut"),
    ("brown_out", {"when": {"op": "flash.program", "phase": "apply", "nth": 3}, "torn": "suffix"}, "power.cut"),
    ("link_loss", {"when": EARLY, "for": "30s"}, "link.lost"),
    ("low_battery", {"when": EARLY, "level": "4%", "for": "1m"}, "fault"),
    ("fs_full", {"when": EARLY, "free": "8KiB"}, "fault"),
    ("corrupt_download", {"when": EARLY, "flip_bits": 3}, "fault"),
    ("truncate", {"when": EARLY, "after": "1000B"}, "fault"),
    ("stall", {"when": EARLY, "for": "5s"}, "fault"),
    ("stall", {"when": EARLY, "for": "5m"}, "fault"),
    ("throttled", {"when": EARLY, "rate": "2KB/s", "for": "1m"}, "fault"),
    ("clock_skew", {"when": {"at": "30s"}, "behind": "2h"}, "fault"),
    ("url_expired", {"when": EARLY}, "fault"),
]


@pytest.mark.parametrize(("kind", "body", "seen"), KINDS, ids=[f"{n}-{k[0]}" for n, k in enumerate(KINDS)])
def test_the_fault_happens_once_to_each_and_the_job_gets_over_it(
    tmp_path: Path, kind: str, body: dict[str, Any], seen: str
) -> None:
    result, records = played(written(tmp_path, {kind: {"device": "g", **body}}))
    assert result.passed, (result.expects, result.problems)
    hits = [r.track for r in records if r.kind == seen]
    assert sorted(set(hits)) == ["g-00001", "g-00002", "g-00003"]
    assert len(hits) == 3


@pytest.mark.parametrize("kind", ["corrupt_download", "truncate", "url_expired"])
def test_a_spoiled_download_fails_the_first_attempt(tmp_path: Path, kind: str) -> None:
    _, records = played(written(tmp_path, {kind: {"device": "g-00002", "when": EARLY}}))
    failed = [r.track for r in records if r.kind == "execution" and r.data["new"] == "FAILED"]
    assert failed == ["g-00002@cloud"]


def test_a_bad_block_lasts_from_the_next_start_on(tmp_path: Path) -> None:
    image = load_model("EG915U").images[0]
    bad = {"bad_block": {"device": "g-00001", "when": EARLY, "partition": image, "sector": 3}}
    _, records = played(written(tmp_path, bad, expect=[], duration="1h"))
    ((_, at_us),) = told(records, "bad_block")
    assert at_us > next(r.at_us for r in records if r.track == "g-00001" and r.kind == "reset")


def test_a_cell_goes_with_all_of_its_devices_and_no_other(tmp_path: Path) -> None:
    fleet = [{"group": "g", "count": 12, **DEVICE, "network": "yard"}]
    networks = {"yard": {"cells": {"count": 3, "rate": "1MB/s"}}}
    outage = {"cell_outage": {"network": "yard", "cell": 1, "at": "50s", "for": "2m", "every": "10m", "times": 2}}
    file = written(tmp_path, outage, fleet=fleet, networks=networks, expect=["job['j'].succeeded == 12"])
    result, records = played(file)
    hits = told(records, "cell_outage")
    assert {at_us for _, at_us in hits} <= {50_000_000, 650_000_000}
    assert 0 < len({track for track, _ in hits}) < 12
    assert [e.passed for e in result.expects] == [True]


def test_one_draw_may_be_for_all_or_for_a_cell(tmp_path: Path) -> None:
    fleet = [{"group": "g", "count": 60, **DEVICE, "network": "yard"}]
    networks = {"yard": {"cells": {"count": 4, "rate": "1MB/s"}}}

    def drawn(seed: int, **more: Any) -> list[str]:
        cut = {"power_cut": {"device": "g", "share": "50%", "when": {"at": "5s"}, **more}}
        return struck(load_scenario(written(tmp_path, cut, fleet=fleet, networks=networks)), 0, seed)

    assert {len(drawn(seed, together="all")) for seed in range(12)} == {0, 60}
    by_cell = {len(drawn(seed, together="cell")) for seed in range(6)}
    assert len(by_cell) > 2
    assert all(15 < len(drawn(seed)) < 45 for seed in range(6))


def test_more_faults_and_more_devices_change_no_draw(tmp_path: Path) -> None:
    cut = {"power_cut": {"device": "g", "share": "30%", "when": {"at": "5s"}}}
    few = struck(load_scenario(written(tmp_path, cut, fleet=[{"group": "g", "count": 40, **DEVICE}])), 0, 9)
    more = written(tmp_path, cut, cut, fleet=[{"group": "g", "count": 400, **DEVICE}])
    many = struck(load_scenario(more), 0, 9)
    assert [name for name in many if name <= "g-00040"] == few
    assert many != struck(load_scenario(more), 1, 9)


def test_the_broker_is_down_for_everybody_and_comes_back(tmp_path: Path) -> None:
    result, records = played(written(tmp_path, {"broker_down": {"at": "30s", "for": "3m"}}))
    assert result.passed, (result.expects, result.problems)
    closed = [r for r in records if r.kind == "mqtt.closed"]
    assert {r.data["reason"] for r in closed} == {"closed", "refused"}
    assert not [r for r in records if r.kind == "mqtt.connack" and 30_000_000 < r.at_us < 210_000_000]


def test_every_and_times(tmp_path: Path) -> None:
    loss = {"link_loss": {"device": "g-00001", "when": {"at": "10s"}, "for": "1s", "every": "20s", "times": 3}}
    result, records = played(written(tmp_path, loss))
    assert result.passed, result.problems
    assert [r.at_us for r in records if r.kind == "link.lost"] == [10_000_000, 30_000_000, 50_000_000]


EVERYTHING = [
    {"power_cut": {"device": "g-00001", "when": {"op": "flash.program", "phase": "apply", "nth": [1, 200]}}},
    {"brown_out": {"device": "g-00002", "when": {"event": "mqtt.connack"}}},
    {"corrupt_download": {"device": "g-00002", "when": EARLY}},
    {"stall": {"device": "g-00003", "when": EARLY, "for": "10s"}},
    {"url_expired": {"device": "g-00003", "when": EARLY}},
    {"broker_down": {"at": "30s", "for": "20s"}},
    {"throttled": {"device": "g", "when": {"at": "1m"}, "rate": "20KB/s"}},
    {"fs_full": {"device": "g", "when": {"at": "40s"}, "free": "16KiB"}},
]


def test_memory_and_sockets_have_the_same_faults(tmp_path: Path) -> None:
    file = written(tmp_path, *EVERYTHING)
    (memory, _), (virtual, _) = played(file), played(file, "virtual")
    assert memory.passed, (memory.expects, memory.problems)
    assert virtual.passed, (virtual.expects, virtual.problems)
    assert memory.trace_hash == virtual.trace_hash
