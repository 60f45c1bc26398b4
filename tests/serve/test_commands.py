"""`up`, `ps`, `env`, `logs` and `down`: what they print, whom they refuse, and whom they leave alone."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from up_rig import Device, Operator, Up, free_port

from sim.cli.exits import Exit
from sim.cli.main import main
from sim.cloud.sigv4 import OPERATOR
from sim.errors import SpecError
from sim.serve.data_dir import DataDir, Running
from sim.serve.options import UpOptions, is_loopback
from sim.serve.shells import SHELLS, variables

RUNNING = Running(
    1, "0", "", "", "127.0.0.1", "http://127.0.0.1:7800", "https://127.0.0.1:8443", 8883, 0, "us-west-2", "A'K",
    'it"s $HOME', "/tmp/with space/ca.pem",
)  # fmt: skip


class Shell:
    """Commands on one data directory."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = DataDir(folder / "cloud")
        self._capsys = capsys
        self.ports = [word for name in ("--port", "--tls-port", "--mqtt-port") for word in (name, str(free_port()))]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, what it printed, and what it complained about."""
        with pytest.raises(SystemExit) as ended:
            main([*words, "--data", str(self.data.path)])
        out, err = self._capsys.readouterr()
        return int(str(ended.value.code)), out, err

    def up(self, *words: str) -> tuple[int, str, str]:
        return self("up", "-d", *self.ports, *words)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    made = Shell(tmp_path, capsys)
    yield made
    made("down")


def test_a_cloud_in_the_background_from_up_to_down(shell: Shell) -> None:
    code, out, _ = shell.up()
    assert code == Exit.PASSED
    running = shell.data.running()
    assert running is not None
    assert running.rest_url in out
    assert f"{running.host}:{running.mqtt_port}" in out

    code, out, _ = shell("ps")
    assert (code, str(running.pid) in out) == (Exit.PASSED, True)
    shown = json.loads(shell("ps", "--json")[1])
    assert shown["running"]["rest_url"] == running.rest_url
    assert shown["running"]["secret_key"] == ""
    assert shown["devices"] == []

    code, _, err = shell.up()
    assert code == Exit.ENVIRONMENT
    assert f"in use by a running qpyota up (process {running.pid})" in err

    assert shell("down")[1].startswith(f"ended process {running.pid};")
    assert shell("down")[1].startswith("no cloud runs on")
    assert shell("ps")[:2] == (Exit.PASSED, f"no cloud runs on {shell.data.path}\n")


def test_only_the_owner_may_look_into_the_data(shell: Shell) -> None:
    shell.up()
    assert oct(shell.data.path.stat().st_mode)[-3:] == "700"
    modes = {path.name: oct(path.stat().st_mode)[-2:] for path in shell.data.path.iterdir()}
    assert {name: mode for name, mode in modes.items() if mode != "00"} == {}


def test_without_a_cloud_there_is_no_environment(shell: Shell) -> None:
    code, out, err = shell("env")
    assert (code, out) == (Exit.ENVIRONMENT, "")
    assert f"qpyota up -d --data {shell.data.path}" in err


def test_after_kill_9_nothing_runs_and_the_next_one_may(tmp_path: Path, shell: Shell) -> None:
    with Up(tmp_path) as up:
        up.start()
        up.kill()
        assert shell.data.running() is None
        assert shell("down")[1].startswith("no cloud runs on")
        up.start()


@pytest.mark.parametrize("option", ["--port", "--tls-port", "--mqtt-port", "--plain-mqtt-port"])
def test_a_port_that_is_taken_is_named_with_its_option(option: str, shell: Shell) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = shell.up(option, port)
    assert code == Exit.ENVIRONMENT
    assert f"port {port} is taken on 127.0.0.1" in err
    assert err.rstrip().endswith(f"with {option}")
    assert shell.data.running() is None


# Who is let in


def test_other_machines_are_let_in_with_a_token_only(shell: Shell) -> None:
    code, _, err = shell.up("--listen", "0.0.0.0")
    assert code == Exit.USAGE
    assert "--token" in err
    code, _, err = shell.up("--listen", "0.0.0.0", "--token", "t", "--plain-mqtt-port", "0")
    assert code == Exit.USAGE
    assert "--plain-mqtt-port" in err
    with pytest.raises(SpecError, match="name one with --listen"):
        UpOptions(Path(), listen="0.0.0.0", token="t", urls="local").check()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("example.com", False)],
)  # fmt: skip
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_with_a_token_the_public_key_opens_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPYOTA_TOKEN", "only we know")
    assert shell.up()[0] == Exit.PASSED
    running = shell.data.running()
    assert running is not None
    assert running.secret_key != OPERATOR.secret
    with closing(Operator(running)) as operator:
        operator.iot("GET", "/things")
        assert operator.call("s3", "GET", "/").status == 200
    public = Running(**{**{name: getattr(running, name) for name in running.__slots__}, "secret_key": OPERATOR.secret})
    with closing(Operator(public)) as stranger:
        assert stranger.call("iot", "GET", "/things").status == 403
        assert stranger.call("s3", "GET", "/").status == 403
        assert stranger.call("iam", "POST", "/", b"Action=ListRoles").status == 403
    assert "only we know" not in Path(f"/proc/{running.pid}/cmdline").read_text()


def test_a_stranger_who_has_the_process_id_of_a_dead_cloud_is_not_ended(tmp_path: Path, shell: Shell) -> None:
    shell.data.make()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        lock = os.open(shell.data.path / "lock", os.O_RDWR | os.O_CREAT)
        os.write(lock, str(stranger.pid).encode())
        fcntl.flock(lock, fcntl.LOCK_EX)  # somebody has the lock, but not that process
        assert shell.data.holder() is None
        assert shell("down")[1].startswith("no cloud runs on")
        os.close(lock)
        assert shell("down")[1].startswith("no cloud runs on")
        assert stranger.poll() is None
        stranger.communicate(b"\n")


# What it is told by


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_takes_every_value_as_it_is() -> None:
    script = "\n".join(SHELLS["bash"](name, value) for name, value in variables(RUNNING).items())
    shown = subprocess.run(["bash", "-c", f"{script}\nenv -0"], capture_output=True, check=True).stdout
    found = dict(line.split("=", 1) for line in shown.decode().split("\0") if "=" in line)
    assert {name: found[name] for name in variables(RUNNING)} == variables(RUNNING)


@pytest.mark.parametrize(
    ("name", "key", "secret"),
    [
        ("fish", r"set -gx AWS_ACCESS_KEY_ID 'A\'K'", "set -gx AWS_SECRET_ACCESS_KEY 'it\"s $HOME'"),
        ("pwsh", "$env:AWS_ACCESS_KEY_ID = 'A''K'", "$env:AWS_SECRET_ACCESS_KEY = 'it\"s $HOME'"),
        ("dotenv", 'AWS_ACCESS_KEY_ID="A\'K"', r'AWS_SECRET_ACCESS_KEY="it\"s $HOME"'),
    ],
)
def test_other_shells_in_their_words(name: str, key: str, secret: str) -> None:
    lines = [SHELLS[name](variable, value) for variable, value in variables(RUNNING).items()]
    assert key in lines
    assert secret in lines


@pytest.mark.parametrize(("urls", "local"), [((), True), (("--urls", "aws"), False)])
def test_urls_of_job_documents_lead_where_the_devices_can_follow(
    urls: tuple[str, ...], local: bool, shell: Shell, tmp_path: Path
) -> None:
    shell.up(*urls)
    running = shell.data.running()
    assert running is not None
    with closing(Operator(running)) as operator:
        made = device(operator, tmp_path)
        operator.call("s3", "PUT", "/bucket")
        operator.call("s3", "PUT", "/bucket/a/b.bin", b"content")
        trust = b"Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=%7B%7D"
        assert operator.call("iam", "POST", "/", trust).status == 200
        source = "${aws:iot:s3-presigned-url:https://s3.us-west-2.amazonaws.com/bucket/a/b.bin}"
        job = {"targets": ["arn:aws:iot:us-west-2:123456789012:thing/t"], "document": json.dumps({"url": source}),
               "presignedUrlConfig": {"roleArn": "arn:aws:iam::123456789012:role/r", "expiresInSec": 60}}  # fmt: skip
        operator.iot("PUT", "/jobs/j", job)
    with closing(made.https(running)) as connection:
        connection.request("GET", "/things/t/jobs/$next")
        found = json.loads(connection.getresponse().read())
    url = json.loads(found["execution"]["jobDocument"])["url"]
    if local:
        assert url.startswith(f"{running.rest_url}/bucket/a/b.bin?X-Amz-Algorithm=")
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b"content"
    else:
        assert url.startswith("https://bucket.s3.us-west-2.amazonaws.com/a/b.bin?X-Amz-Algorithm=")


def device(operator: Operator, folder: Path) -> Device:
    """A thing `t` that may do everything."""
    allowed: dict[str, Any] = {"Effect": "Allow", "Action": ["iot:*", "iotjobsdata:*"], "Resource": "*"}
    operator.iot("POST", "/things/t", {})
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    operator.iot("POST", "/policies/all", {"policyDocument": document})
    made = operator.iot("POST", "/keys-and-certificate?setAsActive=true")
    operator.iot("PUT", "/target-policies/all", {"target": made["certificateArn"]})
    operator.iot("PUT", "/things/t/principals", principal=made["certificateArn"])
    return Device(folder, "t", made)
