"""The pages on labs, labs.md and teaching.md: their commands work, in their order, in one folder."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from learn_rig import lab, solved, starter

from sim.cli.main import main
from sim.learn.library import find_lab, lab_names
from sim.learn.schema import Goal, Lab, Prediction, Yours

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("labs.md", "teaching.md")}


def commands(page: str) -> list[str]:
    """All commands of a page."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def typed(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What it prints: qpyota's in this process, which has firmware packages already, all others' in a shell."""
    ours, _, otherwise = command.partition(" || ")
    if not ours.startswith("qpyota "):
        ended = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout
    with pytest.raises(SystemExit) as ended_with:
        main(shlex.split(ours)[1:])
    captured = capsys.readouterr()
    assert bool(ended_with.value.code) == bool(otherwise), captured.err
    return captured.out + (otherwise if ended_with.value.code else "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("labs.md", ["it was yes", "not yet", "1. Look at `to`", "PASSED Your first firmware upgrade"]),
        ("teaching.md", ["ann,yes,3,3,0,3,", "bob,no,2,3,0,3,logger erases fewer than 40"]),
    ],
)
def test_the_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: str, told: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if page == "teaching.md":
        solved("sector", tmp_path / "class" / "ann")
        starter("sector", tmp_path / "class" / "bob")
    printed = "".join(typed(command, tmp_path, capsys) for command in commands(page))
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
