"""Our broker, stock amqtt and mosquitto under the same load, in one run: `python benchmarks/broker.py [--quick]`.

Each broker runs in a process of its own; CPU time and memory are read from /proc, so that they are the broker's
alone. Compare CPU per operation: wall time includes the clients. Stock amqtt is slow beside many filters; each of
its steps ends after STEP_CAP_S and the table says how far it came. Linux only; mosquitto is left out if missing.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from broker_load import ANSWER, Asker, Client, Pair, dial, fleet, four_filters, two_filters

from sim.net.codec import Packet, Publish

STEP_CAP_S = 30.0
FILES_NEEDED = 5600
FIRST_PORT = 25_600
PAIRS = 50
WINDOW = 10
ASK_S = 3.0
OUTSTANDING = 32
SERVER = Path(__file__).with_name("broker_server.py")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Row = tuple[str, str, str]
"""What was measured, the figure, how much of it was done."""


class Server:
    """A broker process."""

    def __init__(self, kind: str, port: int) -> None:
        self.kind = kind
        self.port = port
        self._folder = tempfile.TemporaryDirectory()
        if kind == "mosquitto":
            config = Path(self._folder.name, "mosquitto.conf")
            config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 1000\n")
            command = [mosquitto(), "-c", str(config)]
        else:
            command = [sys.executable, str(SERVER), kind, str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._wait_until_up()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_kib(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def stop(self) -> float:
        """Seconds until the process has ended."""
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STEP_CAP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
        return time.perf_counter() - began

    def _wait_until_up(self) -> None:
        if self.kind != "mosquitto":
            assert self._process.stdout is not None
            if self._process.stdout.readline() != "ready\n":
                sys.exit(f"the {self.kind} broker did not start on port {self.port}")
            return
        until_s = time.perf_counter() + 5
        while time.perf_counter() < until_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        sys.exit(f"mosquitto did not start on port {self.port}")


def mosquitto() -> str:
    return shutil.which("mosquitto") or "/usr/sbin/mosquitto"


async def connects(server: Server, count: int) -> list[Row]:
    """CPU and memory of the broker per connection that subscribes to four filters."""
    cpu_s, rss_kib = server.cpu_s(), server.rss_kib()
    clients = await fleet(server.port, count, four_filters, STEP_CAP_S)
    used_s, grown_kib = server.cpu_s() - cpu_s, server.rss_kib() - rss_kib
    hang_up(clients)
    done = len(clients)
    return [
        (f"CPU per connect, {count} devices, ms", f"{used_s / done * 1000:.2f}", f"{done} connected"),
        (f"memory per session, {count} devices, KiB", f"{grown_kib / done:.1f}", f"{done} connected"),
    ]


async def messages(server: Server, idle: int, each: int) -> list[Row]:
    """QoS 1 from 50 senders to 50 readers beside idle devices with two filters each."""
    others = await fleet(server.port, idle, two_filters, STEP_CAP_S)
    senders = [await dial(server.port, f"s{n}") for n in range(PAIRS)]
    readers = [await dial(server.port, f"r{n}", (f"data/{n}",)) for n in range(PAIRS)]
    pairs = [Pair(s, r, f"data/{n}", each, WINDOW) for n, (s, r) in enumerate(zip(senders, readers, strict=True))]
    cpu_s, began_s = server.cpu_s(), time.perf_counter()
    for pair in pairs:
        pair.start()
    await asyncio.wait([pair.done for pair in pairs], timeout=STEP_CAP_S)
    took_s, used_s = time.perf_counter() - began_s, server.cpu_s() - cpu_s
    done = sum(pair.delivered for pair in pairs)
    hang_up([*others, *senders, *readers])
    name = f"QoS 1 beside {idle} idle" if idle else "QoS 1 alone"
    reach = f"{done} messages" + (f", {len(others)} idle" if idle else "")
    return [
        (f"{name}, messages/s", f"{done / took_s:.0f}", reach),
        (f"{name}, CPU µs/message", f"{used_s / max(done, 1) * 1e6:.0f}", reach),
    ]


async def jobs(server: Server, devices: int) -> list[Row]:
    """Requests to the Jobs service: inside our broker, an ordinary client beside the others."""
    inside = server.kind == "ours"
    root = "$aws" if inside else "aws"
    filters: Callable[[str], tuple[str, ...]] = (
        (lambda _: ()) if inside else lambda n: (f"aws/things/{n}/jobs/get/accepted",)
    )
    clients = await fleet(server.port, devices, filters, STEP_CAP_S)
    if not inside:
        await serve_jobs(server)
    askers = [Asker(client, f"{root}/things/d{n}/jobs/get") for n, client in enumerate(clients[:OUTSTANDING])]
    cpu_s, began_s = server.cpu_s(), time.perf_counter()
    for asker in askers:
        asker.ask()
    await asyncio.sleep(ASK_S)
    took_s, used_s = time.perf_counter() - began_s, server.cpu_s() - cpu_s
    for asker in askers:
        asker.going = False
    done = sum(asker.answers for asker in askers)
    hang_up(clients)
    reach = f"{done} answers, {len(clients)} devices"
    return [
        ("Jobs answers/s", f"{done / took_s:.0f}", reach),
        ("Jobs, CPU µs/answer", f"{used_s / max(done, 1) * 1e6:.0f}", reach),
    ]


async def serve_jobs(server: Server) -> None:
    """A Jobs service as people build it around an ordinary broker: one more client."""
    service = await dial(server.port, "service", ("aws/things/+/jobs/get",))

    def answer(packet: Packet) -> None:
        if isinstance(packet, Publish):
            service.send(Publish(f"{packet.topic}/accepted", ANSWER))

    service.on_packet = answer


async def up_and_down(server: Server, count: int) -> list[Row]:
    """A fleet with two filters each comes; then the broker is told to stop."""
    began_s = time.perf_counter()
    clients = await fleet(server.port, count, two_filters, STEP_CAP_S)
    up_s = time.perf_counter() - began_s
    stopping = asyncio.get_running_loop().run_in_executor(None, server.stop)
    down_s = await stopping
    hang_up(clients)
    reach = f"{len(clients)} devices"
    return [(f"{count} devices up, s", f"{up_s:.1f}", reach), (f"{count} devices down, s", f"{down_s:.2f}", reach)]


def hang_up(clients: list[Client]) -> None:
    for client in clients:
        client.transport.abort()


def measure(kind: str, quick: bool) -> list[Row]:
    """All steps on one kind of broker, each on a fresh process."""
    counts = (200, 400) if quick else (1000, 2000, 5000)
    many, each = (400, 40) if quick else (5000, 400)
    steps: list[Callable[[Server], object]] = [
        *(lambda server, n=n: connects(server, n) for n in counts),
        lambda server: messages(server, 0, each),
        lambda server: messages(server, many, each),
        lambda server: jobs(server, counts[0]),
        lambda server: up_and_down(server, many),
    ]
    rows: list[Row] = []
    for number, step in enumerate(steps):
        server = Server(kind, FIRST_PORT + KINDS.index(kind) * 20 + number)
        try:
            rows += asyncio.run(step(server))  # type: ignore[arg-type]
        finally:
            server.stop()
        print(f"  {kind}: {rows[-1][0]} {rows[-1][1]}", file=sys.stderr)
    return rows


KINDS = ["ours", "stock", "mosquitto"]


def main() -> None:
    quick = "--quick" in sys.argv
    if not quick and resource.getrlimit(resource.RLIMIT_NOFILE)[0] < FILES_NEEDED:
        sys.exit(f"5,000 connections need {FILES_NEEDED} open files: run `ulimit -n {FILES_NEEDED}` first, or --quick")
    kinds = [kind for kind in KINDS if kind != "mosquitto" or Path(mosquitto()).exists()]
    found = {kind: measure(kind, quick) for kind in kinds}
    print(f"| | {' | '.join(kinds)} | stock/ours | what was done |")
    print("|---" * (len(kinds) + 3) + "|")
    for rows in zip(*found.values(), strict=True):
        ours, stock = (float(row[1]) for row in rows[:2])
        ratio = stock / ours if ours else float("nan")
        figures = " | ".join(row[1] for row in rows)
        reach = "; ".join(dict.fromkeys(row[2] for row in rows))
        print(f"| {rows[0][0]} | {figures} | {ratio:.2f} | {reach} |")


if __name__ == "__main__":
    main()
