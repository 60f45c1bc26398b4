"""`qpyota run --set`, `--repeat` and `--matrix`: one table, one exit code, and the same whoever runs them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from sim.cli.main import main
from sim.lab import runs
from sim.lab.runs import seed_of
from sim.scenario.result import RunResult

SMALL = """
version: 1
name: small
seed: 3
duration: 2m
fleet:
  - { group: meters, count: 2, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled }
cloud: { public: [files], buckets: { files: { a.py: { text: 'print(2)' } } } }
jobs:
  - jobId: files
    at: 2s
    targets: [meters]
    document:
      - operation: app_fota
        files:
          - fileName: /usr/a.py
            fileVersion: '2'
            fileSource: { url: 'https://files.s3.us-west-2.amazonaws.com/a.py' }
expect:
  - job['files'].succeeded == 2
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    (tmp_path / "small.yaml").write_text(SMALL)
    return str(tmp_path / "small.yaml")


def call(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = capsys.readouterr()
    assert ended.value.code == code, (out, err)
    return out, err


def repeat(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(capsys, "run", *words, "--transport", "memory", "--json", code=code)[0])
    return found


def without_times(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in run.items() if key != "wall_s"} for run in found["runs"]]


def test_processes_change_nothing(capsys: pytest.CaptureFixture[str], small: str) -> None:
    words = (small, "--repeat", "3", "--matrix", "fleet.0.count=2,1")
    alone, shared = (repeat(capsys, *words, "--jobs", jobs, code=1) for jobs in ("1", "2"))
    assert without_times(alone) == without_times(shared)
    assert [(run["run"], run["settings"]["fleet.0.count"]) for run in alone["runs"]] == [
        (1, "2"), (2, "2"), (3, "2"), (1, "1"), (2, "1"), (3, "1"),
    ]  # fmt: skip
    assert (alone["passed"], alone["whole"], alone["exit_code"]) == (3, True, 1)


def test_the_first_run_is_the_one_that_is_known_and_each_is_replayed_by_its_line(
    capsys: pytest.CaptureFixture[str], small: str
) -> None:
    found = repeat(capsys, small, "--repeat", "2", "--set", "description=two words", "--jobs", "1")
    assert [run["seed"] for run in found["runs"]] == [3, seed_of(3, 1)]
    for run in found["runs"]:
        words = shlex.split(run["replay"])[1:]
        assert json.loads(call(capsys, *words, "--json")[0])["trace_hash"] == run["trace_hash"]


def test_seeds_hang_on_the_root_and_the_number_alone() -> None:
    seeds = [seed_of(root, run) for root in (1, 2) for run in range(500)]
    assert len(set(seeds)) == 1000
    assert max(seeds) < 2**48
    assert [seed_of(1, run) for run in (0, 7)] == [1, seeds[7]]


def test_people_see_a_line_a_run_and_why_one_failed(capsys: pytest.CaptureFixture[str], small: str) -> None:
    words = ("run", small, "--transport", "memory", "--repeat", "2", "--jobs", "1", "--set", "fleet.0.count=1")
    out, err = call(capsys, *words, code=1)
    assert out.splitlines()[0].split() == ["RUN", "SEED", "VERDICT", "EXECUTIONS", "SIMULATED", "REPLAY"]
    assert out.count("qpyota run") == 2
    assert "✗ run 2: job['files'].succeeded == 2   job['files'].succeeded is 1" in out
    assert out.endswith("FAILED 0 of 2 runs passed\n")
    assert err == ""


def test_the_worst_of_all_runs_is_the_exit_code_and_what_cannot_run_does_not_end_the_rest(
    capsys: pytest.CaptureFixture[str], small: str, tmp_path: Path
) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "main.py").write_bytes(b"#" * 5_000_000)
    (tmp_path / "none").mkdir()
    found = repeat(capsys, small, "--set", "fleet.0.agent=~", "--matrix", "fleet.0.script=big,none", code=2)
    assert [run["exit_code"] for run in found["runs"]] == [2, 1]
    assert "less than its files need" in found["runs"][0]["error"]


def test_a_combination_that_is_wrong_is_told_before_anything_runs(
    capsys: pytest.CaptureFixture[str], small: str
) -> None:
    err = call(capsys, "run", small, "--repeat", "2", "--matrix", "fleet.0.model=EG915U,EG", code=2)[1]
    assert "--matrix:1:15: error: unknown model 'EG'" in err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--repeat", "2", "--port", "8883"), "--port is for one run"),
        (("--repeat", "2", "--trace", "x"), "--trace is for one run"),
        (("--repeat", "0"), "Invalid value for '--repeat'"),
        (("--matrix", "seed"), "write WAY=VALUE,VALUE"),
        (("--set", "seed"), "write WAY=VALUE"),
        (("--repeat", "100000", "--matrix", "seed=1,2"), "are more than 100000 runs"),
    ],
)
def test_what_cannot_be_repeated_is_told(
    capsys: pytest.CaptureFixture[str], small: str, words: tuple[str, ...], text: str
) -> None:
    assert text in call(capsys, "run", small, *words, code=2)[1]


def test_ctrl_c_tells_what_was_done(
    capsys: pytest.CaptureFixture[str], small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = runs.play, iter(range(3))

    def interrupted(task: runs.Task) -> runs.Played[RunResult]:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(runs, "play", interrupted)
    found = repeat(capsys, small, "--repeat", "4", "--jobs", "1", code=130)
    assert (len(found["runs"]), found["whole"], found["exit_code"]) == (2, False, 130)
