"""What may be written under `thresholds` and `report`, and how a mistake is told: with its line and column."""

import pytest

from sim.errors import SpecError
from sim.scenario.loader import load_scenario
from sim.scenario.metrics import METRICS
from sim.scenario.thresholds import Condition, Selector, parse_condition, parse_selector

HEAD = """version: 1
name: t
fleet:
  - {group: g, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled}
"""


def problem(tmp_path, text):
    source = tmp_path / "t.yaml"
    source.write_text(HEAD + text)
    with pytest.raises(SpecError) as raised:
        load_scenario(source)
    assert len(raised.value.problems) == 1, raised.value
    found = raised.value.problems[0]
    return found.line, found.column, found.message


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("thresholds: {ota_duratoin: ['max < 1m']}", (5, 14), "unknown metric 'ota_duratoin'; did you mean 'ota_d"),
        ("thresholds: {'ota_duration{jop:x}': ['max < 1m']}", (5, 28), "ota_duration has no tag 'jop'"),
        ("thresholds: {'faults{kind:}': ['count == 0']}", (5, 22), "needs a value"),
        ("thresholds: {'faults{kind:a,kind:b}': ['count == 0']}", (5, 29), "is already given"),
        ("thresholds: {'ota_duration{': ['max < 1m']}", (5, 14), "is not a metric"),
        ("thresholds: {'ota_duration{model:BG95}': ['max < 1m']}", (5, 34), "unknown model 'BG95'"),
        ("thresholds: {ota_duration: ['max < 1']}", (5, 36), "a duration needs a unit"),
        ("thresholds: {ota_duration: ['p(101) < 1m']}", (5, 29), "is not a percentile"),
        ("thresholds: {ota_duration: ['p(N) < 1m']}", (5, 29), "is not a percentile"),
        ("thresholds: {ota_duration: ['rate < 1m']}", (5, 29), "this metric has no 'rate'"),
        ("thresholds: {ota_duration: ['max = 1m']}", (5, 29), "is not a threshold, e.g. p(95) < 6m"),
        ("thresholds: {job_succeeded: ['rate > 0.98']}", (5, 38), "a share needs a unit"),
        ("thresholds: {job_succeeded: ['rate > 198%']}", (5, 38), "at most 100%"),
        ("thresholds: {devices_bricked: ['count == none']}", (5, 42), "is not a whole number"),
        ("thresholds: {devices_bricked: ['__import__(\"os\")']}", (5, 32), "is not a threshold"),
        ("thresholds: {devices_bricked: []}", (5, 31), "must not be empty"),
        ("thresholds: {devices_bricked: [{expr: count == 0, abortOnFial: true}]}", (5, 51), "did you mean 'abort"),
        ("thresholds: {devices_bricked: [{expr: count = 0}]}", (5, 39), "is not a threshold"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_their_place(tmp_path, text, place, message):
    line, column, found = problem(tmp_path, text + "\n")
    assert ((line, column), message in found) == (place, True), (line, column, found)


def test_what_is_right_is_parsed():
    assert parse_selector("ota_duration{job:w,network:cat1}") == Selector(
        "ota_duration", (("job", "w"), ("network", "cat1"))
    )
    assert parse_condition(" p(99.9) <= 1.5m ", METRICS["ota_duration"]) == Condition(
        "p(99.9) <= 1.5m", "p(N)", "<=", 90_000_000, pytest.approx(0.999)
    )
    assert parse_condition("count < 3MiB", METRICS["http_download_bytes"]).limit == 3 * 1024**2
    assert parse_condition("rate>98%", METRICS["job_succeeded"]).holds(0.981)
