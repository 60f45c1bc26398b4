"""MCUboot's own tool accepts our packages, and its keys sign them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from pack_samples import LAYOUT, NEW, check, diff, firmware, full, pair

from sim.errors import SpecError
from sim.pack.build import build_full
from sim.pack.signing import DEVELOPMENT_KEY, DEVELOPMENT_PUBLIC_KEY, load_private_key, load_public_key

BESIDE_PYTHON = Path(sys.executable).with_name("imgtool")
IMGTOOL = str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else shutil.which("imgtool")

needs_imgtool = pytest.mark.skipif(IMGTOOL is None, reason="imgtool is not installed (pip install qpyota[dev])")

PRIVATE_PEM = DEVELOPMENT_KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
PUBLIC_PEM = DEVELOPMENT_PUBLIC_KEY.public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def imgtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(IMGTOOL), *map(str, arguments)], capture_output=True, text=True, check=False)


@needs_imgtool
def test_imgtool_refuses_a_damaged_package(tmp_path):
    (tmp_path / "key.pem").write_bytes(PRIVATE_PEM)
    damaged = bytearray(diff())
    damaged[0x900] ^= 1
    (tmp_path / "fota.pack").write_bytes(damaged)
    assert imgtool("verify", "-k", tmp_path / "key.pem", tmp_path / "fota.pack").returncode != 0


@needs_imgtool
@pytest.mark.parametrize(
    "package",
    [diff, full, lambda: pair()[0], lambda: pair()[1]],
    ids=["diff", "full", "mini_1", "mini_2"],
)
def test_imgtool_verifies_our_packages(tmp_path, package):
    (tmp_path / "key.pem").write_bytes(PRIVATE_PEM)
    (tmp_path / "fota.pack").write_bytes(package())
    told = imgtool("verify", "-k", tmp_path / "key.pem", tmp_path / "fota.pack")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "correctly validated" in told.stdout


@needs_imgtool
def test_a_key_made_by_imgtool_signs(tmp_path):
    assert imgtool("keygen", "-t", "ed25519", "-k", tmp_path / "own.pem").returncode == 0
    key = load_private_key((tmp_path / "own.pem").read_bytes())
    package = build_full(firmware(NEW), LAYOUT, key=key)
    assert check(package, key=key.public_key()).manifest.identity.target_version == NEW


@pytest.mark.parametrize("load", [load_private_key, load_public_key])
def test_what_is_no_ed25519_key_is_refused_with_the_way_out(load):
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1())
    private = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for pem in (b"", b"rubbish", private, public):
        with pytest.raises(SpecError, match=r"imgtool|Ed25519"):
            load(pem)


def test_the_development_key_comes_from_a_pem_like_any_other():
    assert load_private_key(PRIVATE_PEM).private_bytes_raw() == DEVELOPMENT_KEY.private_bytes_raw()
    assert load_public_key(PUBLIC_PEM).public_bytes_raw() == DEVELOPMENT_PUBLIC_KEY.public_bytes_raw()
