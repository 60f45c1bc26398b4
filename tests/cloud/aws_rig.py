"""A whole account behind a real HTTP server in a thread, and boto3 clients that are held to Amazon's service models.

Every request boto3 sends and every answer it gets is compared with botocore's model of the operation: members that the
model does not know, values of another type, lengths, ranges, patterns and enumerations.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from sim.cloud.account import Account
from sim.cloud.rest import RestServer
from sim.cloud.sigv4 import OPERATOR
from sim.jobs.rules import JobRules
from sim.kernel.clock import EPOCH_S, Clock
from sim.mqtt.switchboard import Payload
from sim.ports import HttpRequest, HttpResponse
from sim.trace import Trace

REGION = "us-west-2"
COMMON_ERRORS = {
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "NotImplementedException",
    "RequestEntityTooLargeException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationError",
}
"""What any operation may answer (AWS General Reference, Common Errors), and 501 for what is not emulated."""


class Face:
    """A broker's face that notes what the account sends."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, int]] = []

    def reply(self, connection: str, topic: str, payload: bytes) -> None:
        raise AssertionError((connection, topic, payload))

    def publish(self, topic: str, payload: Payload, qos: int = 0) -> None:
        self.published.append((topic, payload if isinstance(payload, bytes) else payload(), qos))

    def acknowledge(self, connection: str, packet_id: int) -> None:
        raise AssertionError((connection, packet_id))

    def topics(self) -> list[str]:
        return [topic for topic, _, _ in self.published]


class Cloud:
    """One account on a memory clock that a test moves by hand; `client` gives boto3 clients of it."""

    def __init__(self, rules: JobRules | None = None, tls: Path | None = None) -> None:
        self.clock = Clock("memory")
        self.trace = Trace(self.clock)
        self.account = Account(self.clock, self.trace, seed=0, rules=rules or JobRules(schedule_minima="relaxed"))
        self.account.face = self.face = Face()
        self.problems: list[str] = []
        self.failures: list[str] = []
        self.asked: set[str] = set()
        self.refused: set[str] = set()
        self.seen: list[HttpRequest] = []
        self._lock = threading.Lock()
        self._params = threading.local()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._loop.set_exception_handler(lambda _loop, context: self.failures.append(str(context)))
        self._server = RestServer(self._respond, lambda: self.clock.epoch_s)
        context = None if tls is None else self._tls(tls)
        start = self._server.start("127.0.0.1", 0, tls=context)
        port = asyncio.run_coroutine_threadsafe(start, self._loop).result(5)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
        self._verify = None if tls is None else str(tls / "ca.pem")
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client with the operator's key, checked against the service's model. Kept when it has no options."""
        key = service if not options else f"{service} {len(self._clients)}"
        if key in self._clients:
            return self._clients[key]
        config = options.pop("config", Config(retries={"total_max_attempts": 1}))
        keys = {"aws_access_key_id": OPERATOR.access_key, "aws_secret_access_key": OPERATOR.secret}
        given = {
            "endpoint_url": self.url,
            "region_name": REGION,
            "config": config,
            "verify": self._verify,
            **keys,
            **options,
        }
        client = boto3.session.Session().client(service, **given)
        client.meta.events.register("provide-client-params.*.*", self._check_params)
        client.meta.events.register("after-call.*.*", self._check_answer)
        self._clients[key] = client
        return client

    def pass_time(self, seconds: float) -> None:
        with self._lock:
            self.clock.run(self.clock.now_us + int(seconds * 1_000_000))

    def catch_up(self) -> None:
        """Bring the emulated clock to the machine's, for what clients sign with the machine's."""
        self.pass_time(time.time() - EPOCH_S - self.clock.now_us / 1_000_000)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.clock.close()
        assert not self.failures, self.failures
        assert not self.problems, self.problems

    async def _stop(self) -> None:
        await self._server.stop()
        await asyncio.sleep(0.05)  # connections under TLS take turns of the loop to close

    def _tls(self, folder: Path) -> ssl.SSLContext:
        things = self.account.things
        identity = things.server_identity()
        (folder / "ca.pem").write_text(things.authority_pem)
        (folder / "server.pem").write_text(identity.certificate_pem + identity.private_key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        return context

    def _respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        with self._lock:
            self.seen.append(request)
            return self.account.respond(request, now_s)

    def _check_params(self, params: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
        self._params.given = params

    def _check_answer(self, http_response: Any, parsed: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
        if http_response.status_code >= 300:
            self._check_error(http_response, parsed, model)
            return
        self.asked.add(f"{model.service_model.signing_name}:{model.name}")
        if model.input_shape is not None:
            self.problems += differences(model.input_shape, self._params.given, f"accepted {model.name}")
        if model.output_shape is not None and not model.has_streaming_output:
            self.problems += differences(model.output_shape, parsed, model.name)
            if http_response.headers.get("Content-Type") == "application/json" and http_response.content:
                self.problems += unknown(model.output_shape, json.loads(http_response.content), model.name)
        elif model.output_shape is None and http_response.content and model.service_model.protocol != "query":
            self.problems.append(f"{model.name}: a body where none belongs: {http_response.content[:80]!r}")

    def _check_error(self, http_response: Any, parsed: Mapping[str, Any], model: OperationModel) -> None:
        code = parsed.get("Error", {}).get("Code")
        if code not in COMMON_ERRORS - {"NotImplementedException"}:
            self.refused.add(f"{model.service_model.signing_name}:{model.name}")
        if model.service_model.signing_name == "s3":
            return
        if not parsed["Error"].get("Message"):
            self.problems.append(f"{model.name}: error without a message")
        if model.service_model.protocol == "rest-json" and http_response.headers.get("x-amzn-ErrorType") != code:
            self.problems.append(f"{model.name}: x-amzn-ErrorType is not {code}")
        declared = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
        if declared and code not in declared | COMMON_ERRORS:
            self.problems.append(f"{model.name}: Amazon's does not answer {code}, but {sorted(declared)}")
        shapes = {shape.name: shape for shape in model.service_model.error_shapes}
        if code in shapes:
            wanted = shapes[code].metadata["error"]["httpStatusCode"]
            if wanted != http_response.status_code:
                self.problems.append(f"{model.name}: {code} with {http_response.status_code}, not {wanted}")


@contextmanager
def running(rules: JobRules | None = None, tls: Path | None = None) -> Iterator[Cloud]:
    """A cloud that is there for a while. With `tls`, a folder for its certificates, it is spoken to in https."""
    cloud = Cloud(rules, tls)
    try:
        yield cloud
    except BaseException:
        cloud.problems.clear()
        raise
    finally:
        cloud.close()


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[int, str]:
    """HTTP status and error code of a call that must be refused."""
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    raise AssertionError(f"{call} was not refused")


def unknown(shape: Shape, value: Any, where: str) -> list[str]:
    """Members of a JSON answer that the model does not have. Clients drop them, so a misspelled one is lost."""
    if value is None:
        return [f"{where}: null where nothing belongs"]
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {it.serialization.get("name", name): it for name, it in shape.members.items()}
        found = [f"{where}: the model has no member {name}" for name in value if name not in names]
        return found + [line for name, it in value.items() if name in names for line in unknown(names[name], it, name)]
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [line for item in value for line in unknown(shape.member, item, where)]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return [line for item in value.values() for line in unknown(shape.value, item, where)]
    return []


def differences(shape: Shape, value: Any, where: str) -> list[str]:
    """Where a parsed value is not what its shape says."""
    if isinstance(shape, StructureShape):
        lacking = [
            f"{where}: required member {name} is missing" for name in shape.required_members if name not in value
        ]
        members = ((name, it) for name, it in shape.members.items() if name in value)
        return lacking + [line for name, it in members for line in differences(it, value[name], f"{where}.{name}")]
    if isinstance(shape, ListShape):
        return _length(shape, value, where) + [
            line for at, item in enumerate(value) for line in differences(shape.member, item, f"{where}[{at}]")
        ]
    if isinstance(shape, MapShape):
        pairs = [line for key in value for line in differences(shape.key, key, f"{where} key")]
        return pairs + [line for key, it in value.items() for line in differences(shape.value, it, f"{where}.{key}")]
    if isinstance(shape, StringShape):
        return _text(shape, value, where)
    kinds: Mapping[str, Any] = {
        "integer": int,
        "long": int,
        "double": float | int,
        "float": float | int,
        "boolean": bool,
        "timestamp": datetime.datetime,
        "blob": object,
    }
    if not isinstance(value, kinds[shape.type_name]):
        return [f"{where}: {value!r} is no {shape.type_name}"]
    if shape.type_name in ("integer", "long"):
        return _range(shape, value, where)
    return []


def _text(shape: StringShape, value: Any, where: str) -> list[str]:
    if not isinstance(value, str):
        return [f"{where}: {value!r} is no string"]
    if shape.enum and value not in shape.enum:
        return [f"{where}: {value!r} is none of {shape.enum}"]
    pattern = shape.metadata.get("pattern")
    if pattern and "\\p" not in pattern and not re.fullmatch(pattern, value):
        return [f"{where}: {value!r} does not match {pattern}"]
    return _length(shape, value, where)


def _length(shape: Shape, value: Any, where: str) -> list[str]:
    return _range(shape, len(value), f"{where} length")


def _range(shape: Shape, value: int, where: str) -> list[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and value < least) or (most is not None and value > most):
        return [f"{where}: {value} is not in {least}..{most}"]
    return []
