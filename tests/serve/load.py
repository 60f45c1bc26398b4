"""Clients that work on a served cloud until it is gone, and a ledger of everything that was acknowledged to them."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

from up_rig import Device, Operator

from sim.serve.data_dir import Running

THING = "arn:aws:iot:us-west-2:123456789012:thing/"
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["iot:*", "iotjobsdata:*"], "Resource": "*"}]}
)
STEADY = "steady"
"""The job whose executions are updated all the time."""
XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass
class Ledger:
    """What was acknowledged: document by job, MD5 by object, things, and the last step of each device."""

    jobs: dict[str, str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    steps: dict[str, int] = field(default_factory=dict)
    pubacks: int = 0


class Load:
    """Four clients at a time; `hurt` is what one of them found wrong."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.ledger = Ledger()
        self._random = Random(seed)
        self._folder = folder
        self._devices: list[Device] = []
        self._tries: dict[str, int] = {}
        self._round = 0
        self.hurt: list[BaseException] = []

    def prepare(self, running: Running) -> None:
        """Things with certificates, a bucket and a job; all of it is acknowledged, and so belongs to the ledger."""
        operator = Operator(running)
        operator.iot("POST", "/policies/all", {"policyDocument": POLICY})
        for name in ("mqtt", "https", "idle"):
            operator.iot("POST", f"/things/{name}", {})
            made = operator.iot("POST", "/keys-and-certificate?setAsActive=true")
            operator.iot("PUT", "/target-policies/all", {"target": made["certificateArn"]})
            operator.iot("PUT", f"/things/{name}/principals", principal=made["certificateArn"])
            self._devices.append(Device(self._folder, name, made))
        assert operator.call("s3", "PUT", "/bucket").status == 200
        targets = [THING + device.thing for device in self._devices[:2]]
        operator.iot("PUT", f"/jobs/{STEADY}", {"targets": targets, "document": "{}"})
        self.ledger.jobs[STEADY] = "{}"
        operator.close()

    def begin(self, running: Running) -> list[threading.Thread]:
        """Let all clients work until the cloud is gone."""
        self._round += 1
        work: list[Callable[[Running], None]] = [
            self._create_jobs,
            self._put_objects,
            self._over_mqtt,
            self._over_https,
        ]
        threads = [threading.Thread(target=self._until_gone, args=(each, running)) for each in work]
        for thread in threads:
            thread.start()
        return threads

    def check(self, running: Running) -> None:
        """Every entry of the ledger is there."""
        operator = Operator(running)
        lost = self.ledger.jobs.keys() - _jobs(operator)
        assert not lost, f"jobs: {sorted(lost)}"
        for job_id in list(self.ledger.jobs)[-20:]:
            found = operator.iot("GET", f"/jobs/{job_id}/job-document")
            assert found["document"] == self.ledger.jobs[job_id]
        stored = _objects(operator)
        wrong = {key: stored.get(key) for key, md5 in self.ledger.objects.items() if stored.get(key) != md5}
        assert not wrong, f"objects: {wrong}"
        assert not self.ledger.gone & stored.keys(), "deleted objects are back"
        for thing, step in self.ledger.steps.items():
            execution = operator.iot("GET", f"/things/{thing}/jobs/{STEADY}")["execution"]
            kept = int(execution["statusDetails"]["detailsMap"]["step"])
            # The one that was under way when the process ended may or may not be there.
            assert step <= kept <= self._tries[thing], (thing, step, kept)
            assert execution["status"] == "IN_PROGRESS"
        operator.close()

    # The clients

    def _until_gone(self, work: Callable[[Running], None], running: Running) -> None:
        try:
            work(running)
        except (OSError, http.client.HTTPException):
            pass
        except BaseException as error:
            self.hurt.append(error)

    def _create_jobs(self, running: Running) -> None:
        with closing(Operator(running)) as operator:
            for number in count(1):
                job_id, document = f"job-{self._round}-{number}", json.dumps({"round": self._round, "number": number})
                operator.iot("PUT", f"/jobs/{job_id}", {"targets": [f"{THING}idle"], "document": document})
                self.ledger.jobs[job_id] = document

    def _put_objects(self, running: Running) -> None:
        with closing(Operator(running)) as operator:
            for number in count(1):
                key, size = f"{self._round}/{number}", self._random.choice([10, 10_000, 70_000, 300_000])
                content = self._random.randbytes(size)
                assert operator.call("s3", "PUT", f"/bucket/{key}", content).status == 200
                self.ledger.objects[key] = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
                if number % 3 == 0:
                    del self.ledger.objects[key]
                    assert operator.call("s3", "DELETE", f"/bucket/{key}").status == 204
                    self.ledger.gone.add(key)

    def _over_mqtt(self, running: Running) -> None:
        device = self._devices[0]
        with closing(device.mqtt(running)) as session:
            while not session.gone:
                step = self._next_step(device)
                acknowledged, accepted = session.ask(f"{STEADY}/update", _progress(step))
                self.ledger.pubacks += acknowledged
                if acknowledged or accepted:
                    self.ledger.steps[device.thing] = step

    def _over_https(self, running: Running) -> None:
        device = self._devices[1]
        with closing(device.https(running)) as connection:
            while True:
                step = self._next_step(device)
                connection.request("POST", f"/things/{device.thing}/jobs/{STEADY}", json.dumps(_progress(step)))
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200, body
                self.ledger.steps[device.thing] = step

    def _next_step(self, device: Device) -> int:
        self._tries[device.thing] = self._tries.get(device.thing, 0) + 1
        return self._tries[device.thing]


def _progress(step: int) -> dict[str, Any]:
    return {"status": "IN_PROGRESS", "statusDetails": {"step": str(step)}}


def _jobs(operator: Operator) -> set[str]:
    found: set[str] = set()
    more = ""
    while True:
        page = operator.iot("GET", f"/jobs?maxResults=250{more}")
        found |= {job["jobId"] for job in page["jobs"]}
        if "nextToken" not in page:
            return found
        more = f"&nextToken={page['nextToken']}"


def _objects(operator: Operator) -> dict[str, str]:
    """MD5 by key, of every object."""
    found: dict[str, str] = {}
    last = ""
    while True:
        answer = operator.call("s3", "GET", f"/bucket?list-type=2&start-after={last.replace('/', '%2F')}")
        root = ElementTree.fromstring(answer.body)
        page = {node.findtext(f"{XML}Key", ""): node.findtext(f"{XML}ETag", "") for node in root.iter(f"{XML}Contents")}
        found |= page
        if root.findtext(f"{XML}IsTruncated") != "true":
            return found
        last = max(page)
