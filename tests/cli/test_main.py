"""The command line as a whole: what it imports, what it answers, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from sim.cli.exits import Exit, exit_of
from sim.cli.main import COMMANDS, main
from sim.errors import LinkError, MachineError, QpyotaError
from sim.scenario.result import ExpectResult, RunOptions, RunResult

HEAVY = ("aiohttp", "amqtt", "asyncio", "cryptography", "numpy", "pydantic", "rich", "simpy", "yaml")


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `qpyota WORDS`."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    out, err = capsys.readouterr()
    assert "Traceback" not in err or ended.value.code == Exit.INTERNAL
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def result(passed: bool = True, problems: tuple[str, ...] = ()) -> RunResult:
    return RunResult(
        scenario="s",
        seed=1,
        transport="memory",
        devices=1,
        executions={"SUCCEEDED": 2, "FAILED": 1},
        expects=[ExpectResult("device.bricked == 0", passed, "" if passed else "device.bricked is 1")],
        virtual_s=60.0,
        wall_s=0.5,
        trace_hash="ab",
        replay="qpyota run s --seed 1 --transport memory",
        problems=list(problems),
    )


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom sim.cli.main import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_every_command_has_a_help_page(capsys: pytest.CaptureFixture[str]) -> None:
    _, listed, _ = call(capsys, "--help")
    for name in COMMANDS:
        assert f"\n  {name} " in listed
        code, page, _ = call(capsys, name, "--help")
        assert code == Exit.PASSED
        assert page.startswith(f"Usage: qpyota {name}")


@pytest.mark.parametrize(
    "words",
    [
        ["nosuch"],
        ["--nosuch"],
        ["run"],
        ["run", "first_upgrade", "--transport", "pigeon"],
        ["run", "first_upgrade", "--seed", "-1"],
        ["run", "first_upgrade", "--port", "65536"],
        ["run", "first_upgrade", "--speed", "10"],
        ["run", "first_upgrade", "--speed", "0", "--transport", "paced"],
        ["run", "first_upgrade", "--umqtt", "newest"],
        ["run", "nosuch"],
        ["check"],
        ["check", "nosuch"],
        ["models", "EG951U"],
        ["pkg", "build", "diff", "A", "B", "-o", "x.pack"],
        ["pkg", "build", "full", "A"],
        ["pkg", "info", "nosuch.pack"],
        ["pkg", "verify", "nosuch.pack"],
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_wrong_usage_is_one_message_and_exit_2(capsys: pytest.CaptureFixture[str], words: list[str], form: str) -> None:
    if form == "text":
        code, out, err = call(capsys, *words)
        assert (code, out) == (Exit.USAGE, "")
        assert err.strip()
    else:
        code, out, err = call(capsys, *words, "--json")
        assert (code, err) == (Exit.USAGE, "")
        assert json.loads(out)["error"]["exit_code"] == Exit.USAGE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MachineError("port 8883 is taken; choose another with --port"), Exit.ENVIRONMENT),
        (LinkError("dev-1 did not drain"), Exit.INCOMPLETE),
        (QpyotaError("odd"), Exit.INTERNAL),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (ZeroDivisionError("ouch"), Exit.INTERNAL),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: Exit
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("sim.cli.run._run", fail)
    found, out, err = call(capsys, "run", "first_upgrade")
    assert (found, out) == (code, "")
    assert (str(error) or "interrupted") in err
    found, out, err = call(capsys, "run", "first_upgrade", "--json")
    told = json.loads(out)["error"]
    assert (found, told["exit_code"]) == (code, code)
    assert (str(error) or "interrupted") in told["message"]


@pytest.fixture(autouse=True)
def _one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scenario is looked at for a matrix: these tests name ones that are not there."""
    monkeypatch.setattr("sim.cli.run._has_matrix", lambda *_: False)


def test_only_a_defect_shows_a_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.cli.run._run", lambda *_: 1 / 0)
    assert "Traceback" in call(capsys, "run", "first_upgrade")[2]


@pytest.mark.parametrize(
    ("judged", "code"),
    [
        (result(), Exit.PASSED),
        (result(passed=False), Exit.FAILED),
        (result(problems=("dev-1 did not drain",)), Exit.INCOMPLETE),
        (result(passed=False, problems=("dev-1 did not drain",)), Exit.INCOMPLETE),
    ],
)
def test_the_verdict_is_the_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, judged: RunResult, code: Exit
) -> None:
    assert exit_of(judged) == code
    monkeypatch.setattr("sim.cli.run._run", lambda *_: judged)
    found, out, _ = call(capsys, "run", "s")
    assert found == code
    for part in (judged.replay, "1 FAILED, 2 SUCCEEDED", *judged.problems):
        assert part in out
    assert ("device.bricked is 1" in out) == (not judged.expects[0].passed)


def test_the_json_of_a_run_has_the_agreed_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.cli.run._run", lambda *_: result(passed=False))
    code, out, err = call(capsys, "run", "s", "--json")
    told = json.loads(out)
    assert (code, err) == (Exit.FAILED, "")
    assert list(told) == [
        "scenario", "passed", "seed", "transport", "devices", "executions", "expects",
        "virtual_s", "wall_s", "trace_hash", "replay", "problems", "costs", "notes", "explanations", "pace",
        "thresholds", "failures", "shard_lost",
    ]  # fmt: skip
    assert told["expects"] == [{"expr": "device.bricked == 0", "passed": False, "detail": "device.bricked is 1"}]
    assert (told["passed"], told["executions"]) == (False, {"FAILED": 1, "SUCCEEDED": 2})


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], RunOptions()),
        (["--transport", "memory", "--seed", "9"], RunOptions(transport="memory", seed=9)),
        (["--plain", "--port", "1884"], RunOptions(tls=False, port=1884)),
        (["--generation", "G21"], RunOptions(generation="G21")),
        (
            ["--transport", "paced", "--speed", "60", "--umqtt", "2021"],
            RunOptions(transport="paced", speed=60.0, umqtt="2021"),
        ),
    ],
)
def test_options_reach_the_run_and_its_replay(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], options: RunOptions
) -> None:
    seen: list[RunOptions] = []
    told: list[tuple[str, ...]] = []

    def run(
        _name: str, given: RunOptions, _show: object, _keep: object, settings: tuple[str, ...], _shards: int | None
    ) -> RunResult:
        seen.append(given)
        told.append(settings)
        return result()

    monkeypatch.setattr("sim.cli.run._run", run)
    call(capsys, "run", "s", *words, "--set", "fleet.0.count=3")
    replay = options.replay("s", 7, told[0]).split()
    assert replay[:5] == ["qpyota", "run", "s", "--seed", "7"]
    call(capsys, *replay[1:])
    assert seen == [options, replace(options, seed=7, port=0)]
    assert told == [("fleet.0.count=3",)] * 2
