"""The commands of docs/what-if.md do what the page says, one after another in one folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sim.cli.main import main

TEXT = (Path(__file__).parents[2] / "docs" / "what-if.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]


def test_commands_pass_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert COMMANDS
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command)[1:])
        out, err = capsys.readouterr()
        assert ended.value.code == 0, f"{command}: {out}{err}"
        assert out, command
