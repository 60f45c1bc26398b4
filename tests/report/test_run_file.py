"""Run files: what each level of detail keeps, what is left when a run is killed, and what is never overwritten."""

import json
import sqlite3

import pytest
from fleet_rig import load_rollout, rollout

from sim.cli.main import main
from sim.errors import SpecError
from sim.report.reading import open_run
from sim.report.run_file import BATCH, attempts, create, is_run_file


@pytest.fixture
def qpyota(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return ended.value.code, *capsys.readouterr()

    return call


def rows(path, query):
    database = sqlite3.connect(path)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def test_levels_of_detail(qpyota, tmp_path):
    source = rollout(tmp_path)
    kept = {}
    for level in ("summary", "devices", "full"):
        code, _, err = qpyota("run", source, "--transport", "memory", "-q", "--store", f"{level}.db", "--record", level)
        assert code == 0, err
        tables = ("device", "execution", "event", "metric", "job")
        kept[level] = {table: rows(f"{level}.db", f"SELECT count(*) FROM {table}")[0][0] for table in tables}
    assert [kept[level]["device"] for level in kept] == [2, 5, 5]  # a summary names those that failed
    assert [kept[level]["execution"] for level in kept] == [0, 5, 5]
    assert kept["summary"]["event"] == 0 < kept["devices"]["event"] < kept["full"]["event"]
    assert kept["summary"]["metric"] == kept["full"]["metric"] > 0
    kinds = {kind for (kind,) in rows("full.db", "SELECT DISTINCT kind FROM event")}
    assert {"mqtt.out", "http"} <= kinds


def test_executions_say_when_and_at_what_cost(qpyota, tmp_path):
    qpyota("run", rollout(tmp_path), "--transport", "memory", "-q", "--store", "r.db")
    found = rows(
        "r.db", "SELECT device, attempt, status, queued_us, started_us, ended_us, downloaded_bytes FROM execution"
    )
    assert {(device, attempt): status for device, attempt, status, *_ in found} == {
        ("good-00001", 1): "SUCCEEDED",
        ("good-00002", 1): "SUCCEEDED",
        ("good-00003", 1): "SUCCEEDED",
        ("bad-00001", 1): "FAILED",
        ("bad-00002", 1): "FAILED",
    }
    assert all(10_000_000 <= queued <= started < ended for *_, queued, started, ended, _ in found)
    assert all(downloaded > 100_000 for *_, downloaded in found)
    failed = rows("r.db", "SELECT failure, replay FROM device WHERE failure IS NOT NULL")
    assert [failure for failure, _ in failed] == ["job wave ended FAILED"] * 2
    assert all(replay.startswith("qpyota run ") and "--follow bad-" in replay for _, replay in failed)
    assert len(rows("r.db", "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'")) == 3


def test_attempts_are_told_apart_and_deletions_shown():
    changes = [
        (0, "d", "j", None, "QUEUED"),
        (1, "d", "j", "QUEUED", "IN_PROGRESS"),
        (2, "d", "j", "IN_PROGRESS", "TIMED_OUT"),
        (2, "d", "j", None, "QUEUED"),
        (3, "e", "j", None, "QUEUED"),
        (4, "e", "j", "QUEUED", None),
    ]
    assert list(attempts(changes)) == [
        ["d", "j", 1, "TIMED_OUT", 0, 1, 2],
        ["d", "j", 2, "QUEUED", 2, None, None],
        ["e", "j", 1, "DELETED", 3, None, 4],
    ]


def test_the_run_and_its_result_are_there(qpyota, tmp_path):
    _, out, _ = qpyota("run", rollout(tmp_path), "--transport", "memory", "--json", "--store", "r.db")
    with open_run("r.db", tmp_path) as run:
        assert run.result == json.loads(out) | {"costs": []}
        assert run.head["text"] == (tmp_path / "small_rollout.yaml").read_text()
        assert (run.head["seed"], run.head["verdict"], run.head["devices"]) == (1, "PASSED", 5)
        trend = run.trends()["ota_duration"]
        assert trend.count == 5
        series = {row[0] for row in run.metrics().rows}
    assert {"ota_duration", "job_succeeded", "flash_ops", "http_download_bytes"} <= series


def test_a_run_that_did_not_end_is_readable_and_not_reported(qpyota, tmp_path):
    database = create(tmp_path / "r.db")
    database.execute("INSERT INTO run (id, format, scenario) VALUES ('r', 1, 's')")
    database.commit()
    database.close()
    code, _, err = qpyota("export", "r.db", "--to", "csv")
    assert (code, "did not come to its end" in err) == (2, True)
    code, out, _ = qpyota("compare", "r.db", "r.db")
    assert "UNFINISHED" in out


def test_a_model_that_fails_leaves_a_file_that_reads(tmp_path):
    from sim.fleet.run import run_judged
    from sim.report.run_file import RunFile
    from sim.scenario.result import RunOptions

    seen = 0

    def trip(record):
        nonlocal seen
        seen += 1
        if seen == BATCH // 50:
            raise RuntimeError("killed")

    made = []

    def keepers(counting):
        made.append(RunFile(tmp_path / "r.db", "r", "full", counting.rows))
        return made

    with pytest.raises(RuntimeError, match="killed"):
        run_judged(load_rollout(tmp_path), RunOptions(transport="memory"), [trip], keepers)
    made[0].close()
    with open_run(str(tmp_path / "r.db"), tmp_path) as run:
        assert run.head["ended"] is None
        assert len(run.events().rows) >= BATCH // 50 - 1


@pytest.mark.parametrize("content", [b"my thesis", b"SQLite format 3\0" + bytes(100)])
def test_what_is_no_run_file_is_left_alone(qpyota, tmp_path, content):
    (tmp_path / "thesis").write_bytes(content)
    code, _, err = qpyota("run", rollout(tmp_path), "--transport", "memory", "-q", "--store", "thesis")
    assert (code, "is not a run file" in err) == (2, True)
    assert (tmp_path / "thesis").read_bytes() == content
    assert not is_run_file(tmp_path / "thesis")
    code, _, err = qpyota("export", "thesis", "--to", "csv")
    assert (code, "is not a run file" in err) == (2, True)


def test_a_place_that_cannot_be_written_is_the_machines(qpyota, tmp_path):
    code, _, err = qpyota("run", rollout(tmp_path), "--transport", "memory", "--store", "/proc/none/r.db")
    assert (code, "cannot be written" in err) == (4, True)


def test_a_damaged_run_file_is_told(qpyota, tmp_path):
    qpyota("run", rollout(tmp_path), "--transport", "memory", "-q", "--store", "r.db")
    whole = (tmp_path / "r.db").read_bytes()
    (tmp_path / "r.db").write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(SpecError, match="is damaged"), open_run("r.db", tmp_path) as run:
        run.metrics()


def test_kept_runs_are_numbered_listed_compared_and_removed(qpyota, tmp_path):
    assert "no run is kept" in qpyota("runs", "ls")[1]
    source = rollout(tmp_path)
    for seed in (1, 2):
        _, _, err = qpyota("run", source, "--transport", "memory", "-q", "--keep", "--seed", seed)
        assert f"run small_rollout-{seed} is kept in .qpyota/runs" in err
    _, out, _ = qpyota("runs", "ls", "--json")
    assert [(run["id"], run["seed"]) for run in json.loads(out)["runs"]] == [
        ("small_rollout-1", 1),
        ("small_rollout-2", 2),
    ]
    assert qpyota("compare", "small_rollout-1", "small_rollout-2")[0] == 0
    code, _, err = qpyota("compare", "small_rollout-1", "smal_rollout-2")
    assert (code, "did you mean 'small_rollout-2'" in err) == (2, True)
    assert qpyota("runs", "rm", "small_rollout-1", "nobody")[0] == 2
    assert qpyota("runs", "rm", "small_rollout-1")[0] == 0
    assert [path.name for path in (tmp_path / ".qpyota" / "runs").iterdir()] == ["small_rollout-2.sqlite"]
    qpyota("run", source, "--transport", "memory", "-q", "--store", "mine.db")
    assert qpyota("runs", "rm", "mine.db")[0] == 2
    assert (tmp_path / "mine.db").exists()
