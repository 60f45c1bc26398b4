"""docs/troubleshooting.md: its messages are those of the program, and its commands run."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from sim.cli.main import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", TEXT, re.MULTILINE)
ROWS = [line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `")]
MESSAGES = [part for row in ROWS for part in re.findall(r"`([^`]+)`", row)]
OF_PYTHON = {"ImportError", "AttributeError", "except Exception", "fota", "fota.fota()"}


@pytest.fixture(scope="module")
def source() -> str:
    """All that the program can say, its string constants joined as Python joins them."""
    files = [*sorted((ROOT / "sim").rglob("*.py")), ROOT / "Makefile"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)


@pytest.mark.parametrize("message", sorted(set(MESSAGES) - OF_PYTHON))
def test_the_program_has_this_message(source: str, message: str) -> None:
    assert message in source


def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) >= 8
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command)[1:])
        said = capsys.readouterr()
        assert ended.value.code == 0, f"{command}: {said.out}{said.err}"
        assert said.out, command
