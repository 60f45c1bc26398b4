"""Clouds that are not ours, as typed values: an MQTT broker beside our Jobs service, or AWS IoT Core itself.

Secrets stay out of scenarios: keys are files, and a password is the name of an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from sim.scenario.values import TEXT, FilePath, Spec, matching

PORTS = {"mqtt": 1883, "mqtts": 8883}
ENDPOINT_PATTERN = r"[a-z0-9-]+\.iot\.[a-z0-9-]+\.amazonaws\.com"
VARIABLE_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"


class Address(NamedTuple):
    """A host and a TCP port."""

    host: str
    port: int


class BrokerUrl(NamedTuple):
    """Where an MQTT broker listens, and whether it speaks TLS there."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def _broker_url(text: Any) -> BrokerUrl:
    """`mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`."""
    parts = urlsplit(str(text))
    if parts.username is not None:
        raise ValueError("keep the login out of the URL: give 'user', and 'password_env', the variable that holds it")
    if parts.scheme not in PORTS or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not a broker like mqtt://HOST:1883 or mqtts://HOST:8883")
    return BrokerUrl(parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "mqtts")


def _address(text: Any) -> Address:
    """`HOST:PORT`."""
    match = re.fullmatch(r"([^:/\s]+):(\d{1,5})", str(text))
    if match is None or not 0 < int(match[2]) < 65_536:
        raise ValueError(f"{text!r} is not an address like 127.0.0.1:8883")
    return Address(match[1], int(match[2]))


class OutsideBroker(Spec):
    """An MQTT 3.1.1 broker that carries devices and the Jobs service; in short, its URL alone.

    `ca` is what its certificate must come from; without one it is not checked. `certificate` and `private_key` are
    what every client shows; without them each shows its own, issued by the scenario's CA. `user` is for the Jobs
    service and for devices whose script names none.
    """

    url: Annotated[BrokerUrl, BeforeValidator(_broker_url), TEXT]
    ca: FilePath | None = None
    certificate: FilePath | None = None
    private_key: FilePath | None = None
    user: str | None = None
    password_env: Annotated[str, AfterValidator(matching(VARIABLE_PATTERN, "the name of a variable"))] | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"url": data}

    @model_validator(mode="after")
    def _fits(self) -> OutsideBroker:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("'certificate' and 'private_key' go together")
        if not self.url.tls and (self.ca or self.certificate):
            raise ValueError("'ca' and 'certificate' need TLS: write mqtts:// in the URL")
        if self.password_env is not None and self.user is None:
            raise ValueError("'password_env' needs a 'user'")
        return self


class AwsIot(Spec):
    """AWS IoT Core: devices show `certificate` and connect to `endpoint`, which must come from `ca`.

    `connect_to` leads host names to other addresses than their own, for tests against a server on this machine.
    """

    endpoint: Annotated[str, AfterValidator(matching(ENDPOINT_PATTERN, "an AWS IoT data endpoint"))]
    certificate: FilePath
    private_key: FilePath
    ca: FilePath
    connect_to: dict[str, Annotated[Address, BeforeValidator(_address), TEXT]] = Field(default={})


def outside_problems(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where in a scenario's plain data something does not fit a cloud that is not ours, and why."""
    cloud = data.get("cloud")
    if not isinstance(cloud, dict):
        return
    if cloud.get("users") and (cloud.get("aws") or cloud.get("broker")):
        yield ("cloud", "users"), "users are of the scenario's own broker; here the broker outside says who may connect"
    if cloud.get("aws") is None:
        return
    if cloud.get("broker") is not None:
        yield ("cloud", "broker"), "'broker' and 'aws' exclude each other"
    for key in ("buckets", "public"):
        if cloud.get(key):
            yield ("cloud", key), f"with 'aws' there is no cloud of ours, so no {key}: put the objects into S3"
    if data.get("jobs"):
        yield (
            ("jobs",),
            "with 'aws' jobs are created in AWS (aws iot create-job), not by the scenario; take them out",
        )
