"""Which network carries a run: in memory, or real sockets with the embedded broker and artifact server behind them.

Both get the same account and the same rule of who may connect; nothing else of a run knows which one it has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sim.cloud.account import Account
from sim.errors import MachineError
from sim.kernel.clock import Clock
from sim.ports import Network
from sim.scenario.result import RunOptions

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 18830, 19829
"""Where a free port is looked for when the user names none."""

Start = Callable[[int], Awaitable[int]]


class Wiring:
    """The network of one run, from `open` to `close`."""

    network: Network

    def __init__(self, clock: Clock, account: Account, options: RunOptions) -> None:
        self._clock = clock
        self._account = account
        self._options = options
        self._close: list[Callable[[], Awaitable[None]]] = []

    def open(self) -> None:
        """Start what carries the run; MachineError when a port cannot be had."""
        memory = self._options.transport == "memory"
        self.network = self._memory() if memory else self._wire(self._options)

    def close(self) -> None:
        """Close every socket; harmless in memory."""
        for close in self._close:
            self._clock.loop.run_until_complete(close())

    def _memory(self) -> Network:
        from sim.net.memory import MemoryNetwork

        def on_request(connection: str, client_id: str, topic: str, payload: bytes) -> None:
            self._clock.handover(self._account.on_request, connection, client_id, topic, payload)

        network = MemoryNetwork(
            self._clock,
            self._account.respond,
            on_request,
            self._authorise(checks_certificates=True),
            client_ca=self._account.things.authority_pem,
        )
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

        async def open_all() -> WireNetwork:
            network = WireNetwork(self._clock, self._account.on_request)
            broker = AwsBroker(network.on_broker_request, authorise=self._authorise(options.tls))
            rest = RestServer(self._account.respond, lambda: self._clock.epoch_s)
            self._close += [network.close, broker.stop, rest.stop]
            mqtt_port = await _listen(options.port, lambda port: broker.start(LOOPBACK, port, tls=context))
            http_port = await _listen(0, lambda port: rest.start(LOOPBACK, port, tls=context))
            network.connect_to(Addresses(LOOPBACK, mqtt_port, http_port, options.tls))
            self._account.face = broker
            return network

        return loop.run_until_complete(open_all())

    def _authorise(self, checks_certificates: bool) -> Callable[[str, bytes | None, str | None, str | None], int]:
        """Mutual TLS where there is TLS; a plain connection cannot show a certificate and is let in by its name."""

        def authorise(client_id: str, certificate: bytes | None, _user: str | None, _password: str | None) -> int:
            if not checks_certificates:
                return 0
            return self._account.authorise(client_id, certificate)

        return authorise


async def _listen(port: int, start: Start) -> int:
    """Listen on `port`; 0: on the first free one of our range."""
    if port:
        return await start(port)
    for candidate in range(FIRST_PORT, LAST_PORT):
        try:
            return await start(candidate)
        except MachineError:
            continue
    raise MachineError(f"no free port between {FIRST_PORT} and {LAST_PORT}; choose one with --port")
