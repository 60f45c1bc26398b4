"""Mistakes in `hosts` are found before the run, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import SpecError
from sim.scenario.loader import load_scenario

HEAD = """\
version: 1
name: hosts
fleet:
  - {name: dut, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled}
hosts:
"""


def problems(folder: Path, hosts: str, rest: str = "") -> str:
    source = folder / "s.yaml"
    source.write_text(f"{HEAD}  {hosts}\n{rest}")
    with pytest.raises(SpecError) as error:
        load_scenario(source)
    return str(error.value)


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("a: {}", "give exactly one of tcp, udp, dial, http, ftp"),
        ("a: {ftp: {host: x.example, bucket: none}}", "unknown bucket 'none'"),
        ("a: {ftp: {host: x.example}}", "bucket"),
        ("a: {ftp: {host: x.example, bucket: b, user: 'a b'}}", "'a b' is not a name that fits an address"),
        ("a: {ftp: {host: x.example, bucket: b}, moves: [{send: a}]}", "a file server has a 'bucket', not 'moves'"),
        ("a: {tcp: {host: x.example, port: 1}, udp: {host: x.example, port: 1}}", "give exactly one of"),
        ("a: {tcp: {host: x.example, port: 0}}", "greater than or equal to 1"),
        ("a: {tcp: {host: b.s3.eu-west-1.amazonaws.com, port: 80}}", "a host name outside amazonaws.com"),
        ("a: {tcp: {host: x.example, port: 1}, moves: [{}]}", "give exactly one of expect"),
        ("a: {tcp: {host: x.example, port: 1}, moves: [{send: a, expect: b}]}", "give exactly one of expect"),
        ("a: {tcp: {host: x.example, port: 1}, moves: [{send: a, within: 1s}]}", "'within' goes with"),
        ("a: {tcp: {host: x.example, port: 1}, moves: [{expect: ''}]}", "at least 1 character"),
        ("a: {tcp: {host: x.example, port: 1}, moves: [{fill: 1000MiB}]}", "less than or equal to"),
        ("a: {tcp: {host: x.example, port: 1}, moves: [{then: sing}]}", "'sing' is not"),
        ("a: {tcp: {host: x.example, port: 1}, paths: {/: {}}}", "'paths' are a web server's"),
        ("a: {http: {host: x.example, port: 1}, moves: [{send: a}]}", "a web server has 'paths'"),
        ("a: {http: {host: x.example, port: 1}, paths: {a: {}}}", "it must begin with /"),
        ("a: {http: {host: x.example, port: 1}, paths: {/: {body: x, fill: 1KiB}}}", "'body' or 'fill', not both"),
        (
            'a: {http: {host: x.example, port: 1}, paths: {/: {headers: {"a b": c}}}}',
            "not a header that HTTP can carry",
        ),
        ("a: {udp: {host: x.example, port: 1}, moves: [{wait: 1s}]}", "there is no connection"),
        ("a: {dial: {device: dot, port: 1}}", "unknown device or group 'dot'"),
        ("a: {dial: {device: dut, port: 1, every: 0s}}", "greater than or equal to 1"),
        ("A b: {udp: {host: x.example, port: 1}}", "a name of a host"),
        ("a: {http: {host: x.example, port: 1}, paths: {/: {stauts: 1}}}", "unknown key 'stauts'"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, hosts: str, message: str) -> None:
    assert message in problems(tmp_path, hosts)


def test_two_at_one_place(tmp_path: Path) -> None:
    hosts = "a: {tcp: {host: x.example, port: 1}}\n  b: {http: {host: X.example, port: 1}}"
    assert "a listens at x.example, port 1, already" in problems(tmp_path, hosts)


def test_an_expectation_of_a_host_that_is_none(tmp_path: Path) -> None:
    rest = "expect:\n  - host['b'].requests == 0\n  - host['a'].requets == 0\n"
    text = problems(tmp_path, "a: {udp: {host: x.example, port: 1}}", rest)
    assert "unknown host 'b'" in text
    assert "nothing has 'requets'" in text
