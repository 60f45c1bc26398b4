"""docs/add-a-family.md: its file is a family like any other, from the support table to a swept upgrade."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim import shipped
from sim.cli.main import main
from sim.device import catalogue

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "add-a-family.md").read_text(encoding="utf-8")
FAMILY, SCENARIO = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ qpyota (.*)$", TEXT, re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout whose models can be added to, and the folder one stands in."""
    shutil.copytree(ROOT / "models", tmp_path / "models")
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    (tmp_path / "sim").mkdir()
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "sim")
    monkeypatch.chdir(tmp_path)
    catalogue._shipped.cache_clear()
    yield tmp_path
    catalogue._shipped.cache_clear()


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int | str | None, str]:
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(command))
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


def test_the_family_of_the_page_is_upgraded(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "models" / "ec900x.yaml").write_text(FAMILY)
    (checkout / "ec900x-upgrade.yaml").write_text(SCENARIO)
    said = {}
    for command in COMMANDS:
        code, said[command] = run(command, capsys)
        assert code == 0, said[command]
    listing, map_, run_, sweep = said.values()
    assert "EC900XCN" in listing
    assert "STAGING" in map_
    assert "PASSED ec900x" in run_
    assert "bricked" in sweep


def test_a_mistake_in_the_file_is_told_with_its_key(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "models" / "ec900x.yaml").write_text(FAMILY.replace("{ /usr: USR,", "{ /usr: USER,"))
    code, said = run("models", capsys)
    assert code == 2
    assert "ec900x.yaml: file_systems./usr: there is no partition 'USER'" in said
