"""The pages on labs, labs.md and teaching.md: their commands work, in their order, in one folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from learn_rig import lab, solved, starter

from sim.learn.library import find_lab, lab_names
from sim.learn.schema import Goal, Lab, Prediction, Yours

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("labs.md", "teaching.md")}


def commands(page: str) -> str:
    """All commands of a page, as a script."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)
    return "\n".join(line.removeprefix("$ ") for block in blocks for line in block.splitlines())


def typed(script: str, folder: Path) -> str:
    """What a shell prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", f"set -e -o pipefail\n{script}"], cwd=folder, capture_output=True, text=True, timeout=300,
        env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("labs.md", ["it was yes", "not yet", "1. Look at `to`", "PASSED Your first firmware upgrade"]),
        ("teaching.md", ["ann,yes,3,3,0,3,", "bob,no,2,3,0,3,logger erases fewer than 40"]),
    ],
)  # fmt: skip
def test_the_walk(tmp_path: Path, page: str, told: list[str]) -> None:
    if page == "teaching.md":
        solved("sector", tmp_path / "class" / "ann")
        starter("sector", tmp_path / "class" / "bob")
    printed = typed(commands(page), tmp_path)
    for words in told:
        assert words in printed, (words, printed)


def test_the_table_has_every_lab_with_its_idea() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", PAGES["labs.md"], re.MULTILINE)
    assert rows == [(name, str(lab(name).spec.minutes), " ".join(lab(name).spec.idea.split())) for name in lab_names()]


@pytest.mark.parametrize("kind", [Lab, Yours, Goal, Prediction])
def test_every_key_is_told(kind: type[Lab]) -> None:
    for name in kind.model_fields:
        assert f"`{name}`" in PAGES["teaching.md"], name


def test_the_lab_that_is_shown_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGES["teaching.md"], re.MULTILINE | re.DOTALL)
    own = tmp_path / "own"
    shutil.copytree(lab("cut_the_power").folder, own)
    scenario = yaml.safe_load((own / "starter" / "scenario.yaml").read_text())
    scenario["fleet"][0]["name"] = "meter"
    scenario["jobs"][0]["targets"] = ["meter"]
    del scenario["fleet"][1:], scenario["faults"]
    (own / "starter" / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    (own / "lab.yaml").write_text(block)
    assert find_lab(str(own)).spec.title in block
