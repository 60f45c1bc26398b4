"""The scenario language: what each value may be. Places and wording in files are test_loader's subject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sim.flash.torn import Torn
from sim.scenario.schema import Fleet, Object, Package, Scenario
from sim.scenario.schema_faults import Fault, When
from sim.scenario.schema_jobs import Job
from sim.scenario.values import DOCUMENT_CHARS, S3Object, parse_s3_url

FLEET = {"model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY"}
JOB = {"jobId": "jobfota", "targets": ["dev"], "document": "[]"}


def scenario(tmp_path: Path, **more: Any) -> Scenario:
    data = {"version": 1, "name": "x", "fleet": [{"name": "dev", **FLEET}], **more}
    return Scenario.model_validate(data, context={"source": tmp_path / "x.yaml"})


@pytest.mark.parametrize(
    "fleet",
    [
        {},
        {"name": "a", "count": 2},
        {"group": "g", "count": 0},
        {"group": "g", "count": 100_001},
        {"group": "g", "count": "3"},
        {"group": "g", "count": True},
        {"name": "a/b"},
        {"name": "a" * 129},
        {"name": "a", "umqtt": "newest"},
        {"name": "a", "generation": "G23"},
        {"name": "a", "network": {"ideal": "50%"}},
        {"name": "a", "battery": {}},
        {"name": "a", "start": {"ramp": 10}},
        {"name": "a", "script": "no/such/folder"},
    ],
)
def test_a_fleet_entry_that_makes_no_sense_is_refused(fleet: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fleet.model_validate({**FLEET, **fleet})


def test_a_name_is_one_device_and_a_group_numbers_its_devices() -> None:
    assert Fleet.model_validate({**FLEET, "name": "QuecPython_OTA"}).devices() == ("QuecPython_OTA",)
    assert Fleet.model_validate({**FLEET, "group": "g", "count": 2}).devices() == ("g-00001", "g-00002")


def test_the_umqtt_year_may_be_written_as_a_number() -> None:
    assert Fleet.model_validate({**FLEET, "name": "a", "umqtt": 2021}).umqtt == "2021"


@pytest.mark.parametrize(
    "package",
    [{}, {"to": "B"}, {"method": "full", "from": "A", "to": "B"}, {"method": "mini", "to": "B"}, {"from": "A"}],
)
def test_a_package_without_the_versions_its_method_needs_is_refused(package: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Package.model_validate(package)


@pytest.mark.parametrize("content", [{}, {"package": "p", "text": "t"}, {"file": "missing.json"}, {"text": 2.0}])
def test_an_object_has_exactly_one_content(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Object.model_validate(content)


@pytest.mark.parametrize(
    "job",
    [
        {"document": None},
        {"documentSource": "https://b.s3.us-west-2.amazonaws.com/k"},
        {"document": "{not json"},
        {"document": "[" + " " * DOCUMENT_CHARS + "]"},
        {"targets": []},
        {"jobId": "a/b"},
        {"jobId": "a" * 65},
        {"at": 5},
        {"at": "-5s"},
        {"presignedUrlConfig": {"expiresInSec": 59}},
        {"presignedUrlConfig": {"expiresInSec": 3601}},
        {"presignedUrlConfig": {"expiresInSec": "60s"}},
    ],
)
def test_a_job_that_aws_or_the_rule_of_units_refuses_is_refused(job: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Job.model_validate({**JOB, **job})


def test_a_job_document_may_be_text_or_values() -> None:
    assert Job.model_validate({**JOB, "document": '[{"operation": "FOTA"}]'}).document == '[{"operation": "FOTA"}]'
    assert Job.model_validate({**JOB, "document": [{"operation": "FOTA"}]}).document == '[{"operation": "FOTA"}]'


def test_aws_defaults_of_a_presigned_url() -> None:
    config = Job.model_validate({**JOB, "presignedUrlConfig": {"roleArn": "arn:aws:iam::1:role/r"}}).presigned
    assert config is not None
    assert config.expires_s == 3600


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://qpyota.s3.us-west-2.amazonaws.com/a.py", S3Object("qpyota", "a.py")),
        ("https://s3.us-west-2.amazonaws.com/qpyota/dir/a%20b.py", S3Object("qpyota", "dir/a b.py")),
    ],
)
def test_both_forms_of_an_s3_url(url: str, found: S3Object) -> None:
    assert parse_s3_url(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fota.json",
        "http://qpyota.s3.us-west-2.amazonaws.com/a.py",
        "https://qpyota.s3.us-west-2.amazonaws.com/",
        "https://s3.us-west-2.amazonaws.com/qpyota",
        "https://example.org/qpyota/a.py",
        "https://[",
    ],
)
def test_anything_else_is_not_an_s3_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"S3 URL|IPv6"):
        parse_s3_url(url)


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"nth": 3},
        {"op": "flash.erase"},
        {"op": "flash.read", "nth": 1},
        {"op": "flash.erase", "nth": 0},
        {"phase": "apply"},
        {"phase": "apply", "progress": 0.5},
        {"phase": "lunch", "progress": "5%"},
        {"at": "5s", "op": "flash.erase", "nth": 1},
    ],
)
def test_a_moment_has_one_of_its_shapes(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        When.model_validate(when)


def test_a_power_cut_in_full() -> None:
    cut = {
        "device": "dev",
        "when": {"op": "flash.program", "phase": "apply", "nth": 37},
        "torn": "suffix",
        "off_for": "1m",
    }
    fault = Fault.model_validate({"power_cut": cut}).power_cut
    assert fault is not None
    assert (fault.torn, fault.off_for_us, fault.when.nth) == (Torn.SUFFIX, 60_000_000, (37, 37))


def test_a_fault_has_exactly_one_kind() -> None:
    expired = {"bucket": "b", "key": "k"}
    for fault in ({}, {"url_expired": expired, "object_missing": expired}, {"earthquake": expired}):
        with pytest.raises(ValidationError):
            Fault.model_validate(fault)


def test_quantities_become_base_units(tmp_path: Path) -> None:
    corrupt = {"corrupt_object": {"bucket": "b", "key": "k", "offset": "4KiB"}}
    found = scenario(tmp_path, duration="1.5h", jobs=[{**JOB, "at": "250ms"}], faults=[corrupt])
    assert found.duration_us == 5_400_000_000
    assert found.jobs[0].at_us == 250_000
    assert found.faults[0].corrupt_object is not None
    assert found.faults[0].corrupt_object.offset_bytes == 4096


def test_paths_are_taken_from_the_scenarios_folder(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "a.py").write_text("x")
    found = scenario(
        tmp_path,
        fleet=[{"name": "dev", "script": "app", **FLEET}],
        cloud={"buckets": {"box": {"a.py": {"file": "a.py"}}}},
    )
    assert found.fleet[0].script == tmp_path / "app"
    assert found.cloud.buckets["box"]["a.py"].file == tmp_path / "a.py"
    assert found.source == tmp_path / "x.yaml"


def test_a_target_is_a_device_or_all_of_a_group(tmp_path: Path) -> None:
    fleet = [{"group": "g", "count": 2, **FLEET}, {"name": "solo", "group": "g", **FLEET}]
    found = scenario(tmp_path, fleet=fleet)
    assert found.things("g") == ("g-00001", "g-00002", "solo")
    assert found.things("g-00002") == ("g-00002",)
    assert found.things("nobody") == ()


def test_a_scenario_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        scenario(tmp_path).seed = 2  # type: ignore[misc]


def test_a_backup_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    entry = {"name": "dev", **FLEET, "backup": "kept"}
    assert scenario(tmp_path, fleet=[entry]).fleet[0].backup == tmp_path / "kept"
    with pytest.raises(ValidationError, match="there is no 'gone' beside the scenario"):
        scenario(tmp_path, fleet=[{**entry, "backup": "gone"}])
