"""`qpyota pkg`, `models` and `doctor`: from versions to files and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sim.cli.main import main

OLD, NEW = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"


class Shell:
    """`qpyota` in this process, in an own folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = self._capsys.readouterr()
        assert ended.value.code == code, err
        return out or err

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def qpyota(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


def test_a_differential_package_from_versions_or_from_folders_is_the_same(qpyota: Shell) -> None:
    qpyota("pkg", "build", "diff", OLD, NEW, "-o", "out/a.pack")
    assert qpyota("pkg", "verify", "out/a.pack") == f"✓ {OLD} -> {NEW}\n"
    qpyota("pkg", "firmware", OLD, "-o", "old")
    made = qpyota.json("pkg", "firmware", NEW, "-o", "new")
    assert {file.name for file in Path("new").iterdir()} == {f"{name}.img" for name in made["images"]} | {
        "firmware.yaml"
    }
    qpyota.json("pkg", "build", "diff", "old", "new", "-o", "b.pack")
    assert Path("b.pack").read_bytes() == Path("out/a.pack").read_bytes()
    assert qpyota.json("pkg", "verify", "b.pack", "--base", "old")["verified"]


def test_what_a_device_would_refuse_does_not_verify(qpyota: Shell) -> None:
    size = qpyota.json("pkg", "build", "diff", OLD, NEW, "-o", "a.pack")["size_bytes"]
    data = Path("a.pack").read_bytes()
    assert len(data) == size
    assert qpyota.json("pkg", "verify", "a.pack", "--base", NEW, code=1)["code"] == 507
    Path("bad.pack").write_bytes(data[: size // 2] + bytes([data[size // 2] ^ 1]) + data[size // 2 + 1 :])
    assert qpyota.json("pkg", "verify", "bad.pack", code=1) == {
        "verified": False,
        "code": 505,
        "reason": qpyota("pkg", "verify", "bad.pack", code=1).removeprefix("✗ code 505: ").strip(),
    }
    Path("text.pack").write_text("no package")
    assert "text.pack" in qpyota("pkg", "info", "text.pack", code=2)


def test_a_full_package_needs_no_base(qpyota: Shell) -> None:
    qpyota("pkg", "build", "full", NEW, "-o", "f.pack")
    facts = qpyota.json("pkg", "info", "f.pack")
    assert (facts["kind"], facts["base_version"], facts["target_version"]) == ("full", None, NEW)
    assert qpyota("pkg", "verify", "f.pack") == f"✓ anything -> {NEW}\n"
    for part in ("full", NEW, "ed25519", "APP"):
        assert part in qpyota("pkg", "info", "f.pack")


def test_an_own_key_is_the_only_one_that_verifies(qpyota: Shell) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    Path("key.pem").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    Path("key.pub").write_bytes(public)
    qpyota("pkg", "build", "diff", OLD, NEW, "--key", "key.pem", "-o", "a.pack")
    assert qpyota.json("pkg", "verify", "a.pack", code=1)["code"] == 505
    assert qpyota.json("pkg", "verify", "a.pack", "--key", "key.pub")["verified"]
    qpyota("pkg", "verify", "a.pack", "--key", "key.pem", code=2)


def test_a_place_that_cannot_be_written_is_the_machines_fault(qpyota: Shell) -> None:
    Path("file").write_text("in the way")
    qpyota("pkg", "build", "diff", OLD, NEW, "-o", "file/a.pack", code=4)
    qpyota("pkg", "firmware", NEW, "-o", "file/fw", code=4)


def test_models_lists_and_shows(qpyota: Shell) -> None:
    rows = qpyota.json("models")["models"]
    assert "EG915U" in [row["variant"] for row in rows]
    for row in rows:
        shown = qpyota("models", row["variant"])
        assert shown.startswith(f"{row['variant']}: {row['title']}, {row['chip']}\n")
        facts = qpyota.json("models", row["variant"])
        assert sum(partition["size_bytes"] for partition in facts["partitions"]) == row["flash_bytes"]
    assert all(row["variant"] in qpyota("models") for row in rows)
    assert "did you mean 'EG915U'" in qpyota("models", "EG951U", code=2)


def test_doctor_finds_this_machine_fit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from sim.cli.main import main; main(['doctor', '--json'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["ok"]
    assert any("amqtt 0.12.1" in finding["text"] for finding in told["findings"])


def test_doctor_tells_a_taken_port(qpyota: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr("sim.cli.doctor.MQTT_PORT", taken.getsockname()[1])
        assert f"!!  port {taken.getsockname()[1]} cannot be used" in qpyota("doctor")
