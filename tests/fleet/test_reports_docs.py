"""What docs/reports.md tells people to type works, its YAML is valid, and every metric is told."""

import re
import shlex
from pathlib import Path

import pytest
from fleet_rig import load_rollout

from sim.cli.main import main
from sim.scenario.metrics import METRICS

DOC = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"^```console\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
PARTS = re.findall(r"^```yaml\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


def test_commands_pass_one_after_another(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) >= 2
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command)[1:])
        out, err = capsys.readouterr()
        assert ended.value.code == 0, f"{command}: {err}"
        assert out, command


@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_yaml_is_valid(tmp_path, part):
    load_rollout(tmp_path, part.replace("group:meters", "group:good"))


def test_every_metric_is_in_the_table_with_its_kind_and_tags():
    for name, metric in METRICS.items():
        row = next(line for line in DOC.splitlines() if line.startswith(f"| `{name}` |"))
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] == metric.kind, name
        assert all(f"`{tag}`" in cells[3] for tag in metric.tags), name
