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
MINI_OLD, MINI_NEW = "EC800NCNLAR01A01M08_OCPU_QPY", "EC800NCNLAR01A02M08_OCPU_QPY"
FULL = "EC600NCNLCR01A02M16_OCPU_QPY"


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
    made = qpyota.json("pkg", "build", "full", FULL, "-o", "f.pack")
    assert made["base"] is None
    facts = qpyota.json("pkg", "info", "f.pack")
    assert (facts["kind"], facts["base_version"], facts["target_version"]) == ("full", None, FULL)
    assert qpyota("pkg", "verify", "f.pack") == f"✓ anything -> {FULL}\n"
    for part in ("full", FULL, "ed25519", "customer_app"):
        assert part in qpyota("pkg", "info", "f.pack")


def test_a_method_that_the_family_does_not_have_is_refused(qpyota: Shell) -> None:
    assert "takes differential upgrades only" in qpyota("pkg", "build", "full", NEW, "-o", "f.pack", code=2)
    assert "takes differential upgrades only" in qpyota("pkg", "build", "mini", OLD, NEW, "-o", "f", code=2)
    assert "takes minimal upgrades only" in qpyota("pkg", "build", "diff", MINI_OLD, MINI_NEW, "-o", "f", code=2)
    assert not list(Path().iterdir())


def test_the_model_may_be_named_and_then_the_version_may_be_any(qpyota: Shell) -> None:
    qpyota("pkg", "build", "diff", "V1", "V2", "--model", "EG915U", "-o", "a.pack")
    assert qpyota.json("pkg", "verify", "a.pack", "--model", "EG915U")["verified"]
    assert "neither a firmware folder nor a version" in qpyota("pkg", "build", "diff", "V1", "V2", "-o", "b", code=2)
    qpyota("pkg", "firmware", OLD, "-o", "old")
    told = qpyota("pkg", "build", "diff", "old", "old", "--model", "EC800NCNLA", "-o", "b", code=2)
    assert "family ecx00u" in told


def test_a_minimal_pair_is_built_checked_and_applied(qpyota: Shell) -> None:
    made = qpyota.json("pkg", "build", "mini", MINI_OLD, MINI_NEW, "-o", "out/ec800n.mini_1")["packages"]
    first, second = (entry["file"] for entry in made)
    assert (first, second) == ("out/ec800n.mini_1", "out/ec800n.mini_2")
    assert qpyota.json("pkg", "verify", first, second)["verified"]
    assert "not halves of one upgrade" in qpyota("pkg", "verify", first, first, code=1)
    told = qpyota.json("pkg", "info", first)
    assert told["kind"] == "mini_system"
    assert told["partner_sha256"] == qpyota.json("pkg", "info", second)["outline_sha256"]
    assert told["partner_sha256"] in qpyota("pkg", "info", first)
    qpyota("pkg", "firmware", MINI_OLD, "-o", "old")
    qpyota("pkg", "firmware", MINI_NEW, "-o", "new")
    done = qpyota.json("pkg", "apply", first, second, "--image", "old", "-o", "result")
    assert (done["applied"], done["version"], done["restarts"], done["code"]) == (True, MINI_NEW, 4, 0)
    assert_same_folder("result", "new")
    refused = qpyota.json("pkg", "apply", first, second, "--image", "new", code=1)
    assert (refused["applied"], refused["version"], refused["code"]) == (False, MINI_NEW, 553)
    stuck = qpyota.json("pkg", "apply", first, first, "--image", "old", code=1)
    assert (stuck["version"], stuck["code"]) == (None, 505)


def assert_same_folder(one: str, other: str) -> None:
    names = sorted(path.name for path in Path(other).iterdir())
    assert sorted(path.name for path in Path(one).iterdir()) == names
    assert all((Path(one) / name).read_bytes() == (Path(other) / name).read_bytes() for name in names)


def test_a_package_is_applied_to_a_firmware_folder(qpyota: Shell) -> None:
    qpyota("pkg", "build", "diff", OLD, NEW, "-o", "a.pack")
    for version, folder in ((OLD, "old"), (NEW, "new")):
        qpyota("pkg", "firmware", version, "-o", folder)
    done = qpyota.json("pkg", "apply", "a.pack", "--image", "old", "--output", "result")
    assert (done["applied"], done["version"], done["restarts"], done["reason"]) == (True, NEW, 2, "")
    assert done["flash_ops"] > 1000
    assert done["time_us"] > 10_000_000
    assert_same_folder("result", "new")
    assert "-> " + NEW in qpyota("pkg", "apply", "a.pack", "--image", "old")
    refused = qpyota.json("pkg", "apply", "a.pack", "--image", "new", code=1)
    assert (refused["applied"], refused["version"], refused["code"]) == (False, NEW, 507)
    assert "code 507" in qpyota("pkg", "apply", "a.pack", "--image", "new", code=1)


def test_a_vendors_package_is_wrapped_told_and_applied(qpyota: Shell) -> None:
    Path("vendor.pack").write_bytes(bytes(range(256)) * 1000)
    words = ("--method", "differential", "--from", OLD, "--to", NEW)
    note = qpyota.json("pkg", "wrap", "vendor.pack", *words, "-o", "notes/vendor.yaml")
    assert (note["size_bytes"], note["file"], note["model"]) == (256_000, "../vendor.pack", "EG915U")
    assert NEW in qpyota("pkg", "info", "notes/vendor.yaml")
    qpyota("pkg", "firmware", OLD, "-o", "old")
    qpyota("pkg", "firmware", NEW, "-o", "new")
    done = qpyota.json("pkg", "apply", "notes/vendor.yaml", "--image", "old", "-o", "result")
    assert (done["applied"], done["version"]) == (True, NEW)
    assert_same_folder("result", "new")
    assert qpyota.json("pkg", "apply", "vendor.pack", "--image", "old", code=1)["code"] == 505
    Path("vendor.pack").write_bytes(b"another")
    assert "has changed since" in qpyota("pkg", "apply", "notes/vendor.yaml", "--image", "old", code=2)


def test_what_cannot_be_wrapped(qpyota: Shell) -> None:
    Path("vendor.pack").write_bytes(bytes(3_000_000))
    words = ("pkg", "wrap", "vendor.pack", "--to", NEW, "-o", "note.yaml")
    told = qpyota(*words, "--method", "differential", "--from", OLD, code=2)
    assert "by 1304256 B" in told
    assert "needs --from" in qpyota(*words, "--method", "differential", code=2)
    assert "needs no --from" in qpyota(*words, "--method", "full", "--from", OLD, code=2)
    assert "takes differential upgrades only" in qpyota(*words, "--method", "full", code=2)
    assert not Path("note.yaml").exists()


APP = ("pkg", "build", "app", "app", "--version", "2.0", "--bucket-url", "https://qpyota.s3.us-west-2.amazonaws.com/")


def test_application_files_become_an_upload_folder_and_a_job_document(qpyota: Shell) -> None:
    Path("app/lib/__pycache__").mkdir(parents=True)
    Path("app/a.py").write_text("VERSION = 2\n")
    Path("app/lib/b.py").write_text("pass\n")
    Path("app/lib/__pycache__/b.pyc").write_bytes(b"no")
    told = qpyota.json(*APP, "--model", "EG915U", "-o", "upload")
    assert told["files"] == ["a.py", "lib/b.py"]
    assert Path("upload/lib/b.py").read_text() == "pass\n"
    (job,) = json.loads(Path("upload/app_fota.json").read_text())
    assert job["operation"] == "app_fota"
    assert job["files"][1] == {
        "fileName": "/usr/lib/b.py",
        "fileVersion": "2.0",
        "fileSource": {
            "url": "${aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/lib/b.py}",
        },
    }


def test_application_files_that_do_not_fit_are_refused_by_how_much(qpyota: Shell) -> None:
    Path("app").mkdir()
    assert "no files" in qpyota(*APP, "-o", "upload", code=2)
    Path("app/big.py").write_bytes(bytes(200 * 1024))
    assert "by 16384 B" in qpyota(*APP, "--model", "EG915U", "-o", "upload", code=2)
    for number in range(250):
        Path(f"app/{number}.py").write_text("")
    assert "split it" in qpyota(*APP, "-o", "upload", code=2)
    assert not Path("upload").exists()


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
