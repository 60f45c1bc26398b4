"""What the README tells people to type works, and what it shows is what they see."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sim.cli.exits import Exit
from sim.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]


def test_qpyota_commands_pass_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    called = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("qpyota ")]
    assert len(called) >= 10
    for words in called:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        assert ended.value.code == Exit.PASSED, f"{words}: {err}"
        assert out, words


def test_make_commands_are_targets() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    wanted = [command.removeprefix("make ") for command in COMMANDS if command.startswith("make ")]
    assert wanted == ["demo", "test"]
    assert set(wanted) <= set(targets)


def test_all_exit_codes_are_documented() -> None:
    for code in Exit:
        assert re.search(rf"\b{code.value} ", README), code


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
