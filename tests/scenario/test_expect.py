"""Expect lines: what is refused before a run, what holds after it, and what a failure tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.clock import Clock
from sim.scenario.expect import EXPR_CHARS, check, evaluate
from sim.scenario.sightings import SEEN_KINDS, Sightings, kinds_in
from sim.scenario.views import DeviceView, ExecutionView, FleetView, JobView, Namespace, count
from sim.trace import Trace

NAMES = {"device": ["dev-1", "dev-2"], "job": ["jobfota"], "seen": SEEN_KINDS}


@pytest.fixture
def run() -> Namespace:
    files = {"/usr/a.py": b"VERSION = '2.0'"}
    devices = {
        "dev-1": DeviceView("A21", 3, False, files.get),
        "dev-2": DeviceView(None, 1, True, {}.get),
    }
    done = ExecutionView("SUCCEEDED", 4, {"step": "installed"})
    waiting = ExecutionView("QUEUED", 1, {})
    jobs = {"jobfota": JobView({"dev-1": done}), "both": JobView({"dev-1": done, "dev-2": waiting})}
    return Namespace(FleetView(devices), jobs, count([done, done, waiting]))


def alone(device: DeviceView) -> Namespace:
    return Namespace(FleetView({"dev": device}), {}, count([]))


@pytest.mark.parametrize(
    ("expr", "offset", "part"),
    [
        ("job['jobfota'].status ==", None, "not an expression"),
        ("job['jobfoto'].status == 'SUCCEEDED'", 4, "unknown job 'jobfoto'; did you mean 'jobfota'?"),
        ("1 == devices['dev-1'].boots", 5, "unknown name 'devices'; did you mean 'device'?"),
        ("device['dev-1'].boot == 1", 0, "nothing has 'boot'; did you mean 'boots'?"),
        ("device['dev-1']._read('/x') == ''", 0, "can be called"),
        ("device['dev-1'].__class__ == 1", 0, "nothing has '__class__'"),
        ("__import__('os').system('true') == 0", 0, "can be called"),
        ("len(job) + 1 == 2", 0, "only comparisons"),
        ("[x for x in job] == []", 0, "only comparisons"),
        ("(lambda: 1)() == 1", 0, "only comparisons"),
        ("device['dev-1'].firmware is None", 0, "compare with"),
        ("'é' == job['nope'].status", 11, "unknown job 'nope'"),
        ("job['jobfota'].execution['dev-9'].status == 'QUEUED'", 25, "unknown device 'dev-9'"),
        (r"'\d' == job", None, "not an expression"),
        ("seen['mqtt.conect'].count == 0", 5, "unknown seen 'mqtt.conect'; did you mean 'mqtt.connect'?"),
        ("'SUCCEEDED'", 0, "says nothing about the run"),
        ("", None, "not an expression"),
        ("not " * EXPR_CHARS + "1", 0, "at most"),
    ],
)
def test_what_can_be_refused_before_a_run_is_refused_with_its_column(expr: str, offset: int | None, part: str) -> None:
    flaws = check(expr, NAMES)
    assert part in "; ".join(flaw.message for flaw in flaws)
    if offset is not None:  # where syntax breaks is told differently by each Python
        assert flaws[0].offset == offset


def test_all_flaws_of_an_expression_are_told() -> None:
    found = [flaw.message for flaw in check("job['x'].status == 1 and thing.y > 2", NAMES)]
    assert len(found) == 3


@pytest.mark.parametrize(
    "expr",
    [
        "job['jobfota'].status == 'SUCCEEDED'",
        "job['jobfota'].executions['SUCCEEDED'] == 1 and job['jobfota'].executions['FAILED'] == 0",
        "job['jobfota'].execution['dev-1'].version == 4",
        "job['jobfota'].execution['dev-1'].details['step'] in ['installed', 'started']",
        "executions['SUCCEEDED'] == 2 and executions['QUEUED'] >= 1",
        "device['dev-1'].firmware == 'A21' and 1 < device['dev-1'].boots <= 3",
        "device['dev-2'].bricked and not device['dev-1'].bricked",
        "device.bricked == 1 and len(device) == 2",
        "device['dev-2'].firmware == None",
        "'2.0' in device['dev-1'].file('/usr/a.py')",
        "device['dev-1'].file('/usr/none.py') == None",
        "device['dev-1'].boots != -1",
        "job['jobfota'].status == 'FAILED' or device.bricked == 1",
    ],
)
def test_what_holds(run: Namespace, expr: str) -> None:
    assert check(expr, NAMES) == []
    result = evaluate(expr, run)
    assert (result.passed, result.detail) == (True, "")


@pytest.mark.parametrize(
    ("expr", "detail"),
    [
        ("job['jobfota'].status == 'FAILED'", "job['jobfota'].status is 'SUCCEEDED'"),
        ("device.bricked == 0 and device['dev-1'].boots == 3", "device.bricked is 1"),
        ("job['both'].status == 'SUCCEEDED'", "job['both'].status is 'MIXED'"),
        ("'x' in device['dev-2'].file('/usr/a.py')", "device['dev-2'].file('/usr/a.py') is None"),
        ("device['dev-2'].boots > device['dev-1'].boots", "device['dev-2'].boots is 1; device['dev-1'].boots is 3"),
        ("device['dev-1'].boots < 'x'", "cannot be decided: '<' not supported"),
        ("device['dev-9'].boots == 1", "device has no 'dev-9'; it has 'dev-1', 'dev-2'"),
        ("job['jobfota'].boots == 1", "job['jobfota'] has no 'boots'"),
        ("job['jobfota']['dev-1'] == 1", "job['jobfota'] cannot be asked for ['dev-1']"),
        ("job.file('/usr/a.py') == 1", "job has no file()"),
    ],
)
def test_a_failure_shows_what_was_found(run: Namespace, expr: str, detail: str) -> None:
    result = evaluate(expr, run)
    assert not result.passed
    assert detail in result.detail


def test_a_long_value_is_cut_in_the_detail(run: Namespace) -> None:
    big = DeviceView("A" * 10_000, 1, False, {}.get)
    result = evaluate("device['dev'].firmware == 'B'", alone(big))
    assert len(result.detail) < 200


def test_numbers_of_a_job_and_its_own_status() -> None:
    executions = {
        name: ExecutionView(status, 2, {})
        for name, status in [("a", "SUCCEEDED"), ("b", "SUCCEEDED"), ("c", "FAILED"), ("d", "QUEUED")]
    }
    job = {"j": JobView(executions, "IN_PROGRESS", 5), "gone": JobView({})}
    namespace = Namespace(FleetView({}), job, count([]))
    for expr in (
        "job['j'].succeeded == 2 and job['j'].failed == 1 and job['j'].queued == 1 and job['j'].rejected == 0",
        "job['j'].job_status == 'IN_PROGRESS' and job['j'].waiting == 5 and job['j'].status == 'MIXED'",
        "job['j'].in_progress == 0 and job['j'].removed == 0",
        "job['j'].timed_out == 0 and job['j'].canceled == 0",
        "job['gone'].job_status == 'DELETED'",
    ):
        assert check(expr, {"job": ["j", "gone"]}) == []
        assert evaluate(expr, namespace).passed, expr


def test_a_job_nobody_has_is_not_succeeded() -> None:
    assert JobView({}).status == "NONE"


@pytest.mark.parametrize(
    "expr",
    ["().__class__ == 1", "device.__init__ == 1", "open('/etc/passwd') == 1", "device['a'].firmware.upper() == 'A'"],
)
def test_an_unchecked_expression_reaches_nothing_either(run: Namespace, expr: str) -> None:
    assert not evaluate(expr, run).passed


@given(st.text(alphabet="jobdevice['\"]().=<>! andornotin_1\\\n", max_size=40))
def test_no_text_raises(expr: str) -> None:
    namespace = alone(DeviceView("v", 1, False, {}.get))
    if not check(expr, NAMES):
        evaluate(expr, namespace)


def test_what_was_not_measured_holds_no_limit(run: Namespace) -> None:
    for expr in (
        "job['both'].execution['dev-2'].seconds < 5",
        "device['dev-1'].sector_erases < 9",
        "seen['boot'].count < 9",
    ):
        result = evaluate(expr, run)
        assert not result.passed, expr
        assert result.detail


def test_sightings_count_the_kinds_that_are_asked_for_and_the_fullest_second() -> None:
    kinds = kinds_in(
        ["seen['boot'].count == 1", "seen[\"mqtt.connect\"].count > 2 and seen[ 'boot' ].most_per_second < 2"]
    )
    assert kinds == {"boot", "mqtt.connect"}
    seen = Sightings(kinds)
    trace = Trace(Clock())
    seen.listen(trace)
    for at_us in (0, 999_999, 1_000_000, 1_400_000, 1_999_999, 7_000_000):
        trace.take(at_us, "dev-1", "mqtt.connect", {})
        trace.take(at_us, "dev-1", "print", {})
    views = seen.views()
    assert (views["mqtt.connect"].count, views["mqtt.connect"].most_per_second) == (6, 3)
    assert (views["boot"].count, views["boot"].most_per_second) == (0, 0)
