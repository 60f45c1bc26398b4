"""The clients of benchmarks/fleet_clients.py once more, as users of tsung: for benchmarks/fleet_mqtt.py.

`python benchmarks/fleet_tsung.py PORT FILES_PORT COUNT` has tsung connect COUNT users that subscribe, wait, ask and are
answered ROUNDS times, wait, fetch the two files, wait and leave. A user waits for longer than all of them take to come,
so that each part is over before the next begins; what says that it is over is the broker's and the file server's count,
and tsung's own has to agree. tsung is Erlang: its memory and CPU are those of its one virtual machine, without the
spinning of idle schedulers. Linux only.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.broker_load import AT_ONCE, dial
from benchmarks.fleet_clients import BODY, FILES, PAGE_BYTES, ROUNDS, topic_of
from benchmarks.fleet_files import SERVED
from sim.net.codec import Packet, Publish

PER_S = 500
"""Users that come in a second."""

SLACK_S = 10
PAUSE_S = 8
SETTLE_S = 2.0
LIMIT_S = 180
"""For each part."""

EPMD_PORT, FIRST_PORT, LAST_PORT = 27_320, 27_321, 27_330
SOURCES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
"""tsung takes a port for each connection before it knows where to; one address has about 28,000."""

QUIET = "+sbwt none +sbwtdcpu none +sbwtdio none"
WARM = AT_ONCE
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TEXT = """\
<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd">
<tsung loglevel="warning" version="1.0">
  <clients><client host="localhost" use_controller_vm="true" maxusers="MOST">SOURCES</client></clients>
  <servers><server host="127.0.0.1" port="PORT" type="tcp"/></servers>
  <load>
    <arrivalphase phase="1" duration="4" unit="second">
      <session_setup name="d" probability="0"/><session_setup name="w" probability="100"/>
      <users maxnumber="MANY" arrivalrate="WARM" unit="second"/>
    </arrivalphase>
    <arrivalphase phase="2" duration="PAUSE" unit="second">
      <session_setup name="d" probability="0"/><session_setup name="w" probability="100"/>
      <users maxnumber="1" arrivalrate="WARM" unit="second"/>
    </arrivalphase>
    <arrivalphase phase="3" duration="LIMIT" unit="second">
      <session_setup name="w" probability="0"/><session_setup name="d" probability="100"/>
      <users maxnumber="COUNT" arrivalrate="RATE" unit="second"/>
    </arrivalphase>
  </load>
  <sessions>
    SESSIONS
  </sessions>
</tsung>
"""
_SESSION = """\
<session name="NAME" probability="SHARE" type="ts_mqtt">
  <request><mqtt type="connect" clean_start="true" keepalive="1200"/></request>
  <request subst="true"><mqtt type="subscribe" topic="TOPIC" qos="0"/></request>
  <thinktime value="WAIT"/>
  <for from="1" to="ROUNDS" incr="1" var="n">
    <request subst="true"><mqtt type="publish" topic="TOPIC" qos="0">BODY</mqtt></request>
    <thinktime value="1"/>
  </for>
  <thinktime value="WAIT"/>
  <change_type new_type="ts_http" host="127.0.0.1" port="FILES" server_type="tcp" store="true" bidi="false"/>
  GETS
  <change_type new_type="ts_mqtt" host="127.0.0.1" port="PORT" server_type="tcp" restore="true" bidi="true"/>
  <thinktime value="WAIT"/>
  <request><mqtt type="disconnect"/></request>
</session>
"""


def config(port: int, files: int, count: int) -> str:
    """What tsung is told: WARM users for its code's sake, a pause, and then those that count."""
    wait_s = int(1.5 * count / PER_S) + SLACK_S
    gets = "".join(
        f'<request><http url="http://127.0.0.1:{files}{path}" method="GET" version="1.1"/></request>' for path in FILES
    )
    sessions = ""
    for name, share, wait in (("w", 0, 0.1), ("d", 100, wait_s)):
        sessions += _filled(
            _SESSION,
            NAME=name,
            SHARE=share,
            WAIT=wait,
            TOPIC=topic_of(f"{name}%%_tsung_userid%%"),
            ROUNDS=ROUNDS if name == "d" else 1,
            BODY=BODY.decode(),
            GETS=gets,
            FILES=files,
            PORT=port,
        )
    return _filled(
        _TEXT,
        SOURCES="".join(f'<ip value="{source}"/>' for source in SOURCES),
        SESSIONS=sessions,
        MOST=count + WARM,
        PORT=port,
        WARM=WARM,
        MANY=WARM - 1,
        PAUSE=PAUSE_S,
        LIMIT=LIMIT_S,
        COUNT=count,
        RATE=PER_S,
    )


class Watcher:
    """Counts what users publish, as any other subscriber sees it."""

    def __init__(self) -> None:
        self.warm = self.asked = 0

    def __call__(self, packet: Packet) -> None:
        assert isinstance(packet, Publish)
        if "/things/d" in packet.topic:
            self.asked += 1
        else:
            self.warm += 1


class Machine:
    """tsung's virtual machine, seen from outside."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def used(self) -> tuple[float, float, float]:
        """CPU and wall seconds, and bytes in RAM."""
        fields = (self._folder / "stat").read_text("ascii").rpartition(")")[2].split()
        pages = int((self._folder / "statm").read_text("ascii").split()[1])
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S, time.perf_counter(), pages * PAGE_BYTES

    def files(self) -> int:
        """How many it has open."""
        return sum(1 for _ in (self._folder / "fd").iterdir())

    def lives(self) -> bool:
        return self._folder.exists()


async def measured(machine: Machine, port: int, files: int, count: int) -> dict[str, Any]:
    """Each part of the flow, as benchmarks/fleet_clients.py has it."""
    seen = Watcher()
    client = await dial(port, "watcher", (topic_of("+"),))
    client.on_packet = seen
    given = _served(files)

    def fetched() -> int:
        """By those that count."""
        return _served(files) - given - seen.warm * len(FILES)

    await _until(machine, lambda: seen.warm == WARM and fetched() == 0)
    await asyncio.sleep(SETTLE_S)
    first, marks = machine.files(), [machine.used()]
    parts = (
        (lambda: machine.files() >= first + count, lambda: seen.asked == 0),
        (lambda: seen.asked >= count * ROUNDS, lambda: fetched() <= 0),
        (lambda: fetched() >= count * len(FILES), lambda: machine.files() >= first + count),
    )
    for over, still in parts:
        await _until(machine, over)
        await asyncio.sleep(SETTLE_S)
        assert still(), "this machine is too slow for tsung's schedule: one part began before another was over"
        marks.append(machine.used())
    numbers = {"connect": count, "message": count * ROUNDS, "file": count * len(FILES)}
    said = {}
    for (name, number), before, after in zip(numbers.items(), marks, marks[1:], strict=False):
        cpu_s, wall_s, grown = (late - early for late, early in zip(after, before, strict=True))
        said[name] = {"per_s": number / wall_s, "cpu_us": cpu_s * 1e6 / number, "bytes": grown / number}
    client.transport.abort()
    return said


def run(port: int, files: int, count: int) -> dict[str, Any]:
    """Start tsung, measure, and see that it did what it was told. It leaves nothing behind."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "tsung.xml").write_text(config(port, files, count))
        where = {"HOME": text, "ERL_EPMD_PORT": str(EPMD_PORT), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_FLAGS": QUIET}
        env = {**os.environ, **where}
        tail = ["-t", str(FIRST_PORT), "-T", str(LAST_PORT), "-f", f"{text}/tsung.xml", "-l", f"{text}/log", "start"]
        names = subprocess.Popen(["epmd", "-port", str(EPMD_PORT), "-address", "127.0.0.1"], env=env)
        nowhere = subprocess.DEVNULL
        command = ["tsung", "-n", "-I", "127.0.0.1", *tail]
        tool = subprocess.Popen(command, env=env, stdout=nowhere, stderr=nowhere, start_new_session=True)
        try:
            said = asyncio.run(measured(Machine(_machine_of(tool.pid)), port, files, count))
            tool.wait(LIMIT_S)
            check(next(folder.glob("log/*/tsung.log")).read_text(), count)
        finally:
            if tool.poll() is None:
                os.killpg(tool.pid, signal.SIGKILL)
                tool.wait()
            names.terminate()
            names.wait()
    return said


def check(log: str, count: int) -> None:
    """AssertionError unless all users were connected, answered and given their files by its own count, too."""
    totals = {name: int(total) for name, total in re.findall(r"^stats: (\w+) \d+ (\d+)$", log, re.MULTILINE)}
    warm = totals["mqtt_connected"] - count
    wanted = {"mqtt_server_published": count * ROUNDS + warm, "200": (count + warm) * len(FILES)}
    assert warm == WARM, totals
    assert {name: totals.get(name) for name in wanted} == wanted, totals


def _machine_of(pid: int) -> int:
    """The virtual machine that tsung's shell script has started."""
    until_s = time.perf_counter() + 10
    while time.perf_counter() < until_s:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
            if Path(f"/proc/{child}/comm").read_text("ascii").startswith("beam"):
                return int(child)
        time.sleep(0.05)
    raise AssertionError("tsung has not started")


async def _until(machine: Machine, done: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not done():
            assert machine.lives(), f"tsung has ended; ports {EPMD_PORT} to {LAST_PORT} have to be free"
            await asyncio.sleep(0.25)


def _served(files: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{files}{SERVED}", timeout=60) as answer:
        return int(answer.read())


def _filled(text: str, **values: object) -> str:
    return re.sub(r"\b(" + "|".join(values) + r")\b", lambda found: str(values[found[1]]), text)


def main() -> None:
    port, files, count = (int(word) for word in sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(run(port, files, count)))


if __name__ == "__main__":
    main()
