"""Run files and reports of a sharded run are those of a plain one."""

import json
import sqlite3
from contextlib import closing

import pytest

from sim.cli.exits import Exit
from sim.cli.main import main
from sim.fleet.run import run_judged
from sim.report.run_file import RunFile
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.runner import run_scenario
from tests.fleet.conftest import MEMORY, in_threads

TABLES = ("device", "job", "execution", "metric")
OF_THE_MACHINE = {"began", "ended", "wall_s", "result"}


def kept(path, scenario, run):
    """All that a run file holds, but wall time."""

    def keepers(counting):
        return [RunFile(path, "one", "full", counting.rows)]

    run_judged(scenario, MEMORY, attendants=keepers, run=run)
    with closing(sqlite3.connect(path)) as database:
        found = {table: sorted(map(tuple, database.execute(f"SELECT * FROM {table}")), key=str) for table in TABLES}
        events = "SELECT track, seq, t_us, kind, data FROM event ORDER BY track, seq"
        run_rows = database.execute("SELECT * FROM run")
        row = dict(zip([column[0] for column in run_rows.description], run_rows.fetchone(), strict=True))
        head = {name: value for name, value in row.items() if name not in OF_THE_MACHINE}
        result = json.loads(row["result"])
        times = [at_us for (at_us,) in database.execute("SELECT t_us FROM event ORDER BY id")]
        found |= {"events": list(map(tuple, database.execute(events))), "head": head, "result": {**result, "wall_s": 0}}
    return found, times


def test_a_run_file_holds_the_same_and_tells_it_in_the_order_of_time(tmp_path):
    scenario = load_scenario(find_scenario("canceled_rollout"))
    plain, _ = kept(tmp_path / "plain.sqlite", scenario, run_scenario)
    shared, times = kept(tmp_path / "shared.sqlite", scenario, in_threads(3))
    assert shared == plain
    assert times == sorted(times)
    assert len(plain["device"]) == 40
    assert plain["execution"]


def test_a_report_is_written_of_a_sharded_run(tmp_path, capsys):
    report, store = tmp_path / "report.html", tmp_path / "run.sqlite"
    words = ["run", "truncated_file", "--shards", "1", "--quiet", "--store", str(store), "--report", f"html={report}"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == Exit.PASSED
    assert "truncated_file" in report.read_text()
    assert "PASSED truncated_file" in capsys.readouterr().out
