"""boto3, with no code of ours, drives the vendor's cloud steps on a served cloud; a virtual device does the work.

The AWS CLI does the same in docs/tutorials/cloud.md, which a test follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_up import ACCOUNT, BUCKET, REGION, ROLE, THING, TRUST, Up, until
from upgrade_bench import NEW, OLD

from sim.scenario.packages import build

PACKAGE = "EG915UEUAB_V0002-V0003.pack"
GROUP = f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/field"
PRESIGNED = {"roleArn": ROLE, "expiresInSec": 3600}
SCENARIO = f"""\
version: 1
name: waiting
duration: 1d
fleet: [{{name: {THING}, model: EG915U, firmware: {OLD}, script: ./device}}]
"""
FILES = {
    "main.py": "import usr.aws_ota_test\n",
    "a.py": "def getversion():\n    return '1.0'\n",
    "b.py": "VERSION = '1.0'\n",
}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """`serve(scenario, …)` starts a cloud, a hundred and twenty times as fast as the wall."""
    made: list[Up] = []

    def start(*words: str) -> Up:
        made.append(Up(tmp_path / "data", *words, "--speed", "120"))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.stop()


def documents() -> dict[str, str]:
    """Job documents in the vendor's form."""

    def document(operation: str, version: str, files: dict[str, str]) -> str:
        entries = [
            {
                "fileName": name,
                "fileVersion": version,
                "fileSource": {"url": f"${{aws:iot:s3-presigned-url:{BUCKET}/{key}}}"},
            }
            for name, key in files.items()
        ]
        return json.dumps([{"operation": operation, "files": entries}])

    return {
        "fota.json": document("FOTA", NEW, {PACKAGE: PACKAGE}),
        "app_fota.json": document("app_fota", "2.0", {"/usr/a.py": "a.py", "/usr/b.py": "b.py"}),
    }


def contents() -> dict[str, bytes]:
    return {
        PACKAGE: build("EG915U", "differential", OLD, NEW)[0],
        "a.py": b"def getversion():\n    return '2.0'\n",
        "b.py": b"def getversion():\n    return '2.0'\n",
    }


def prepare(up: Up, texts: dict[str, str]) -> Any:
    """Bucket, uploads, role, thing, group, two jobs: what the vendor's document has people click."""
    s3, iot = up.client("s3"), up.client("iot")
    s3.create_bucket(Bucket="qpyota", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, body in {**contents(), **{name: text.encode() for name, text in texts.items()}}.items():
        s3.put_object(Bucket="qpyota", Key=key, Body=body)
    assert (
        up.client("iam").create_role(RoleName="qpyota-presign", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"] == ROLE
    )
    assert iot.describe_thing(thingName=THING)["thingName"] == THING  # the scenario's device has one
    iot.create_thing(thingName=THING)
    iot.create_thing_group(thingGroupName="field")
    iot.add_thing_to_thing_group(thingName=THING, thingGroupName="field")
    for job, name in (("jobfota", "fota.json"), ("jobappota", "app_fota.json")):
        iot.create_job(jobId=job, targets=[GROUP], documentSource=f"{BUCKET}/{name}", presignedUrlConfig=PRESIGNED)
    return iot


def status(iot: Any, job: str) -> str:
    (found,) = iot.list_job_executions_for_job(jobId=job)["executionSummaries"]
    return str(found["jobExecutionSummary"]["status"])


def firmwares(up: Up) -> list[str]:
    """What the device ran, boot after boot."""
    records = map(json.loads, (up.data / "trace.jsonl").read_text().splitlines())
    return [it["version"] for it in records if it["kind"] == "boot"]


def test_boto3_and_the_vendors_own_script(
    serve: Callable[..., Up], sample: tuple[dict[str, str], list[str]], tmp_path: Path
) -> None:
    """It asks for jobs after a boot only, so the device is switched off and on: the cloud goes down and comes back."""
    scripts, texts = sample
    (tmp_path / "device").mkdir()
    for name, text in {**FILES, **scripts}.items():
        (tmp_path / "device" / name).write_text(text)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    up = serve(str(tmp_path / "scenario.yaml"))
    iot = prepare(up, dict(zip(("fota.json", "app_fota.json"), texts, strict=True)))
    assert status(iot, "jobfota") == status(iot, "jobappota") == "QUEUED"
    up.stop()
    up.start()
    until(lambda: status(iot, "jobfota") == status(iot, "jobappota") == "SUCCEEDED")
    assert iot.describe_job(jobId="jobfota")["job"]["status"] == "COMPLETED"
    details = iot.describe_job_execution(jobId="jobfota", thingName=THING)["execution"]["statusDetails"]["detailsMap"]
    assert details["state"] == "package installed and started"
    assert (firmwares(up)[0], firmwares(up)[-1]) == (OLD, NEW)


def test_boto3_and_the_shipped_application(serve: Callable[..., Up]) -> None:
    """It heeds notifications, so nobody has to touch it."""
    up = serve("one_device")
    iot = prepare(up, documents())
    until(lambda: status(iot, "jobfota") == status(iot, "jobappota") == "SUCCEEDED")
    assert (firmwares(up)[0], firmwares(up)[-1]) == (OLD, NEW)
