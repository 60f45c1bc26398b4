"""`*.ota.yaml` files are tests: an item for each line that is to hold."""

from __future__ import annotations

import pytest
from plugin_rig import STRICT

pytest_plugins = ("pytester",)

FILE = """
version: 1
name: one
duration: 2m
fleet:
  - {name: a, model: EC200A, firmware: EC200ACNHAR01A02M16, agent: modelled}
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    """`run(more, *options)`: the outcome of a scenario with these lines."""

    def runner(more: str, *options: str) -> pytest.RunResult:
        (pytester.path / "one.ota.yaml").write_text(FILE + more)
        return pytester.runpytest_inprocess(*STRICT, *options)

    return runner


def test_an_item_for_each_expect_and_threshold(run) -> None:
    more = "expect:\n- device.bricked == 0\n- device['a'].boots == 2\n"
    more += "thresholds: {devices_bricked: [count == 0, count > 5]}\n"
    result = run(more, "-v")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*one.ota.yaml::device.bricked == 0 PASSED*",
            "*one.ota.yaml::device[[]'a'].boots == 2 FAILED*",
            "*one.ota.yaml::devices_bricked: count == 0 PASSED*",
            "*one.ota.yaml::devices_bricked: count > 5 FAILED*",
        ]
    )
    text = result.stdout.str()
    assert "device['a'].boots == 2: device['a'].boots is 1" in text
    assert "devices_bricked: count > 5: 0" in text
    assert "replay: qpyota run one.ota.yaml --seed 1 --transport memory" in text
    assert "Traceback" not in text


def test_one_item_where_nothing_is_expected(run) -> None:
    run("", "-v").stdout.fnmatch_lines(["*one.ota.yaml::runs to its end PASSED*"])


def test_a_run_that_says_nothing_fails_every_item(run) -> None:
    more = "faults: [{link_loss: {device: a, when: {phase: apply, progress: 50%}, for: 5s}}]\n"
    result = run(more + "expect:\n- device.bricked == 0\n- device['a'].boots == 1\n")
    result.assert_outcomes(failed=2)
    assert "incomplete: a fault never happened: link_loss of a" in result.stdout.str()


def test_mistakes_are_told_with_their_places(run) -> None:
    result = run("expcet: []\nexpect: [device.brickd == 0]\n")
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    assert "one.ota.yaml:7:1: error: unknown key 'expcet'; did you mean 'expect'?" in text
    assert "nothing has 'brickd'; did you mean 'bricked'?" in text
    assert "Traceback" not in text


def test_a_matrix_gives_the_items_of_each_choice(run) -> None:
    result = run("matrix: {boots: [1, 2]}\nexpect: [\"device['a'].boots == ${matrix.boots}\"]\n", "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*boots == 1 [[]boots=1] PASSED*", "*boots == 2 [[]boots=2] FAILED*"])
    assert "--set matrix.boots=2" in result.stdout.str()


def test_seed_and_artifacts(run, pytester: pytest.Pytester) -> None:
    more = "expect: [\"device['a'].boots == 2\", \"device['a'].boots == 3\"]\n"
    result = run(more, "--qpy-seed", "9", "--qpy-artifacts", "kept")
    result.assert_outcomes(failed=2)
    assert "--seed 9" in result.stdout.str()
    (folder,) = (pytester.path / "kept").iterdir()
    assert (folder / "replay.txt").read_text() == "qpyota run one.ota.yaml --seed 9 --transport memory\n"
    assert '"kind":"boot"' in (folder / "trace.jsonl").read_text()
    assert sorted(path.name for path in folder.glob("a.*")) == ["a.flash.bin", "a.flash.png"]
    assert result.stdout.str().count(f"trace, flash and replay line: kept/{folder.name}") == 2


def test_nothing_is_kept_of_what_passes(run, pytester: pytest.Pytester) -> None:
    run("expect: [device.bricked == 0]\n", "--qpy-artifacts", "kept").assert_outcomes(passed=1)
    assert not (pytester.path / "kept").exists()


def test_artifacts_that_cannot_be_written_are_told(run, pytester: pytest.Pytester) -> None:
    (pytester.path / "file").touch()
    result = run("expect: [device.bricked == 1]\n", "--qpy-artifacts", "file")
    result.assert_outcomes(failed=1)
    assert "device.bricked is 0" in result.stdout.str()
    assert "nothing was kept: " in result.stdout.str()


def test_other_yaml_files_are_none_of_its_business(pytester: pytest.Pytester) -> None:
    (pytester.path / "other.yaml").write_text("nonsense: [")
    assert pytester.runpytest_inprocess(*STRICT).ret == pytest.ExitCode.NO_TESTS_COLLECTED
