"""Hosts of a scenario and the sockets of a device: the same story in memory, over TCP, over TLS, and paced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.trace import Record

HEAD = """\
version: 1
name: hosts
seed: 3
duration: 150s
fleet:
  - {name: dut, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./device}
"""
BEGIN = """\
import usocket, ussl, utime, checkNet, _thread
checkNet.waitNetworkReady(60)
def dial(name, port):
    s = usocket.socket()
    s.settimeout(30)
    s.connect(usocket.getaddrinfo(name, port)[0][-1])
    return s
def until_the_end(s):
    n = 0
    try:
        while True:
            piece = s.recv(3000)
            if not piece:
                break
            n += len(piece)
    except OSError as e:
        print(e)
    print(n, s.getsocketsta())
"""

STORIES: dict[str, tuple[str, str, str]] = {
    "a server with moves": (
        "shop: {tcp: {host: a.example, port: 7}, moves: [{expect: buy}, {fill: 100KiB}, {wait: 2s}, {then: close}]}",
        "s = dial('a.example', 7)\ns.write('I buy')\nuntil_the_end(s)\n",
        "host['shop'].finished == 1 and host['shop'].received == 'I buy'",
    ),
    "a server behind TLS that resets": (
        "shop: {tcp: {host: a.example, port: 443, tls: true}, moves: [{receive: 9B}, {fill: 90KiB}, {then: reset}]}",
        "s = ussl.wrap_socket(dial('a.example', 443))\ns.write('some more')\nuntil_the_end(s)\n",
        "host['shop'].finished == 1",
    ),
    "a client that dials a device": (
        "reader: {dial: {device: dut, port: 80, at: 3s, every: 2s}, moves: [{send: hey}, {then: echo}]}",
        "a = usocket.socket()\na.bind(('', 80))\na.listen(2)\nc, ip, port = a.accept()\nprint(ip, c.read(3))\n"
        "c.write(b'x' * 30000)\nprint(len(c.read(30000)))\nc.close()\n",
        "host['reader'].connections == 1 and host['reader'].unmet == 0",
    ),
    "a web server": (
        "web: {http: {host: a.example, port: 80}, paths: {/a: {fill: 20KiB, framing: chunked, delay: 1s}}}",
        "for path in ('/a', '/b'):\n    s = dial('a.example', 80)\n"
        "    s.write('POST %s HTTP/1.0\\r\\nContent-Length: 4\\r\\n\\r\\nbody' % path)\n    until_the_end(s)\n",
        "host['web'].requests == 2 and host['web'].received == 'body'",
    ),
    "request over TLS, to a host and to the artifact server": (
        "web: {http: {host: a.example, port: 443, tls: true}, paths: {/a: {fill: 20KiB, framing: close, delay: 1s}}}",
        "import request\nfor host in ('a.example', 'x.s3.us-west-2.amazonaws.com'):\n"
        "    r = request.get('https://%s/a' % host)\n    print(r.status_code, sum(len(p) for p in r.content))\n",
        "host['web'].requests == 1",
    ),
    "datagrams": (
        "log: {udp: {host: a.example, port: 514}, moves: [{expect: ping}, {send: pong}]}",
        "s = usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM)\nfor n in range(20):\n"
        "    s.sendto('ping %d' % n, usocket.getaddrinfo('a.example', 514)[0][-1])\n    print(s.recvfrom(9))\n",
        "host['log'].requests == 20",
    ),
    "a power cut in the middle of a transfer": (
        "big: {tcp: {host: a.example, port: 7}, moves: [{fill: 2MiB}, {then: close}]}\n"
        "faults:\n  - power_cut: {device: dut, when: {at: 9s}, off_for: 5s}",
        "until_the_end(dial('a.example', 7))\n",
        "host['big'].connections == 2 and device['dut'].boots == 2",
    ),
    "a lost network in the middle of a transfer": (
        "big: {tcp: {host: a.example, port: 7}, moves: [{fill: 2MiB}, {then: close}]}\n"
        "faults:\n  - link_loss: {device: dut, when: {at: 9s}, for: 5s}",
        "until_the_end(dial('a.example', 7))\nuntil_the_end(dial('a.example', 7))\n",
        "host['big'].connections == 2",
    ),
}
WAYS: list[dict[str, Any]] = [
    {"transport": "memory"},
    {"transport": "virtual", "tls": False},
    {"transport": "virtual"},
    {"transport": "paced", "speed": 600.0, "tls": False},
]


def play(folder: Path, story: str, options: RunOptions) -> tuple[str, list[Record]]:
    hosts, script, expect = STORIES[story]
    (folder / "device").mkdir(exist_ok=True)
    (folder / "device" / "main.py").write_text(BEGIN + script)
    (folder / "s.yaml").write_text(f'{HEAD}hosts:\n  {hosts}\nexpect:\n  - "{expect}"\n')
    records: list[Record] = []
    result = run_scenario(load_scenario(folder / "s.yaml"), options, [records.append])
    assert result.passed, (result.expects, result.problems)
    return result.trace_hash, records


@pytest.mark.parametrize("story", STORIES)
def test_every_transport_tells_the_same(tmp_path: Path, story: str) -> None:
    hashes = {play(tmp_path, story, RunOptions(**way))[0] for way in WAYS}
    assert len(hashes) == 1


BY_FTP = """\
version: 1
name: ftp
seed: 3
duration: 200s
fleet:
  - {name: dut, model: EC200A, firmware: EC200ACNHAR01A02M16, script: ./device}
packages:
  up: {method: differential, from: EC200ACNHAR01A02M16, to: EC200ACNHAR01A09M16}
cloud:
  buckets:
    files: {a.bin: {package: up}}
hosts:
  files: {ftp: {host: files.example, bucket: files, user: me, password: secret}}
expect:
  - host['files'].connections == 1 and host['files'].requests == 1
  - device['dut'].firmware == 'EC200ACNHAR01A09M16'
"""
ASK = """\
import fota, modem
if modem.getDevFwVersion() == 'EC200ACNHAR01A02M16':
    fota().httpDownload(url1='ftp://me:secret@files.example:21/a.bin', callback=print)
"""


def test_a_package_by_ftp_is_the_same_story_on_every_transport(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "main.py").write_text(ASK)
    (tmp_path / "s.yaml").write_text(BY_FTP)
    hashes = set()
    for way in WAYS:
        result = run_scenario(load_scenario(tmp_path / "s.yaml"), RunOptions(**way), [])
        assert result.passed, (result.expects, result.problems)
        hashes.add(result.trace_hash)
    assert len(hashes) == 1


FLEET = """\
version: 1
name: fleet
seed: 3
duration: 60s
fleet:
  - {group: m, count: 12, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./device}
hosts:
  echo: {tcp: {host: a.example, port: 7, tls: true}, moves: [{then: echo}]}
  log: {udp: {host: l.example, port: 9}, moves: [{then: echo}]}
  poll: {dial: {device: m, port: 99, at: 9s, every: 7s}, moves: [{send: "x"}, {expect: "y"}, {then: close}]}
faults:
  - power_cut: {device: m, when: {at: 8s}, off_for: 5s}
expect:
  - host['poll'].connections == 12 and host['poll'].unmet == 0
"""
MEMBER = """\
import usocket, ussl, checkNet, _thread
checkNet.waitNetworkReady(60)
def serve():
    a = usocket.socket()
    a.bind(('', 99))
    a.listen(1)
    c, ip, port = a.accept()
    print(c.recv(1), c.send('y'), c.recv(1))
_thread.start_new_thread(serve, ())
u = usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM)
for n in range(3):
    s = usocket.socket()
    s.connect(usocket.getaddrinfo('a.example', 7)[0][-1])
    s = ussl.wrap_socket(s)
    s.write(b'z' * 9000)
    print(len(s.read(9000)))
    s.close()
    u.sendto('p', usocket.getaddrinfo('l.example', 9)[0][-1])
    print(u.recvfrom(5))
"""


def test_many_devices_at_the_same_hosts_in_the_same_instants(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "main.py").write_text(MEMBER)
    (tmp_path / "s.yaml").write_text(FLEET)
    hashes = []
    for way in [*WAYS[:3], {"transport": "paced", "speed": 60.0}]:
        result = run_scenario(load_scenario(tmp_path / "s.yaml"), RunOptions(**way))
        assert result.passed, (result.expects, result.problems)
        hashes.append(result.trace_hash)
    assert len(set(hashes)) == 1


@pytest.mark.parametrize("story", STORIES)
def test_the_story_comes_to_an_end(tmp_path: Path, story: str) -> None:
    _, records = play(tmp_path, story, RunOptions(transport="memory"))
    assert [record.data for record in records if record.kind == "traceback"] == []
    assert any(record.kind == "print" for record in records)
