"""How a run is wired to a cloud that is not ours: which identity is shown, where names lead, who answers.

Time is real there, so only the paced transport will do. What is wrong outside is said before the first device starts.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import MachineError, SpecError
from sim.ports import Arrival, Hello, MqttChannel, Network
from sim.scenario.result import RunOptions
from sim.scenario.schema_outside import AwsIot, OutsideBroker

if TYPE_CHECKING:
    from sim.cloud.account import Account
    from sim.cloud.outside import JobsClient
    from sim.kernel.clock import Clock
    from sim.net.outside import Login
    from sim.net.wire import WireNetwork

Outside = OutsideBroker | AwsIot
"""What `cloud` names in place of the embedded broker."""

SERVICE_NAME = "qpyota-jobs"
"""Common name in the certificate of the Jobs service."""

TLS_PORT = 8883
"""AWS IoT Core: MQTT with a client certificate."""


def require_paced(outside: Outside, options: RunOptions) -> None:
    """SpecError on a transport whose time is not the world's."""
    if options.transport != "paced":
        what = "AWS IoT Core" if isinstance(outside, AwsIot) else f"the outside broker {outside.url}"
        raise SpecError(f"{what} lives in real time, the {options.transport} transport does not: use --transport paced")


def identity_pems(outside: Outside | None, account: Account, thing: str) -> tuple[str, str]:
    """Certificate and private key (PEM) that a device gets: the scenario's files, or ones issued by its CA."""
    if outside is not None and outside.certificate is not None and outside.private_key is not None:
        return _pem(outside.certificate), _pem(outside.private_key)
    issued = account.issue(thing) if outside is None else account.things.register(thing)
    return issued.certificate_pem, issued.private_key_pem


async def join_broker(
    clock: Clock, account: Account, wire: WireNetwork, spec: OutsideBroker, problems: list[str]
) -> tuple[Network, JobsClient]:
    """The devices' network and the Jobs service, which has joined the broker. MachineError when it cannot.

    What goes wrong later is added to `problems`; without the broker the run ends.
    """
    from sim.cloud.outside import CLIENT_ID, KEEPALIVE_S, JobsClient
    from sim.net.mqtt import MqttConnection
    from sim.net.outside import BrokerNetwork, Remote
    from sim.net.tls import TlsFailure

    ca = "" if spec.ca is None else _pem(spec.ca)
    remote = Remote(spec.url.host, spec.url.host, spec.url.port, spec.url.tls, ca)
    certificate, private_key = identity_pems(spec, account, SERVICE_NAME) if spec.url.tls else ("", "")
    endpoint = remote.endpoint(certificate, private_key)
    if isinstance(endpoint, TlsFailure):
        raise SpecError(f"cloud.broker: {endpoint.reason}")
    login = _login(spec)
    hello = Hello(
        remote.host,
        remote.port,
        CLIENT_ID,
        None if login is None else login.user,
        None if login is None else login.password,
        KEEPALIVE_S,
    )

    def connect(deliver: Callable[[Arrival], None]) -> MqttChannel:
        connection = MqttConnection(hello, deliver)
        wire.open("the Jobs service", connection, endpoint)
        return connection

    def lost(why: str) -> None:
        problems.append(why)
        clock.stop_at(clock.now_us)

    service = JobsClient(clock.loop, str(spec.url), connect, wire.on_broker_request, lost)
    await service.start()
    return BrokerNetwork(clock, wire, remote, login, problems.append), service


def aws_network(clock: Clock, wire: WireNetwork, spec: AwsIot) -> Network:
    """The devices' way to AWS IoT Core and to wherever its jobs lead."""
    from sim.net.outside import AwsNetwork, Remote
    from sim.net.tls import TlsFailure

    host, port = spec.connect_to.get(spec.endpoint, (spec.endpoint, TLS_PORT))
    remote = Remote(spec.endpoint, host, port, True, _pem(spec.ca))
    checked = remote.endpoint(_pem(spec.certificate), _pem(spec.private_key))
    if isinstance(checked, TlsFailure):
        raise SpecError(f"cloud.aws: {checked.reason}")
    return AwsNetwork(clock, wire, remote, spec.connect_to)


def _login(spec: OutsideBroker) -> Login | None:
    from sim.net.outside import Login

    if spec.user is None:
        return None
    if spec.password_env is None:
        return Login(spec.user)
    password = os.environ.get(spec.password_env)
    if password is None:
        raise MachineError(f"cloud.broker: the variable {spec.password_env} is not set; it holds the user's password")
    return Login(spec.user, password)


def _pem(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        raise SpecError(f"{path} is not a readable PEM file") from None
