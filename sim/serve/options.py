"""How a cloud is to be served. Values only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sim.errors import SpecError

LOOPBACK = "127.0.0.1"
REST_PORT, TLS_PORT, MQTT_PORT = 7800, 8443, 8883
"""The last two are those of AWS IoT Core."""
_ANY = {"0.0.0.0": LOOPBACK, "::": "::1"}
"""Addresses that mean all of this machine's, and how it reaches itself."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `qpyota up` was asked. A port of 0 is any free one; without `plain_mqtt_port` there is no MQTT without TLS.

    `limits` and `urls` None: as it suits, see `relaxed` and `local_urls`. `synced`: what is acknowledged also survives
    the end of the machine. `users`: a file of those who may come with a password in place of a certificate.
    Without `metrics_port` there are no metrics.
    """

    data: Path
    scenario: str | None = None
    listen: str = LOOPBACK
    port: int = REST_PORT
    tls_port: int = TLS_PORT
    mqtt_port: int = MQTT_PORT
    plain_mqtt_port: int | None = None
    token: str = field(default="", repr=False)
    limits: Literal["aws", "relaxed"] | None = None
    urls: Literal["aws", "local"] | None = None
    speed: float = 1.0
    synced: bool = False
    users: Path | None = None
    metrics_port: int | None = None

    def check(self) -> None:
        """SpecError for what would open the cloud to people it is not meant for."""
        if self.urls == "local" and self.listen in _ANY:
            raise SpecError(
                f"--urls local puts the address into URLs, and {self.listen} is none; name one with --listen"
            )
        if is_loopback(self.listen):
            return
        if not self.token:
            raise SpecError(
                f"--listen {self.listen} lets other machines in, so it needs --token TEXT (or QPYOTA_TOKEN): "
                "the operator's key is then made from it"
            )
        if self.plain_mqtt_port is not None:
            raise SpecError(f"--plain-mqtt-port lets anybody in, so it cannot be had with --listen {self.listen}")


def is_loopback(host: str) -> bool:
    """Whether an address is for this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reachable(host: str) -> str:
    """A name for an address: one that means every address of this machine is reached, from here, by loopback."""
    return _ANY.get(host, host)
