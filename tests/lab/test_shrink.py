"""Failing fleets with a planted cause, and what is left of them: the cause, the whole cause, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab_rig import fleet, loss, write

from sim.cli.main import main
from sim.errors import SpecError
from sim.fleet.run import run_judged
from sim.lab import shrink as shrink_module
from sim.lab.parts import put_together
from sim.lab.shrink import Ends, Shrink, Shrunk
from sim.lab.written import as_yaml
from sim.scenario.document import Document
from sim.scenario.loader import load_scenario, scenario_of
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

MEMORY = RunOptions(transport="memory")


def shrunk(folder: Path, data: dict[str, Any], fails: str | None = None) -> Shrunk:
    return Shrink(write(folder, data), (), MEMORY, fails).run()


def fails(data: dict[str, Any], found: Shrunk) -> bool:
    """Whether this fails the same way as what was found."""
    try:
        scenario = scenario_of(data, Path("planted.yaml"))
    except SpecError:
        return False
    ends = Ends()
    return found.way.same(run_judged(scenario, MEMORY, [ends]), ends.bad())


def assert_smallest(found: Shrunk) -> None:
    """It fails, and does not without any one of its devices or faults."""
    assert found.smallest
    assert fails(found.data, found)
    for device in found.kept.devices if len(found.kept.devices) > 1 else ():
        rest = tuple(name for name in found.kept.devices if name != device)
        kept = replace(found.kept, devices=rest)
        assert not fails(put_together(*SEEN, kept), found), device
    for index in range(len(found.data.get("faults", ()))):
        rest = [fault for number, fault in enumerate(found.data["faults"]) if number != index]
        assert not fails(found.data | {"faults": rest}, found), found.data["faults"][index]


SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def _seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole that the last result was put together from."""

    def watched(data: Any, scenario: Any, kept: Any) -> Any:
        SEEN[:] = [data, scenario]
        return put_together(data, scenario, kept)

    monkeypatch.setattr(shrink_module, "put_together", watched)


def test_one_bad_device_among_two_hundred(tmp_path: Path) -> None:
    decoys = [loss("meters", "1s", at="50s"), loss("meters-00140", "5s", at="3s")]
    found = shrunk(tmp_path, fleet(200, [*decoys, loss("meters-00137", "3m")]))
    (entry,) = found.data["fleet"]
    assert (entry["name"], entry["group"]) == ("meters-00137", "meters")
    assert found.data["faults"] == [loss("meters-00137", "3m")]
    assert found.data["expect"] == ["job['files'].succeeded == 200"]
    assert found.runs < 30
    assert_smallest(found)


def test_a_pair_of_faults_that_must_coincide(tmp_path: Path) -> None:
    pair = [loss("meters-00005", "20s"), loss("meters-00005", "1m", at="70s")]
    decoys = [loss(f"meters-{number:05}", "20s") for number in (1, 2, 5, 9)] + [loss("meters", "1s", at="3s")]
    decoys[2] = loss("meters-00005", "1s", at="4s")
    found = shrunk(tmp_path, fleet(12, [*decoys[:3], pair[0], decoys[3], pair[1], decoys[4]], timeout_min=2))
    assert found.kept.devices == ("meters-00005",)
    assert found.data["faults"] == pair
    assert_smallest(found)


def test_two_devices_that_are_both_needed(tmp_path: Path) -> None:
    """A device that is struck alone is not enough for an expect that allows for one."""
    faults = [loss("meters-00002", "3m"), loss("meters-00006", "3m"), loss("meters-00008", "3m")]
    data = fleet(10, faults) | {"expect": ["executions['TIMED_OUT'] < 2"]}
    found = shrunk(tmp_path, data)
    assert len(found.kept.devices) == 2
    assert_smallest(found)


def test_a_share_of_a_group_is_taken_apart_and_nobody_is_drawn_anew(tmp_path: Path) -> None:
    faults = [loss("meters", "1s", at="50s", share="50%"), loss("meters", "3m", share="10%")]
    data = fleet(30, faults)
    found = shrunk(tmp_path, data)
    (device,) = found.kept.devices
    assert found.data["faults"] == [loss(device, "3m", share="100%")]
    ends = Ends()
    run_scenario(load_scenario(write(tmp_path, data)), MEMORY, [ends])
    assert ends.bad()[device] == "TIMED_OUT"


def test_jobs_steps_and_time_go_too(tmp_path: Path) -> None:
    data = fleet(4, [loss("meters-00003", "3m")])
    later = data["jobs"][0] | {"jobId": "later", "at": "4m"}
    data["jobs"].append(later)
    data["steps"] = [{"device": "meters", "at": "5m", "link_loss": {"for": "1s"}}]
    found = shrunk(tmp_path, data, "executions['TIMED_OUT'] == 0")
    assert [job["jobId"] for job in found.data["jobs"]] == ["files"]
    assert "steps" not in found.data
    assert found.data["expect"] == ["executions['TIMED_OUT'] == 0"]
    shorter = int(found.data["duration"].removesuffix("s")) - 1
    assert not fails(found.data | {"duration": f"{shorter}s"}, found)
    assert_smallest(found)


def test_what_may_only_need_more_time_keeps_its_time(tmp_path: Path) -> None:
    data = fleet(5, [loss("meters-00004", "10m")], timeout_min=60)
    found = shrunk(tmp_path, data)
    assert found.kept.devices == ("meters-00004",)
    assert found.data["duration"] == "6m"
    assert found.way.ends == {"IN_PROGRESS"}


def test_a_run_that_is_incomplete_stays_incomplete_for_the_same_reason(tmp_path: Path) -> None:
    never = {"link_loss": {"device": "meters-00002", "when": {"phase": "stream", "progress": "0%"}, "for": "1s"}}
    found = shrunk(tmp_path, fleet(4, [loss("meters-00001", "3m"), never]))
    assert str(found.way) == "incomplete: a fault never happened"
    assert (found.kept.devices, found.data["faults"]) == (("meters-00002",), [never])


def test_counting_more_than_there_is_is_not_the_same_failure(tmp_path: Path) -> None:
    """Any device alone fails `succeeded == 3`; only the bad one ends badly."""
    found = shrunk(tmp_path, fleet(3, [loss("meters-00003", "3m")]))
    assert found.kept.devices == ("meters-00003",)


def test_a_threshold_is_as_good_as_an_expect(tmp_path: Path) -> None:
    data = fleet(20, [loss("meters-00004", "20s"), loss("meters-00011", "1s", at="3s")], timeout_min=5)
    data["thresholds"] = {"ota_duration{group:meters}": ["max < 1m"], "devices_bricked": ["count == 0"]}
    found = shrunk(tmp_path, data)
    assert str(found.way) == "ota_duration{group:meters}: max < 1m"
    assert found.data["thresholds"] == {"ota_duration{group:meters}": ["max < 1m"]}
    assert found.data["faults"] == [loss("meters-00004", "20s")]
    assert "expect" not in found.data
    assert_smallest(found)


def test_a_fleet_that_passes_is_not_shrunk(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="with seed 3 passes, so there is nothing to shrink"):
        shrunk(tmp_path, fleet(2, []))


def test_it_is_the_same_every_time_and_ends_at_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = fleet(8, [loss("meters", "1s", at="50s"), loss("meters-00004", "3m"), loss("meters-00007", "3m")])
    one, two = shrunk(tmp_path, data), shrunk(tmp_path, data)
    assert (one.data, one.runs, one.result.trace_hash) == (two.data, two.runs, two.result.trace_hash)
    monkeypatch.setattr(shrink_module, "MOST_RUNS", 3)
    ended = shrunk(tmp_path, data)
    assert not ended.smallest
    assert fails(ended.data, ended)


@given(
    bad=st.sets(st.integers(1, 6), min_size=1),
    decoys=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["3s", "50s"])), max_size=3),
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_planted_one_device_and_one_fault_are_left(
    tmp_path: Path, bad: set[int], decoys: list[tuple[int, str]]
) -> None:
    faults = [loss(f"meters-{number:05}", "1s", at=at) for number, at in decoys]
    faults[1:1] = [loss(f"meters-{number:05}", "3m") for number in sorted(bad)]
    found = shrunk(tmp_path, fleet(6, faults))
    assert len(found.kept.devices) == 1
    assert len(found.data["faults"]) == 1
    assert found.kept.devices[0] in {f"meters-{number:05}" for number in bad}
    assert_smallest(found)


TEXTS = st.sampled_from(
    ["0o7", "1e3", "1_000", "yes", "1:30", "0x1F", "~", "a: b", "#", "", "é", "- x", "0b1", "2026-01-01"]
)
VALUES = st.recursive(
    TEXTS | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])) | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(bool), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abc"), VALUES))
def test_yaml_is_read_as_what_was_written(data: dict[str, Any]) -> None:
    assert Document("", as_yaml(data)).read() == data


def call(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["shrink", *words])
    out, err = capsys.readouterr()
    assert ended.value.code == code, (out, err)
    return out, err


def test_the_command_writes_a_scenario_and_a_test_elsewhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("print(2)")
    data = fleet(3, [loss("meters-00002", "3m")])
    data["cloud"]["buckets"]["files"]["a.py"] = {"file": "a.py"}
    source = write(tmp_path, data)
    out, err = call(capsys, str(source), "-o", "found/small.yaml")
    assert "devices  1 of 3" in out
    assert err == ""
    found = Path("found/small.yaml")
    assert "file: ../a.py" in found.read_text()
    result = run_scenario(load_scenario(found), MEMORY)
    assert [expect.passed for expect in result.expects] == [False]
    scope: dict[str, Any] = {"__file__": str(tmp_path / "found" / "test_small.py")}
    exec(Path("found/test_small.py").read_text(), scope)
    with pytest.raises(AssertionError, match=r"job\['files'\].succeeded == 3: .*is 0"):
        scope["test_small"]()
    told = json.loads(call(capsys, str(source), "-o", "found/small.yaml", "--json")[0])
    assert (told["devices"], told["devices_before"], told["trace_hash"]) == (1, 3, result.trace_hash)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("first_upgrade",), "passes, so there is nothing to shrink"),
        (("staged_rollout", "--fails", "device.bricked =="), "expect.0"),
        (("staged_rollout", "--fails", "device['nobody'].bricked"), "nobody"),
        (("planted.yaml", "-o", "planted.yaml"), "is the scenario itself"),
    ],
)
def test_what_cannot_be_shrunk_is_told(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, fleet(1, [loss("meters-00001", "3m")]))
    assert text in call(capsys, *words, code=2)[1]


def test_a_run_that_was_kept_is_shrunk_with_its_seed_and_settings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, fleet(8, [loss("meters", "3m", share="30%")]))
    settings = ("--set", "description=with spaces", "--set", "jobs.0.at=3s")
    with pytest.raises(SystemExit):
        main(["run", "planted.yaml", "--transport", "memory", "--seed", "9", *settings, "--store", "run.sqlite", "-q"])
    capsys.readouterr()
    told = json.loads(call(capsys, "run.sqlite", "--json")[0])
    assert (told["seed"], told["devices"]) == (9, 1)
    found = load_scenario(Path(told["yaml"]))
    assert (found.description, found.jobs[0].at_us) == ("with spaces", 3_000_000)
    assert "--seed and --set are not for it" in call(capsys, "run.sqlite", "--seed", "1", code=2)[1]
    with Path("planted.yaml").open("a") as file:
        file.write("# changed\n")
    assert "is not what it was when run.sqlite was run" in call(capsys, "run.sqlite", code=2)[1]
    Path("planted.yaml").unlink()
    assert "No such file" in call(capsys, "run.sqlite", code=2)[1]


def test_ctrl_c_writes_the_smallest_so_far(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, fleet(3, [loss("meters-00002", "3m")]))

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Shrink, "_shorten", interrupted)
    out, _ = call(capsys, "planted.yaml", code=130)
    assert "it may not be the smallest" in out
    assert load_scenario(Path("planted-shrunk.yaml")).fleet[0].name == "meters-00002"
