"""`qpyota cloud` against a cloud that `qpyota up` serves: issue, list, store and fetch, and how each one fails."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sim.cli.exits import Exit
from sim.cli.main import main
from sim.net.codec import Connack, Connect, Decoder, encode
from sim.serve.data_dir import DataDir

Call = Callable[..., str]


def free_ports(count: int) -> list[str]:
    """Ports nobody listens on, below the range that the system hands out by itself."""
    found: list[str] = []
    for port in range(27_000, 29_999):
        with socket.socket() as probe:
            if len(found) < count and probe.connect_ex(("127.0.0.1", port)):
                found.append(str(port))
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a cloud that runs."""
    folder = tmp_path_factory.mktemp("cloud")
    rest, tls, mqtt = free_ports(3)
    ports = ["--port", rest, "--tls-port", tls, "--mqtt-port", mqtt]
    words = ["up", "-d", "--data", str(folder), "--limits", "relaxed", *ports]
    qpyota = [sys.executable, "-c", "from sim.cli.main import main; main()"]
    subprocess.run([*qpyota, *words], check=True, capture_output=True, timeout=60)
    yield folder
    subprocess.run([*qpyota, "down", "--data", str(folder)], check=True, capture_output=True, timeout=60)


@pytest.fixture
def call(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """What `qpyota cloud WORDS` prints; its exit code is checked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QPYOTA_DATA", str(data))

    def call(*words: str, code: Exit = Exit.PASSED) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["cloud", *words])
        out, err = capsys.readouterr()
        assert ended.value.code == code, err
        assert "Traceback" not in err
        return out if code is Exit.PASSED else err

    return call


def connack(data: Path, client_id: str, certificate: str, key: str) -> int:
    """The code with which the served broker answers this client."""
    running = DataDir(data).running()
    assert running is not None
    context = ssl.create_default_context(cafile="ca.pem")
    context.load_cert_chain(certificate, key)
    with (
        socket.create_connection((running.host, running.mqtt_port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        line.sendall(encode(Connect(client_id, keepalive_s=60)))
        [answer] = Decoder(1000).feed(line.recv(100))
    assert isinstance(answer, Connack)
    return answer.code


# Refusals


@pytest.mark.parametrize("words", [["things"], ["issue", "t"], ["s3", "ls"]])
def test_without_a_cloud_the_way_out_is_named(call: Call, words: list[str]) -> None:
    assert "qpyota up -d --data none" in call(*words, "--data", "none", code=Exit.ENVIRONMENT)


def test_an_authority_that_was_never_made(call: Call) -> None:
    assert "holds no cloud yet" in call("ca", "--data", "none", code=Exit.ENVIRONMENT)


def test_a_thing_cannot_have_any_name(call: Call) -> None:
    assert "no thing name" in call("issue", "../t", code=Exit.USAGE)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{", "it is not JSON"),
        ('{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "${a:b}"}}', "a:b} is not emulated"),
    ],
)
def test_a_policy_that_is_none_leaves_nothing_behind(call: Call, document: str, why: str) -> None:
    Path("policy.json").write_text(document)
    assert why in call("issue", "never", "--policy", "policy.json", code=Exit.USAGE)
    assert not list(Path.cwd().glob("*.pem"))
    assert "never" not in call("things")


def test_a_key_is_never_overwritten(call: Call) -> None:
    call("issue", "once")
    before = Path("once.key.pem").read_bytes()
    assert "is there already" in call("issue", "once", code=Exit.USAGE)
    assert Path("once.key.pem").read_bytes() == before


def test_what_the_artifact_server_refuses(call: Call) -> None:
    Path("f").write_text("x")
    assert "NoSuchBucket" in call("s3", "ls", "s3://nothing-here", code=Exit.USAGE)
    assert "InvalidBucketName" in call("s3", "put", "f", "s3://B/", code=Exit.USAGE)
    assert "write s3://BUCKET/KEY" in call("s3", "get", "http://x/y", code=Exit.USAGE)
    assert "names a bucket" in call("s3", "get", "s3://bucket", code=Exit.USAGE)


# Good ones


def test_an_issued_certificate_lets_its_thing_in_and_nobody_else(call: Call, data: Path) -> None:
    told = call("issue", "pump:7", "-o", ".")
    assert "pump:7.cert.pem, pump:7.key.pem, ca.pem: pump:7 with policy qpyota-device" in told
    assert stat.S_IMODE(Path("pump:7.key.pem").stat().st_mode) == 0o600
    files = "pump:7.cert.pem", "pump:7.key.pem"
    assert [connack(data, name, *files) for name in ("pump:7", "pump:8")] == [0, 5]


def test_a_policy_of_ones_own_replaces_the_default(call: Call, data: Path) -> None:
    rules = {"Effect": "Allow", "Action": "iot:*", "Resource": "arn:aws:iot:us-west-2:123456789012:client/desk-?"}
    Path("policy.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": [rules]}))
    made = json.loads(call("issue", "desk", "--policy", "policy.json", "--json"))
    assert made["policy"] in call("policies")
    assert [connack(data, name, *made["files"][:2]) for name in ("desk-1", "desk", "desk-10")] == [0, 5, 5]
    again = json.loads(call("issue", "desk", "-o", "more", "--policy", "policy.json", "--json"))
    assert again["policy"] == made["policy"], "one document is one policy"


def test_the_authority_is_printed_or_written(call: Call) -> None:
    text = call("ca")
    assert text.startswith("-----BEGIN CERTIFICATE-----")
    call("ca", "-o", "authority.pem")
    assert Path("authority.pem").read_text() == text


def test_lists(call: Call) -> None:
    arn = json.loads(call("issue", "listed", "--json"))["certificateArn"]
    assert "listed" in [row.split()[0] for row in call("things").splitlines()]
    assert [arn.rpartition("/")[2], "ACTIVE"] in [row.split() for row in call("certs").splitlines()]
    assert "qpyota-device" in call("policies")
    assert json.loads(call("groups", "--json")) == {"thingGroups": []}


def test_files_go_there_and_back(call: Call) -> None:
    Path("odd name+ü.bin").write_bytes(bytes(range(256)))
    call("s3", "put", "odd name+ü.bin", "s3://store/a b/")
    assert "s3://store/a b/odd name+ü.bin" in call("s3", "ls", "s3://store/a")
    assert call("s3", "ls", "s3://store/b") == "BYTES  OBJECT\n"
    assert "store" in call("s3", "ls")
    Path("back").mkdir()
    call("s3", "get", "s3://store/a b/odd name+ü.bin", "back")
    assert Path("back/odd name+ü.bin").read_bytes() == bytes(range(256))


def test_a_call_that_exceeds_a_rate_is_made_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.serve.cloud_client import CloudClient, CloudError

    running, refusals = DataDir(data).running(), ["ThrottlingException", "ThrottlingException"]
    assert running is not None
    client = CloudClient(running)
    send = client._call

    def busy(*words: object, **more: object) -> bytes:
        if refusals:
            raise CloudError(refusals.pop(), "Rate exceeded")
        return send(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "_call", busy)
    assert "things" in client.iot("GET", "/things")
    refusals.append("InternalFailureException")
    with pytest.raises(CloudError, match="InternalFailure"):
        client.iot("GET", "/things")


def test_a_list_of_many_pages_is_whole(call: Call, data: Path) -> None:
    from sim.serve.cloud_client import PAGE_ROWS, CloudClient

    running = DataDir(data).running()
    assert running is not None
    client = CloudClient(running)
    for number in range(PAGE_ROWS + 10):
        client.iot("POST", f"/things/many-{number:03}", {})
    assert call("things").count("many-") == PAGE_ROWS + 10
