"""`qpyota run` for real: the shipped upgrade from the command line, what is shown of it and what is kept."""

from __future__ import annotations

import gc
import io
import json
import socket
from pathlib import Path

import pytest
from rich.console import Console

from sim.cli.main import main
from sim.cli.progress import MOST_DEVICES, _Board, progress, told
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.schema import Fleet
from sim.trace import Record

SCENARIO = load_scenario(find_scenario("first_upgrade"))
DEVICE = "QuecPython_OTA"


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["run", "first_upgrade", *words])
    out, err = capsys.readouterr()
    assert ended.value.code == code, err
    return out, err


def record(kind: str, at_us: int = 0, track: str = DEVICE, **data: object) -> Record:
    return Record(at_us, track, 0, kind, data)


def test_a_run_tells_its_way_on_stderr_and_its_verdict_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, "--transport", "memory")
    assert out.count("✓") == len(SCENARIO.expect)
    assert "executions 2 SUCCEEDED" in out
    assert "PASSED first_upgrade   replay: qpyota run " in out
    for part in ("bootloader applies the package", "new /usr/a.py", "job jobfota: SUCCEEDED"):
        assert part in err


def test_json_and_trace_are_for_machines_and_repeat(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outs = [run(capsys, "--transport", "memory", "--json", "--trace", str(tmp_path / name)) for name in "ab"]
    first, second = (json.loads(out) for out, _ in outs)
    assert [err for _, err in outs] == ["", ""]
    assert first["passed"]
    assert first["trace_hash"] == second["trace_hash"]
    lines = (tmp_path / "a").read_text().splitlines()
    assert lines == (tmp_path / "b").read_text().splitlines()
    assert {"boot", "execution", "phase"} <= {json.loads(line)["kind"] for line in lines}


def test_another_seed_is_another_run(capsys: pytest.CaptureFixture[str]) -> None:
    hashes = {
        json.loads(run(capsys, "--transport", "memory", "--seed", seed, "--json")[0])["trace_hash"] for seed in "12"
    }
    assert len(hashes) == 2


def test_a_taken_port_is_the_machines_fault_and_names_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        out, err = run(capsys, "--port", port, "--quiet", code=4)
    gc.collect()  # a socket or loop that was left open is told here, not in some later test
    assert out == ""
    assert port in err
    assert "--port" in err


def test_a_trace_that_cannot_be_written_stops_before_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "cannot be written" in run(capsys, "--trace", str(tmp_path / "no" / "folder"), code=4)[1]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (record("power.cut", phase="apply"), "POWER CUT in phase apply"),
        (record("bricked", reason="no image"), "BRICKED: no image"),
        (record("phase", phase="app_copy"), "copies application files into place"),
        (record("phase", phase="idle"), ""),
        (record("log", text="chatter"), ""),
        (
            record("execution", job="j", old="QUEUED", new="FAILED", version=2, details={"reason": "no room"}),
            "job j: FAILED reason=no room",
        ),
    ],
)
def test_records_in_words(one: Record, text: str) -> None:
    assert told(one) == text


def shown(board: _Board) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(board.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_live_table_has_a_line_a_device() -> None:
    board = _Board(["dev-1", "dev-2"])
    board.observe(record("boot", 4_000_000, "dev-1", version="A20"))
    board.observe(record("execution", 5_000_000, "dev-1@cloud", job="j", new="IN_PROGRESS", details={}))
    text = shown(board)
    assert "simulated 5s" in text
    assert "runs A20  j IN_PROGRESS" in text
    assert "dev-2   off" in text


def test_a_large_fleet_is_counted() -> None:
    board = _Board([f"dev-{number}" for number in range(MOST_DEVICES + 1)])
    board.observe(record("boot", 0, "dev-1", version="A20"))
    text = shown(board)
    assert f"{MOST_DEVICES} devices  off" in text
    assert "1 devices   runs A20" in text


def test_a_large_fleet_prints_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    many = Fleet(group="g", count=MOST_DEVICES + 1, model="EG915U", firmware="x")
    with progress(SCENARIO.model_copy(update={"fleet": (many,)})) as observe:
        assert observe is None
    with progress(SCENARIO.model_copy(update={"fleet": (many,)}), "g-00001") as observe:
        assert observe is not None
        for name in ("g-00002", "g-00001"):
            observe(record("boot", 0, name, version="A20"))
    assert "g-00002" not in (told := capsys.readouterr().err)
    assert "runs A20" in told


def test_on_a_terminal_the_table_is_live(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress(SCENARIO) as observe:
        observe(record("boot", 4_000_000, version="A20"))
    assert "runs A20" in capsys.readouterr().err


def test_a_known_trap_is_explained_to_people_and_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    said = "because there is no /usr/a.py on it, and nothing restarts it"
    outs = []
    for how in ("--quiet", "--json"):
        with pytest.raises(SystemExit):
            main(["run", "trap_missing_file", "--transport", "memory", how])
        outs.append(capsys.readouterr().out)
    assert said in outs[0]
    (sentence,) = json.loads(outs[1])["explanations"]
    assert said in sentence
