"""Power cuts of a whole device, its script and the cloud: every boot phase and link message, and a sample of flash."""

from __future__ import annotations

import json

import pytest
import yaml

from sim.errors import SpecError
from sim.scenario.loader import find_scenario, load_scenario
from sim.sweep.device import clean_run, try_cut
from sim.sweep.document import DEVICE_SCENARIO, JSON, row_of
from sim.sweep.result import CutKind, Verdict, parse_cut
from sim.sweep.whole import Order, replay_device, sweep_device

SCENARIO = load_scenario(find_scenario(DEVICE_SCENARIO))
DEVICE = SCENARIO.fleet[0].devices()[0]

LIAR = """\
import utime
from usr.upgrade import Upgrade


class Liar(Upgrade):
    def _firmware(self, files):
        self._close("SUCCEEDED", {})
        utime.sleep(1)
        Upgrade._firmware(self, files)
"""


def order(kind, **values):
    return Order(str(SCENARIO.source), SCENARIO.seed, DEVICE, kind, **values)


@pytest.fixture(scope="module")
def committed():
    return {row["method"]: row for row in json.loads(JSON.read_text())["devices"]}


@pytest.mark.parametrize("kind", [CutKind.BOOT, CutKind.MQTT, CutKind.HTTP])
def test_power_may_go_at_every_boot_phase_and_link_message(kind, committed):
    result = sweep_device(order(kind), jobs=2)
    assert result.failures == []
    assert result.passed
    assert row_of(result) == committed[f"every:{kind}"], "run python -m sim.sweep.document --sweep"


def test_power_may_go_at_any_flash_operation(committed):
    result = sweep_device(order(CutKind.FLASH, sample=1500), jobs=2)
    assert result.failures == []
    assert (result.cuts, result.counts[Verdict.RECOVERED]) == (1500, 1500)
    assert result.repeated > 0
    row = committed["every:flash"]
    assert (row["ops"], row["cuts"]) == (result.ops, result.possible), "run python -m sim.sweep.document --sweep"


def test_the_number_of_processes_changes_nothing():
    one, two = (sweep_device(order(CutKind.FLASH, sample=300), jobs) for jobs in (1, 2))
    assert {**one.to_json(), "seconds": 0} == {**two.to_json(), "seconds": 0}


def test_power_may_go_twice():
    result = sweep_device(order(CutKind.FLASH, depth=2, sample=150), jobs=2)
    assert result.failures == []
    assert 150 < result.cuts < result.possible


def test_a_torn_sector_that_was_overwritten_unread_speaks_for_all_shapes():
    clean = clean_run(SCENARIO, SCENARIO.seed, DEVICE)
    shapes = ("none", "prefix", "suffix", "random", "complete")
    trials = {}
    for point in (0, 30, clean.points[CutKind.FLASH] - 1):
        cuts = [parse_cut(f"{SCENARIO.name}:1:{DEVICE}:flash:{point}:{shape}") for shape in shapes]
        trials[point] = [try_cut(SCENARIO, clean, cut) for cut in cuts]
        if trials[point][0].blind:
            assert len({(trial.judgement, trial.ops_after) for trial in trials[point]}) == 1
    assert {found[0].blind for found in trials.values()} == {True, False}


@pytest.fixture(scope="module")
def liar(tmp_path_factory):
    """The shipped scenario with an application that reports success before the upgrade is applied."""
    folder = tmp_path_factory.mktemp("liar")
    base = SCENARIO.source.parent
    script = folder / "device"
    script.mkdir()
    for file in sorted((base / "apps" / "aws_ota").iterdir()):
        if file.is_file():
            text = file.read_text()
            script.joinpath(file.name).write_text(text.replace("Upgrade(", "Liar(") if file.name == "main.py" else text)
    main = (script / "main.py").read_text()
    (script / "liar.py").write_text(LIAR)
    (script / "main.py").write_text(f"from usr.liar import Liar\n{main}")
    text = (
        SCENARIO.source.read_text().replace("apps/aws_ota ", "./device ").replace("name: first_upgrade", "name: liar")
    )
    text = text.replace("first_upgrade/", f"{base}/first_upgrade/")
    (folder / "liar.yaml").write_text(text)
    return load_scenario(folder / "liar.yaml")


def test_a_cloud_that_was_told_too_early_is_found_out_and_can_be_replayed(liar):
    clean = clean_run(liar, 1, DEVICE)
    assert set(clean.approved.statuses.values()) == {"SUCCEEDED"}
    result = sweep_device(Order(str(liar.source), 1, DEVICE, CutKind.MQTT))
    untrue = [failure for failure in result.failures if failure.verdict is Verdict.UNTRUE]
    assert untrue
    assert "is SUCCEEDED, but what it brings is not there" in untrue[0].detail
    cut = parse_cut(untrue[0].replay)
    assert cut.subject == str(liar.source)
    again = replay_device(liar, cut)
    assert (again.verdict, again.detail) == (untrue[0].verdict, untrue[0].detail)


def test_what_is_not_there_cannot_be_cut():
    with pytest.raises(SpecError, match="has no device 'nobody'; it has"):
        replay_device(SCENARIO, parse_cut("first_upgrade:1:nobody:flash:1:none"))
    with pytest.raises(SpecError, match="ends before power goes"):
        replay_device(SCENARIO, parse_cut(f"first_upgrade:1:{DEVICE}:http:999:-"))


def test_a_scenario_with_power_cuts_of_its_own_is_not_swept():
    text = SCENARIO.source.read_text()
    fault = {"power_cut": {"device": DEVICE, "when": {"at": "1s"}}}
    assert "faults" not in text
    with_cut = type(SCENARIO).model_validate(
        {**yaml.safe_load(text), "faults": [fault]}, context={"source": SCENARIO.source}
    )
    with pytest.raises(SpecError, match="has power cuts of its own"):
        clean_run(with_cut, 1, DEVICE)
