"""The hosts of a scenario at work: who listens, who dials, what was said. Everything happens in the simulation phase.

What happens on a connection is recorded on the track `HOST/DEVICE`, so that it does not depend on how connections of
different devices interleave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sim.cloud.account import Account
from sim.device.module import Module
from sim.errors import SpecError
from sim.net.book import EPHEMERAL
from sim.net.conversation import KEPT_BYTES, Conversation, Do, Expect, Move, Receive, Send, Wait
from sim.net.stream_ftp import Folder, FtpServer
from sim.net.stream_http import HttpStream, Served
from sim.ports import Address, Gone, HttpRequest, HttpResponse, Opened, Streams, TcpArrival, TcpChannel, UdpPort
from sim.scenario.schema import Scenario
from sim.scenario.schema_hosts import Dial, HostSpec, MoveSpec, Path

OUTSIDE = "outside"
"""Track of a client that is no device."""

PATTERN = bytes(range(32, 127))
"""What `fill` repeats."""


FILE_S = 60
"""How long the address is good by which a file server reads an object; it does so at once."""


class Host:
    """One host. The counts are for `expect` lines; `received` is what came last, its first `KEPT_BYTES`."""

    def __init__(self, name: str, spec: HostSpec, ip: str, account: Account) -> None:
        self.name = name
        self.spec = spec
        self.ip = ip
        self.connections = 0
        self.requests = 0
        self.unmet = 0
        self.received = b""
        self._account = account
        self._clock = account.clock
        self._trace = account.trace
        self._moves = [_move(move) for move in spec.moves]
        self._conversations: list[Conversation] = []
        self._device_at: Mapping[str, str] = {}
        self._ports: Counter[str] = Counter()
        self.heard_us = -1
        """When it last heard from somebody new; of a host in several processes, the last one knows what came last."""

    @property
    def finished(self) -> int:
        """Connections on which every move was made."""
        return sum(conversation.done for conversation in self._conversations)

    @property
    def text(self) -> str:
        """What came last."""
        talk = self._conversations[-1].received if self._conversations else b""
        return (self.received or bytes(talk)).decode(errors="replace")

    def open(self, streams: Streams, devices: Mapping[str, Module], targets: tuple[str, ...], elapsed_us: int) -> None:
        """Listen, or get ready to dial the `targets`, unless that was in the time before this run began (`elapsed_us`)
        and is not tried again. SpecError when its place is taken."""
        self._device_at = {device.radio.address: name for name, device in devices.items()}
        spec = self.spec
        done: object = True
        if spec.tcp is not None:
            done = streams.listen(self.name, Address(self.ip, spec.tcp.port), self._accept, tls=spec.tcp.tls)
        elif spec.http is not None:
            done = streams.listen(self.name, Address(self.ip, spec.http.port), self._serve, tls=spec.http.tls)
        elif spec.ftp is not None:
            folder = Folder(spec.ftp.user, spec.ftp.password, partial(self._file, spec.ftp.bucket))
            server = FtpServer(self._clock, folder, self._commanded)
            done = server.open(streams, self.name, Address(self.ip, spec.ftp.port))
        elif spec.udp is not None:
            datagrams = _Datagrams(self, self._moves)
            done = datagrams.port = streams.udp(self.name, Address(self.ip, spec.udp.port), datagrams)
        elif spec.dial is not None:
            over = spec.dial.at_us < elapsed_us and spec.dial.every_us is None
            for target in () if over else filter(devices.__contains__, targets):
                call = partial(self._dial, streams, spec.dial, devices[target])
                self._clock.after(max(0, spec.dial.at_us - elapsed_us), call)
        if done is None:
            raise SpecError(f"host {self.name}: its address is taken already")

    def record(self, device: str, kind: str, **data: Any) -> None:
        """Something happened on a connection with this device."""
        if kind == "unmet":
            self.unmet += 1
        self._trace.emit(f"{self.name}/{device}", f"host.{kind}", **data)

    def heard(self, data: bytes) -> None:
        """A request, or a datagram, brought this."""
        self.requests += 1
        self.heard_us = self._clock.now_us
        self.received = data

    def device_at(self, source: Address) -> str:
        """Whose address this is."""
        return self._device_at.get(source.ip, OUTSIDE)

    def _talk(self, channel: TcpChannel, device: str) -> Conversation:
        self.connections += 1
        self.heard_us = self._clock.now_us
        self.record(device, "open")
        made = Conversation(self._clock, channel, self._moves, partial(self.record, device))
        self._conversations.append(made)
        return made

    def _accept(self, channel: TcpChannel, source: Address) -> Callable[[TcpArrival], None]:
        talk = self._talk(channel, self.device_at(source))
        talk.start()
        return talk

    def _serve(self, channel: TcpChannel, source: Address) -> Callable[[TcpArrival], None]:
        assert self.spec.http is not None
        device = self.device_at(source)
        self.connections += 1
        scheme = "https" if self.spec.http.tls else "http"
        return HttpStream(self._clock, channel, partial(self._respond, device), scheme)

    def _respond(self, device: str, request: HttpRequest) -> Served:
        self.heard(request.body[:KEPT_BYTES])
        path = urlsplit(request.url).path or "/"
        found = self.spec.paths.get(path)
        if found is None:
            served = Served(HttpResponse(404, {}, b""))
        elif found.method not in (None, request.method):
            served = Served(HttpResponse(405, {"Allow": found.method or ""}, b""))
        else:
            served = _served(found)
        self.record(
            device, "request", method=request.method, path=path, bytes=len(request.body), status=served.response.status
        )
        return served

    def _file(self, bucket: str, path: str) -> HttpResponse:
        """What the artifact server says of this object, its faults included."""
        now_s = self._clock.epoch_s
        url = self._account.artifacts.presign(bucket, path, FILE_S, now_s)
        host = urlsplit(url).netloc
        return self._account.respond(HttpRequest("GET", url, {"Host": host}), now_s)

    def _commanded(self, ip: str, command: str, argument: str, code: int) -> None:
        if command == "USER":
            self.connections += 1
        if command == "RETR":
            self.requests += 1
        device = self.device_at(Address(ip, 0))
        self.record(device, "command", command=command, argument=argument, code=code)

    def _dial(self, streams: Streams, dial: Dial, device: Module) -> None:
        self._ports[device.name] += 1
        talks: list[Conversation] = []

        def receive(arrival: TcpArrival) -> None:
            if isinstance(arrival, Opened):
                talks.append(self._talk(channel, device.name))
                talks[0].start()
            elif talks:
                talks[0](arrival)
            elif isinstance(arrival, Gone):
                self.record(device.name, "refused", reason=arrival.reason)
                if dial.every_us is not None:
                    self._clock.after(dial.every_us, self._dial, streams, dial, device)

        source = Address(self.ip, EPHEMERAL + self._ports[device.name] % 16_384)
        channel = streams.connect(self.name, source, Address(device.radio.address, dial.port), receive)


class _Datagrams:
    """A host's UDP port: each datagram that holds what is expected is answered by the sends that follow."""

    def __init__(self, host: Host, moves: list[Move]) -> None:
        self.port: UdpPort | None = None
        self._host = host
        self._moves = moves

    def __call__(self, source: Address, data: bytes) -> None:
        host = self._host
        host.heard(data)
        host.record(host.device_at(source), "datagram", bytes=len(data))
        assert self.port is not None
        for answer in self._answers(data):
            self.port.send(source, answer)

    def _answers(self, data: bytes) -> Iterator[bytes]:
        met = True
        for move in self._moves:
            match move:
                case Expect(data=wanted):
                    met = wanted in data
                case Receive(count=count):
                    met = len(data) >= count
                case Send(data=answer) if met:
                    yield answer
                case Do() if met:
                    yield data


def open_hosts(
    scenario: Scenario, streams: Streams, account: Account, devices: dict[str, Module], elapsed_us: int = 0
) -> list[Host]:
    """The hosts of a scenario, at their places, in a run that goes on `elapsed_us` after the scenario began."""
    hosts = []
    for name, spec in scenario.hosts.items():
        place = spec.place
        made = Host(name, spec, streams.name(place.host if place is not None else f"{name}.host"), account)
        targets = scenario.things(spec.dial.device) if spec.dial is not None else ()
        made.open(streams, devices, targets, elapsed_us)
        hosts.append(made)
    return hosts


def _move(spec: MoveSpec) -> Move:
    if spec.expect is not None or spec.expect_hex is not None:
        return Expect(spec.expect_hex or (spec.expect or "").encode(), spec.within_us)
    if spec.receive_bytes is not None:
        return Receive(spec.receive_bytes, spec.within_us)
    if spec.fill_bytes is not None:
        return Send(_filled(spec.fill_bytes))
    if spec.wait_us is not None:
        return Wait(spec.wait_us)
    if spec.then is not None:
        return Do(spec.then)
    return Send(spec.send_hex if spec.send_hex is not None else (spec.send or "").encode())


def _served(path: Path) -> Served:
    body = path.body.encode() if path.fill_bytes is None else _filled(path.fill_bytes)
    return Served(HttpResponse(path.status, path.headers, body), path.delay_us, path.framing)


def _filled(count: int) -> bytes:
    return (PATTERN * (count // len(PATTERN) + 1))[:count]
