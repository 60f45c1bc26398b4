"""`qpyota whatif`: what is measured, what may be said of it, and what people and programs get to see."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from math import inf
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_rig import fleet, loss, write

from sim.cli.main import main
from sim.errors import SpecError
from sim.lab import measure as measure_module
from sim.lab.bands import Band
from sim.lab.measure import Measure, Watch, measured
from sim.lab.plot import draw
from sim.lab.runs import Played, Task
from sim.lab.whatif import Findings, Prices, conclusion, find
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.scenario.schema_whatif import Bound
from sim.scenario.settings import Setting

MEMORY = RunOptions(transport="memory")
MIB = 1024**2
TIMEOUT = "jobs.0.timeoutConfig.inProgressTimeoutInMinutes"


def watched(path: Path, **more: Any) -> Measure:
    scenario = load_scenario(path)
    watch = Watch(scenario, "files")
    return watch.measure(run_scenario(scenario, MEMORY, [watch]).problems)


def test_a_rollout_is_measured_as_its_job_went(tmp_path: Path) -> None:
    found = watched(write(tmp_path, fleet(20, [loss("meters-00007", "3m")])))
    assert (found.targets, found.succeeded, found.failed, found.bricked, found.aborted) == (20, 19, 1, 0, False)
    assert found.times_s[50] is not None
    assert found.times_s[95] is not None
    assert 5 < found.times_s[50] <= found.times_s[95] < 30
    assert found.times_s[100] is None
    assert found.downloaded_bytes == 20 * len("print(2)") - len("print(2)")
    assert found.messages > 20 * 5


def test_a_retry_that_succeeds_is_no_failure_and_an_abort_is_seen(tmp_path: Path) -> None:
    retry = {"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 1}]}}
    data = fleet(4, [loss("meters-00002", "90s")], duration="20m")
    data["jobs"][0] |= retry
    found = watched(write(tmp_path, data))
    assert (found.succeeded, found.failed) == (4, 0)
    assert found.times_s[100] is not None
    assert found.times_s[100] > 60
    criterion = {"failureType": "TIMED_OUT", "thresholdPercentage": "10%", "minNumberOfExecutedThings": 1}
    data = fleet(4, [loss("meters", "3m")])
    data["jobs"][0] |= {
        "abortConfig": {"criteriaList": [criterion]},
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 1},
    }
    found = watched(write(tmp_path, data))
    assert found.aborted
    assert 1 <= found.failed < 4
    assert found.times_s[50] is None


def one(number: int, run: int, **values: Any) -> Played[Measure]:
    usual = {
        "targets": 10, "succeeded": 10, "failed": 0, "bricked": 0, "aborted": False, "downloaded_bytes": MIB,
        "messages": 1000, "times_s": {50: 10.0, 95: 20.0, 100: 30.0}, "problems": (),
    }  # fmt: skip
    return Played(Task(number, run, Path("x"), (), MEMORY), Measure(**(usual | values)))


def cells(count: int) -> list[tuple[Setting, ...]]:
    return [(Setting("rate", str(number)),) for number in range(count)]


def findings(*rows: dict[str, Any], runs: int = 30, probability: str = "20%", **prices: float) -> Findings:
    played = [one(number, run, **row) for number, row in enumerate(rows) for run in range(runs)]
    bound = Bound.model_validate({"failed": 3, "probability": probability})
    return find(cells(len(rows)), played, bound, Prices(**prices))


SLOW_CHEAP = {"times_s": {50: 50.0, 95: 90.0, 100: 95.0}, "messages": 10}
STOPS = {"times_s": {50: None, 95: None, 100: None}, "messages": 1, "downloaded_bytes": 0, "succeeded": 1}
BREAKS = {"failed": 4, "times_s": {50: 1.0, 95: 1.0, 100: 1.0}, "messages": 0}


def test_the_cheapest_and_the_fastest_are_among_those_that_keep_the_bound() -> None:
    found = findings({}, SLOW_CHEAP, STOPS, BREAKS, per_1000_messages=2.0)
    assert found.keep == [0, 1, 2]
    assert (found.cheapest, found.fastest) == (1, 0)
    said = conclusion(found)
    assert (
        said[0] == "3 of 4 settings keep P(more than 3 failed) <= 0.2, with 95% confidence for all 4 settings together"
    )
    assert said[1] == "the cheapest of them: 1 (95 % after 1m30s, 0.02 a rollout, P <= 0.136)"
    assert said[-1] == "this is the confidence in what the model does with other seeds, not in the model"


def test_a_rollout_that_stops_is_chosen_only_when_there_is_no_other() -> None:
    found = findings(STOPS, BREAKS, per_mib=1.0)
    assert (found.keep, found.cheapest, found.fastest) == ([0], 0, 0)
    assert "it does not get to 95 %" in conclusion(found)[1]


def test_too_few_runs_prove_nothing_and_it_is_told_how_many_would() -> None:
    found = findings({}, BREAKS, runs=20, probability="5%")
    assert found.keep == []
    (said,) = conclusion(found)
    assert "that takes 72 runs of each without a bad one (--seeds 72)" in said
    assert findings({}, BREAKS, runs=72, probability="5%").keep == [0]
    assert findings({}, BREAKS, runs=71, probability="5%").keep == []


def test_no_setting_keeps_a_bound_that_all_break() -> None:
    assert "each had a run with more than 3 failed" in conclusion(findings(BREAKS, BREAKS))[0]


def test_an_incomplete_run_proves_nothing() -> None:
    assert findings({"problems": ("a fault never happened",)}).keep == []


def test_more_settings_need_more_runs_for_the_same_claim() -> None:
    assert findings({}, runs=14).keep == [0]
    assert findings({}, {}, {}, runs=14).keep == []


def test_without_prices_no_money_is_made_up() -> None:
    found = findings({})
    assert found.answers[0].money is None
    assert found.cheapest is None
    assert "needs prices" in conclusion(found)[1]
    assert Prices(per_mib=2.0).of(one(0, 0).answer) == 2.0  # type: ignore[arg-type]
    assert Prices(per_mib=2.0, per_1000_messages=0.5).of(one(0, 0).answer) == 2.5  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(1, 1e6) | st.none(), st.text(max_size=40)), min_size=1, max_size=6)
)
def test_any_picture_is_whole_xml_and_stays_in_its_frame(rows: list[tuple[int, float | None, str]]) -> None:
    played = [
        one(number, run, failed=failed, times_s={50: time, 95: time, 100: time})
        for number, (failed, time, _) in enumerate(rows)
        for run in range(7)
    ]
    labels = [(Setting("way", "".join(filter(str.isprintable, text))),) for _, _, text in rows]
    found = find(labels, played, Bound(failed=2, probability="5%"), Prices())
    root = ElementTree.fromstring(draw(found, 'a <title> & "more"'))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    circles = [element for element in root if element.tag.endswith("circle")]
    assert len(circles) == 3 * len(rows)
    for element in root.iter():
        for name in ("cx", "x", "x1", "x2"):
            assert 0 <= float(element.attrib.get(name, 0)) <= width
        for name in ("cy", "y", "y1", "y2"):
            assert 0 <= float(element.attrib.get(name, 0)) <= height
        assert not {"href", "src"} & set(element.attrib)


def call(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["whatif", *words])
    out, err = capsys.readouterr()
    assert ended.value.code == code, (out, err)
    return out, err


@pytest.fixture
def planted(tmp_path: Path) -> str:
    """Three devices, of which about one in four loses the network for 90 s."""
    return str(write(tmp_path, fleet(3, [loss("meters", "90s", share="25%")])))


def test_files_and_json_repeat_whatever_the_processes(
    capsys: pytest.CaptureFixture[str], planted: str, tmp_path: Path
) -> None:
    outs = []
    for jobs in ("1", "2"):
        files = [str(tmp_path / f"{jobs}.{kind}") for kind in ("csv", "svg")]
        words = (planted, "--vary", f"{TIMEOUT}=1,5", "--seeds", "6", "--more-than", "0", "--at-most", "60%")
        prices = ("--price-per-mib", "1", "--price-per-1000-messages", "1")
        out, _ = call(capsys, *words, *prices, "--csv", files[0], "--svg", files[1], "--jobs", jobs, "--json")
        outs.append((out, *(Path(file).read_text() for file in files)))
    assert outs[0] == outs[1]
    told = json.loads(outs[0][0])
    short, long = told["settings"]
    assert (short["settings"], short["runs"], long["over"]) == ({TIMEOUT: "1"}, 6, 0)
    assert short["over"] > 0
    assert (told["keep"], told["cheapest"], told["fastest"]) == ([1], 1, 1)
    rows = list(csv.DictReader(outs[0][1].splitlines()))
    assert [(row[TIMEOUT], row["run"]) for row in rows] == [(t, str(run)) for t in "15" for run in range(1, 7)]
    assert sum(int(row["failed"]) for row in rows[6:]) == 0
    assert [row["seed"] for row in rows[:6]] == [row["seed"] for row in rows[6:]]
    bad = next(row for row in rows if row["failed"] != "0")
    assert (bad["time_100_s"], bad["error"]) == ("", "")
    assert outs[0][2].startswith("<svg ")


def test_a_bound_that_nothing_keeps_fails(capsys: pytest.CaptureFixture[str], planted: str) -> None:
    bound = ("--more-than", "0", "--at-most", "5%")
    out, _ = call(capsys, planted, "--vary", f"{TIMEOUT}=1,5", "--seeds", "2", *bound, "--jobs", "1", code=1)
    assert "(--seeds 72)" in out


def test_a_scenario_says_itself_what_is_varied(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(call(capsys, "whatif_rollout", "--seeds", "1", "--jobs", "1", "--json", code=1)[0])
    assert len(told["settings"]) == 8
    assert told["job"] == "files"
    assert told["bound"] == {"failed": 6, "probability": 0.25}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "nothing is to be varied: give --vary WAY=V,V"),
        (("--vary", "jobs.7.at=1s,2s"), "--vary:1:1: error: jobs is a list of 1"),
        (("--vary", f"{TIMEOUT}=1,0"), f"at least 1 and at most 10080 (with {TIMEOUT}=0)   [jobs.0.timeoutConfig]"),
        (("--vary", f"{TIMEOUT}=1,x"), f"--vary:1:{len(TIMEOUT) + 2}: error: this must be a whole number"),
        (("--vary", f"{TIMEOUT}=1,2", "--more-than", "1"), "--more-than and --at-most go together"),
        (("--vary", f"{TIMEOUT}=1,2", "--more-than", "1", "--at-most", "5"), "a share needs a unit"),
        (("--vary", f"{TIMEOUT}=1,2", "--more-than", "1", "--at-most", "0%"), "no number of runs can show 0%"),
        (("--vary", f"{TIMEOUT}=1,2", "--job", "x"), "has no job x; it has files"),
        (("--vary", f"{TIMEOUT}=1,2", "--price-per-mib", "-1"), "Invalid value for '--price-per-mib'"),
    ],
)
def test_what_cannot_be_asked_is_told(
    capsys: pytest.CaptureFixture[str], planted: str, words: tuple[str, ...], text: str
) -> None:
    assert text in call(capsys, planted, *words, code=2)[1]


def test_ctrl_c_tells_and_writes_what_is_there(
    capsys: pytest.CaptureFixture[str], planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(5))

    def interrupted(job_id: str, task: Task) -> Played[Measure]:
        if next(left) == 4:
            raise KeyboardInterrupt
        return measured(job_id, task)

    monkeypatch.setattr(measure_module, "measured", interrupted)
    files = ("--csv", str(tmp_path / "a.csv"), "--svg", str(tmp_path / "a.svg"))
    out, _ = call(capsys, planted, "--vary", f"{TIMEOUT}=1,5", "--seeds", "9", *files, "--jobs", "1", code=130)
    assert "interrupted: 4 of 18 runs were made" in out
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 5
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


def alive(pid: str) -> bool:
    """It runs; one that nobody has waited for yet does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_ctrl_c_ends_the_workers_and_still_writes(planted: str, tmp_path: Path) -> None:
    """As a terminal sends it: to every process of the group. It is sent once there are workers."""
    words = [
        "whatif",
        planted,
        "--vary",
        f"{TIMEOUT}=1,5",
        "--seeds",
        "5000",
        "--jobs",
        "2",
        "--csv",
        "a.csv",
        "--json",
    ]
    call = [sys.executable, "-c", f"from sim.cli.main import main; main({[*words, '--json']!r})"]
    with subprocess.Popen(call, cwd=tmp_path, start_new_session=True, stdout=PIPE, stderr=PIPE, text=True) as process:
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while len(workers := children.read_text().split()) < 3:  # two, and Python's tracker of their resources
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (130, "")
    told = json.loads(out)
    assert not told["whole"]
    assert (tmp_path / "a.csv").read_text().startswith(TIMEOUT)
    for _ in range(100):
        if not any(map(alive, workers)):
            break
        time.sleep(0.05)
    assert not any(map(alive, workers))


def test_nothing_is_said_of_no_runs() -> None:
    found = find(cells(2), [], Bound.model_validate({"failed": 1, "probability": "5%"}), Prices())
    assert conclusion(found) == ["no run was made"]
    assert ElementTree.fromstring(draw(found, "nothing")).tag.endswith("svg")


@pytest.mark.parametrize(
    ("whatif", "text"),
    [
        (
            "whatif: {vary: {jobs.0.att: [1s], jobs.3.at: [1s]}}",
            "jobs is a list of 1, counted from 0   [whatif.vary.jobs.3.at]",
        ),
        ("whatif: {vary: {}}", "[whatif.vary]"),
        ("whatif: {vary: {jobs.0.at: []}}", "this list must not be empty"),
        ("whatif: {vary: {jobs.0.at: [1s]}, job: filse}", "unknown job 'filse'; did you mean 'files'?"),
        ("whatif: {vary: {jobs.0.at: [1s]}, bound: {failed: 1, probability: 5}}", "a share needs a unit"),
        ("whatif: {vary: {jobs.0.at: [1s]}, bound: {failed: 1, probability: 100%}}", "[whatif.bound.probability]"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_in_its_place(tmp_path: Path, whatif: str, text: str) -> None:
    path = write(tmp_path, fleet(1, []))
    path.write_text(f"{path.read_text()}\n{whatif}\n")
    with pytest.raises(SpecError) as refused:
        load_scenario(path)
    assert text in str(refused.value)


def test_values_of_the_file_may_be_anything(tmp_path: Path) -> None:
    path = write(tmp_path, fleet(1, []))
    path.write_text(f"{path.read_text()}\nwhatif: {{vary: {{a: [5, 5%, '5', true, [1, x], {{k: 'a: b'}}, null]}}}}\n")
    asked = load_scenario(path).whatif
    assert asked is not None
    (choice,) = asked.choices
    assert choice.texts == ("5", "5%", '"5"', "true", '[1, "x"]', '{"k": "a: b"}', "null")


def test_the_shipped_one_is_a_mixture() -> None:
    """With the seeds of the docs: some of its meters fail, not all of them."""
    task = Task(0, 0, find_scenario("whatif_rollout"), (), MEMORY)
    found = measured("files", task).answer
    assert found is not None
    assert 0 < found.failed < 10


def test_bands_of_nothing_known_are_drawn_without_caps() -> None:
    found = find(cells(1), [one(0, 0)], None, Prices())
    assert found.answers[0].failed == Band(None, 0, None)
    assert draw(found, "x").count("<circle") == 3
    assert inf not in (found.answers[0].mib.median,)
