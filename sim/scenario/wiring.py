"""Which network carries a run: in memory, or real sockets with the embedded broker and artifact server behind them.

Both get the same account and the same rule of who may connect; nothing else of a run knows which one it has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sim.cloud.account import Account
from sim.cloud.api.router import Plane, may_change, plane_of
from sim.errors import MachineError
from sim.kernel.clock import Clock
from sim.net.stream_http import serve_cloud
from sim.ports import HttpRequest, HttpResponse, Network
from sim.scenario.outside_wiring import aws_network, identity_pems, join_broker, require_paced
from sim.scenario.part import WHOLE
from sim.scenario.result import RunOptions
from sim.scenario.schema import Cloud
from sim.scenario.schema_outside import AwsIot, OutsideBroker

if TYPE_CHECKING:
    from sim.net.memory_apart import FarCloud, FarDevices
    from sim.net.stopwatch import Stopwatch
    from sim.net.wire import WireNetwork

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 18830, 19829
"""Where a free port is looked for when the user names none."""

Start = Callable[[int], Awaitable[int]]


class Wiring:
    """The network of one run, from `open` to `close`."""

    network: Network
    far_devices: FarDevices
    """In the process that has the cloud and no devices."""
    far_cloud: FarCloud
    """In a process that has devices and no cloud."""

    def __init__(self, clock: Clock, account: Account, options: RunOptions, cloud: Cloud) -> None:
        self._clock = clock
        self._rules = cloud.rules.broker
        self._outside = cloud.broker or cloud.aws
        self._account = account
        self._options = options
        self.part = WHOLE
        self._close: list[Callable[[], Awaitable[None]]] = []
        self.problems: list[str] = []
        self.stopwatch: Stopwatch | None = None
        """What the network came to lack during the run."""

    def open(self) -> None:
        """Start what carries the run; MachineError when a port or a broker outside cannot be had."""
        if self._outside is not None:
            require_paced(self._outside, self._options)
        memory = self._options.transport == "memory"
        self.network = self._memory() if memory else self._wire(self._options)
        if not isinstance(self._outside, AwsIot):
            respond = self._account.respond if self.part.cloud else self._respond_apart
            serve_cloud(self.network.streams, self._clock, respond)

    def _respond_apart(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """To a program that makes its own requests where the cloud is in another process: who reads an object is
        answered here, from the same ones."""
        answer = self._account.respond(request, now_s)
        if plane_of(request) is not Plane.S3 or may_change(request, answer):
            what = f"{request.method} {request.url.partition('?')[0]}"
            self.problems.append(
                f"a program asked the cloud over a socket of its own, which shards cannot carry: {what}"
            )
        return answer

    def identity(self, thing: str) -> tuple[str, str]:
        """Certificate and private key (PEM) of a device."""
        return identity_pems(self._outside, self._account, thing)

    def authority(self) -> str:
        """Who signed the certificates of the servers, PEM; outside there may be anybody."""
        return self._account.things.authority_pem if self._outside is None else ""

    def close(self) -> None:
        """Close every socket; harmless in memory."""
        for close in self._close:
            self._clock.loop.run_until_complete(close())

    def _memory(self) -> Network:
        from sim.net.memory import DeviceSide, MemoryNetwork
        from sim.net.memory_apart import FarCloud, FarDevices

        if self.part.say is not None:
            self.far_cloud = FarCloud(self._clock, self.part.say)
            return DeviceSide(self._clock, self.far_cloud.dial, self._account.foresee, self._rules)
        network = MemoryNetwork(
            self._clock,
            self._account.respond,
            self._account.on_request,
            self._account.admit,
            client_ca=self._account.things.authority_pem,
            rules=self._rules,
            foresee=self._account.foresee,
        )
        if self.part.hand is not None:
            self.far_devices = FarDevices(network.cloud, self.part.hand)
        self._account.face = network
        return network

    def _wire(self, options: RunOptions) -> Network:
        from sim.cloud.broker import AwsBroker
        from sim.cloud.rest import RestServer
        from sim.net.tls import server_context
        from sim.net.wire import Addresses, WireNetwork

        things, loop = self._account.things, self._clock.loop
        context = None
        if options.tls:
            identity = things.server_identity()
            context = server_context(identity.certificate_pem, identity.private_key_pem, things.authority_pem)

        async def open_all() -> Network:
            network = WireNetwork(self._clock, self._account.on_request, self._account.respond, context)
            self._close.append(network.close)
            self.stopwatch = network.stopwatch
            if isinstance(self._outside, AwsIot):
                return aws_network(self._clock, network, self._outside)
            rest = RestServer(network.respond, lambda: self._clock.epoch_s, network.dispatch)
            self._close.append(rest.stop)
            http_port = await listen_near(0, lambda port: rest.start(LOOPBACK, port, tls=context))
            if self._outside is not None:
                network.connect_to(Addresses(LOOPBACK, 0, http_port, options.tls))
                return await self._join(network, self._outside)
            admit = self._account.admit if options.tls else self._account.gate.admit_plain
            broker = AwsBroker(network.on_broker_request, admit=admit, rules=self._rules, start_s=self._clock.start_s)
            self._close.append(broker.stop)
            mqtt_port = await listen_near(options.port, lambda port: broker.start(LOOPBACK, port, tls=context))
            network.connect_to(Addresses(LOOPBACK, mqtt_port, http_port, options.tls))
            self._account.face = broker
            return network

        return loop.run_until_complete(open_all())

    async def _join(self, wire: WireNetwork, outside: OutsideBroker) -> Network:
        network, service = await join_broker(self._clock, self._account, wire, outside, self.problems)
        self._close.insert(0, service.stop)
        self._account.face = service
        return network


async def listen_near(port: int, start: Start) -> int:
    """Listen on `port`; 0: on the first free one of our range."""
    if port:
        try:
            return await start(port)
        except MachineError as error:
            raise MachineError(f"{error} with --port") from None
    for candidate in range(FIRST_PORT, LAST_PORT):
        try:
            return await start(candidate)
        except MachineError:
            continue
    raise MachineError(f"no free port between {FIRST_PORT} and {LAST_PORT}; choose one with --port")
