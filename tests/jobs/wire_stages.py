"""The same service behind real sockets: MQTT on simulation time, and REST with boto3 as the operator.

One server for all rows; each row gets an account of its own behind it, and what a former account still has to say goes
nowhere. On MQTT the connection of thing t subscribes to its notifications, and everything it gets is read in order.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from aws_rig import REGION, Cloud, Face
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from broker_rig import Raw, free_port
from stages import HOUR_S, Answer, Direct, Stage, notifications, read_reply
from tables import HTTPS

from sim.cloud.account import Account
from sim.cloud.broker import AwsBroker
from sim.cloud.sigv4 import OPERATOR
from sim.jobs.rules import JobRules
from sim.kernel.clock import Clock
from sim.mqtt.rules import RELAXED
from sim.mqtt.switchboard import EVERYTHING, Payload, Request
from sim.net.codec import Connect, Publish, Subscribe
from sim.trace import Trace

TOLD = tuple(f"$aws/things/t/jobs/{name}" for name in ("notify", "notify-next"))


class Nobody:
    """The face of an account whose row is over."""

    def reply(self, connection: str, topic: str, payload: bytes) -> None: ...
    def publish(self, topic: str, payload: Payload, qos: int = 0) -> None: ...
    def acknowledge(self, connection: str, packet_id: int) -> None: ...


class Mqtt(Stage):
    """The embedded broker on loopback; devices are raw sockets. Its limits have tests of their own."""

    kind = "MQTT"

    def __init__(self) -> None:
        self.clock = Clock("virtual")
        self.account: Account | None = None
        self._broker = AwsBroker(self._on_request, admit=lambda _: EVERYTHING, rules=RELAXED)
        self._port = self._do(self._broker.start("127.0.0.1", free_port()))
        self._lines = {name: self._do(self._connect(name)) for name in ("t", "u", "nobody")}
        self._heard: list[tuple[str, dict[str, Any]]] = []

    def renew(self, rules: JobRules) -> None:
        if self.account is not None:
            self.account.face = Nobody()
        self._sleep(HOUR_S - self.clock.now_us / 1_000_000 % HOUR_S)
        self._drain()
        self._heard.clear()
        account = self.account = Account(self.clock, Trace(self.clock), seed=0, rules=rules)
        account.face = self._broker
        self.start_s = self.clock.epoch_s
        for thing in "tu":
            account.register(thing)
        self.operator = Direct(account.jobs, account.registry, lambda: self.clock.epoch_s, account.carry)

    def send(self, thing: str, tail: str, body: Any) -> Answer:
        topic = f"$aws/things/{thing}/jobs/{tail}"
        self._drain()
        self._lines[thing].send(Publish(topic, body if isinstance(body, bytes) else json.dumps(body).encode()))
        got = self._read(thing)
        answer = got[0]
        assert answer.topic not in TOLD, "the answer comes before what follows from it"
        assert [it for it in got[1:] if it.topic not in TOLD] == []
        self._heard += notifications((it.topic, it.payload) for it in got)
        return read_reply(self, topic, answer.topic, answer.payload)

    def wait(self, seconds: int) -> None:
        self._sleep(seconds)

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        self._drain()
        heard, self._heard = self._heard, []
        return heard

    def close(self) -> None:
        self._do(self._broker.stop())
        for line in self._lines.values():
            self._do(line.close())
        self.clock.close()

    def _on_request(self, request: Request) -> None:
        assert self.account is not None
        self.account.on_request(request)

    async def _connect(self, name: str) -> Raw:
        line = Raw(*await asyncio.open_connection("127.0.0.1", self._port))
        line.send(Connect(name, keepalive_s=0))
        if name == "t":
            line.send(Subscribe(1, tuple((topic, 0) for topic in TOLD)))
        await line.read()
        return line

    def _read(self, name: str) -> list[Publish]:
        got = self._do(self._lines[name].read())
        assert got is not None, "the broker has closed the connection"
        assert all(isinstance(it, Publish) for it in got)
        return got

    def _drain(self) -> None:
        """Read what came unasked."""
        self._heard += notifications((it.topic, it.payload) for it in self._read("t"))

    def _sleep(self, seconds: float) -> None:
        self.clock.run(self.clock.now_us + round(seconds * 1_000_000))

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.clock.loop.run_until_complete(what)


class Boto:
    """An operator with boto3, held to Amazon's service model by the rig."""

    def __init__(self, cloud: Cloud) -> None:
        self._iot = cloud.client("iot")
        self._cloud = cloud

    def create_job(self, job_id: str, targets: list[str], members: Mapping[str, Any]) -> None:
        arns, known = self._cloud.account.jobs.arns, self._cloud.account.registry.groups.by_name
        aimed = [arns.group(name) if name in known else arns.thing(name) for name in targets]
        self._iot.create_job(jobId=job_id, targets=aimed, **members)

    def cancel_job(self, job_id: str, force: bool) -> None:
        self._iot.cancel_job(jobId=job_id, force=force)

    def delete_job(self, job_id: str, force: bool) -> None:
        self._iot.delete_job(jobId=job_id, force=force)

    def cancel_execution(self, thing: str, job_id: str, force: bool) -> None:
        self._iot.cancel_job_execution(thingName=thing, jobId=job_id, force=force)

    def delete_execution(self, thing: str, job_id: str, number: int, force: bool) -> None:
        self._iot.delete_job_execution(thingName=thing, jobId=job_id, executionNumber=number, force=force)

    def describe_execution(self, thing: str, job_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._iot.describe_job_execution(thingName=thing, jobId=job_id)["execution"]
        return found

    def create_group(self, name: str) -> None:
        self._iot.create_thing_group(thingGroupName=name)

    def join(self, group: str, thing: str) -> None:
        self._iot.add_thing_to_thing_group(thingGroupName=group, thingName=thing)

    def leave(self, group: str, thing: str) -> None:
        self._iot.remove_thing_from_thing_group(thingGroupName=group, thingName=thing)

    def delete_thing(self, thing: str) -> None:
        self._iot.delete_thing(thingName=thing)


class Rest(Stage):
    """Devices use the HTTPS data plane, any body as it is; notifications are noted at the account's face."""

    kind = "REST"

    def __init__(self) -> None:
        self.cloud = Cloud()
        self._line = http.client.HTTPConnection(urlsplit(self.cloud.url).netloc)
        self._signer = SigV4Auth(Credentials(OPERATOR.access_key, OPERATOR.secret), "iot-jobs-data", REGION)
        self._noted = Face()
        self.operator = Boto(self.cloud)

    def renew(self, rules: JobRules) -> None:
        cloud = self.cloud
        cloud.account.face = Nobody()
        self.wait(HOUR_S - cloud.clock.epoch_s % HOUR_S)
        cloud.account = Account(cloud.clock, cloud.trace, seed=0, rules=rules)
        cloud.account.face = self._noted = Face()
        self.start_s = cloud.clock.epoch_s
        for thing in "tu":
            cloud.account.register(thing)

    def send(self, thing: str, tail: str, body: Any) -> Answer:
        method, path, data = _route(thing, tail, body)
        request = AWSRequest(method, self.cloud.url + path, data=data)
        self._signer.add_auth(request)
        self._line.request(method, path, data, dict(request.headers.items()))
        answer = self._line.getresponse()
        found = self.since_start(json.loads(answer.read()))
        if answer.status == 200:
            return Answer("", found)
        assert set(found) == {"message"}
        return Answer(answer.headers["x-amzn-ErrorType"], found, answer.status)

    def wait(self, seconds: int) -> None:
        self.cloud.pass_time(seconds)

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        noted = [(topic, payload) for topic, payload, _ in self._noted.published]
        self._noted.published.clear()
        return list(notifications(noted))

    def close(self) -> None:
        self._line.close()
        self.cloud.close()

    def word(self, code: str) -> str:
        return HTTPS[code][0]

    def form(self, answer: Mapping[str, Any], thing: str) -> Mapping[str, Any]:
        shown = {name: value for name, value in answer.items() if name != "clientToken"}
        if "execution" in shown:
            shown["execution"] = {**_with_text(shown["execution"]), "thingName": thing}
        return _with_text(shown)


def _with_text(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The same with its job document as a string."""
    if "jobDocument" not in holder:
        return dict(holder)
    text = json.dumps(holder["jobDocument"], separators=(",", ":"), ensure_ascii=False)
    return {**holder, "jobDocument": text}


def _route(thing: str, tail: str, body: Any) -> tuple[str, str, bytes]:
    """Method, path and body of a request of the data plane."""
    jobs = f"/things/{quote(thing, safe='')}/jobs"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if tail == "get":
        return "GET", jobs, b""
    if tail == "start-next":
        return "PUT", f"{jobs}/$next", data
    job, _, operation = tail.partition("/")
    path = f"{jobs}/{quote(job, safe='')}"
    if operation == "update":
        return "POST", path, data
    query = {} if isinstance(body, bytes) else body
    sent = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
    return "GET", f"{path}?{urlencode(sent)}" if sent else path, b""
