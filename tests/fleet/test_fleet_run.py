"""Thresholds of real runs: kept, broken, ending the run, and without anything to judge by."""

import json

import pytest
from fleet_rig import load_rollout, rollout

from sim.cli.main import main
from sim.fleet.run import run_judged
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions

MEMORY = RunOptions(transport="memory")


def shown(result):
    return {f"{limit.metric} {limit.expr}": (limit.passed, limit.shown) for limit in result.thresholds}


def test_rates_count_every_execution_and_groups_tell_apart(tmp_path):
    more = """thresholds:
  job_succeeded: ['rate > 50%', 'rate > 60%']
  job_succeeded{group:good}: ['rate == 100%']
  job_succeeded{group:bad,job:wave}: ['rate == 0%']
  ota_duration{status:SUCCEEDED}: ['count == 3', 'min > 1m', 'avg < 5m', 'med < 5m']
  ota_phase_duration{phase:apply}: ['count == 3']
  http_download_bytes{group:good}: ['count > 100KiB']
  flash_ops: ['count > 1000']"""
    result = run_judged(load_rollout(tmp_path, more), MEMORY)
    outcome = shown(result)
    assert outcome.pop("job_succeeded rate > 60%") == (False, "60.00%")
    assert all(passed for passed, _ in outcome.values()), outcome
    assert not result.passed
    assert not result.problems


def test_networks_and_faults_of_scenarios_are_told_apart(tmp_path):
    more = """networks: {city: {extends: lte-cat1}}
steps: []
faults: [{low_battery: {device: good, level: 50%, for: 5s, when: {phase: apply, progress: 10%}}}]
thresholds:
  faults{kind:low_battery}: ['count == 3']
  faults{kind:power_cut}: ['count == 0']
  mqtt_connect_duration{network:city}: ['count > 3']
  mqtt_connect_duration{network:Cat 1}: ['count > 1']"""
    source = rollout(tmp_path, more)
    source.write_text(source.read_text().replace("good, count: 3,", "good, count: 3, network: city,"))
    result = run_judged(load_scenario(source), MEMORY)
    assert all(passed for passed, _ in shown(result).values()), shown(result)


def test_what_was_not_measured_does_not_pass(tmp_path):
    more = "thresholds: {'ota_phase_duration{phase:stream}': ['max < 1h'], 'faults{kind:power_cut}': ['count == 0']}"
    result = run_judged(load_rollout(tmp_path, more), MEMORY)
    assert [(limit.passed, limit.shown) for limit in result.thresholds] == [
        (False, "nothing was measured"),
        (True, "0"),
    ]


def test_a_broken_threshold_ends_the_run(tmp_path):
    more = "thresholds: {job_succeeded: [{expr: rate > 90%, abortOnFail: true}], job_terminal: [rate == 100%]}"
    result = run_judged(load_rollout(tmp_path, more), MEMORY)
    assert result.thresholds[0].aborted
    assert not result.thresholds[1].aborted
    assert result.executions["IN_PROGRESS"] == 3  # nobody waited for the good ones
    assert result.virtual_s < 60


def test_what_had_not_happened_by_then_is_no_problem(tmp_path, capsys):
    late = """faults: [{power_cut: {device: good, when: {phase: apply, progress: 99%}}}]
thresholds: {job_succeeded: [{expr: rate > 90%, abortOnFail: true}]}"""
    code, out, _ = qpyota(capsys, "run", str(rollout(tmp_path, late)), "--transport", "memory", "-q")
    assert (code, "(ended the run)" in out, "never happened" in out) == (1, True, False)


def test_numbers_repeat_and_do_not_depend_on_the_transport(tmp_path):
    more = (
        "thresholds: {ota_duration: [p(95) < 6m], mqtt_request_duration: [max < 1m], mqtt_connect_duration: [max < 1m]}"
    )
    scenario = load_rollout(tmp_path, more)
    runs = [run_judged(scenario, RunOptions(transport=name)) for name in ("memory", "memory", "virtual")]
    assert runs[0].thresholds == runs[1].thresholds == runs[2].thresholds
    assert runs[0].trace_hash == runs[2].trace_hash


def qpyota(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code, *capsys.readouterr()


def test_the_command_shows_marks_and_a_replay_for_each_failed_device(tmp_path, capsys):
    source = str(rollout(tmp_path, "thresholds: {job_succeeded: [rate > 90%], devices_bricked: [count == 0]}"))
    code, out, _ = qpyota(capsys, "run", source, "--transport", "memory", "-q")
    assert code == 1
    assert "✗ job_succeeded    rate > 90%  60.00%" in out
    assert "✓ devices_bricked  count == 0  0" in out
    line = next(line for line in out.splitlines() if "bad-00002: job wave ended FAILED" in line)
    replay = line.partition("replay: qpyota ")[2].split()
    code, _, told = qpyota(capsys, *replay)
    assert code == 1
    assert "bad-00002" in told
    assert not [line for line in told.splitlines() if "bad-00001" in line or "good-" in line]


def test_json_has_thresholds_and_failures(tmp_path, capsys):
    source = str(rollout(tmp_path, "thresholds: {job_succeeded: [rate > 90%]}"))
    code, out, _ = qpyota(capsys, "run", source, "--transport", "memory", "--json")
    told = json.loads(out)
    assert (code, told["passed"]) == (1, False)
    limit = {"metric": "job_succeeded", "expr": "rate > 90%", "passed": False, "value": 0.6, "shown": "60.00%"}
    assert told["thresholds"] == [limit | {"aborted": False}]
    assert [failure["device"] for failure in told["failures"]] == ["bad-00001", "bad-00002"]


def test_nobody_to_follow_is_told(tmp_path, capsys):
    code, _, err = qpyota(capsys, "run", str(rollout(tmp_path)), "--follow", "good-1")
    assert code == 2
    assert "there is no device 'good-1' to follow; did you mean" in err
