"""What ships of the page: vendored files as recorded, everything in the wheel, nothing from elsewhere, types."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "sim" / "ui" / "static"
VENDOR = STATIC / "vendor"
OWN = sorted(
    path for path in STATIC.rglob("*") if path.suffix in {".js", ".css", ".html"} and VENDOR not in path.parents
)
TSC = ROOT / ".web" / "node_modules" / ".bin" / "tsc"
ELEMENTS = (
    "fleet-grid", "flash-map", "wear-map", "run-chart", "event-timeline", "film-strip", "device-console", "job-funnel",
    "film-scrubber",
)  # fmt: skip


def test_vendored_files_are_those_that_were_recorded() -> None:
    recorded = json.loads((VENDOR / "vendored.json").read_text())
    for one in recorded:
        assert sha256((VENDOR / one["file"]).read_bytes()).hexdigest() == one["sha256"], one["file"]
    ours = {"vendored.json", "lit-html.d.ts", "uPlot.d.ts"}
    assert {path.name for path in VENDOR.iterdir()} == {one["file"] for one in recorded} | ours


def test_every_vendored_package_brings_its_licence() -> None:
    for one in json.loads((VENDOR / "vendored.json").read_text()):
        stem = one["file"].split(".")[0]
        assert "Copyright" in (VENDOR / f"{stem}.LICENSE").read_text(), one["file"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(STATIC)))
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text.replace("http://www.w3.org/2000/svg", "")), path
    for target in re.findall(r'^(?:import|export) .*from "([^"]+)"', text, re.MULTILINE):
        assert target.startswith("."), target
        assert (path.parent / target).resolve().is_file(), target


def test_elements_are_small_and_know_no_framework() -> None:
    for name in ELEMENTS:
        text = (STATIC / "elements" / f"{name}.js").read_text()
        assert f'define("{name}"' in text
        assert "lit-html" not in text
        assert len(text.splitlines()) <= 350
    for path in OWN:
        assert len(path.read_text().splitlines()) <= 350 or path.suffix == ".css", path


def test_the_wheel_takes_all_of_the_package() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "sim" in wheel["only-include"]
    assert all(left_out.startswith("scenarios/") for left_out in wheel.get("exclude", []))
    ignored = subprocess.run(
        ["git", "check-ignore", *map(str, [*OWN, *VENDOR.iterdir()])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ignored.returncode != 128:  # 128: no repository here, nothing that could ignore a file
        assert ignored.stdout == "", "hatch leaves out what git ignores"


@pytest.mark.skipif(not TSC.exists(), reason="no type checker; .ci/web fetches it from npm")
def test_types() -> None:
    checked = subprocess.run(
        [TSC, "-p", ROOT / "tsconfig.json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, checked.stdout
