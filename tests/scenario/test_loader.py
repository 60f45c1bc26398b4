"""Scenario files: every error at once, at its place, in words; never anything but SpecError."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import Problem, SpecError
from sim.scenario.loader import FILE_BYTES, find_scenario, load_scenario
from sim.shipped import scenarios_dir

GOOD = """\
version: 1
name: good
fleet:
  - name: dev
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
"""


def problems_of(folder: Path, text: str | bytes) -> list[Problem]:
    file = folder / "bad.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SpecError) as caught:
        load_scenario(file)
    return caught.value.problems


def only_problem(folder: Path, text: str | bytes) -> tuple[int, int, str]:
    (problem,) = problems_of(folder, text)
    return problem.line, problem.column, problem.message


def test_all_errors_are_found_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
version: 1
name: bad
seed: seven
duration: 30
fleet:
  - name: dev
    modle: EG915U
    firmware: 2.0
    count: 1
    count: 2
packages:
  v: {method: differential, to: EG915UEUABR03A21M08_OCPU_QPY}
jobs:
  - {jobId: j, at: 5, targets: [dve], document: '['}
expect:
  - job['j'].status = 'SUCCEEDED'
"""
    found = problems_of(tmp_path, text)
    assert [(p.line, p.column, p.path) for p in found] == [
        (3, 7, "seed"),
        (4, 11, "duration"),
        (6, 5, "fleet.0"),
        (7, 5, "fleet.0.modle"),
        (8, 15, "fleet.0.firmware"),
        (10, 5, "fleet.0.count"),
        (12, 6, "packages.v"),
        (14, 20, "jobs.0.at"),
        (14, 33, "jobs.0.targets.0"),
        (14, 49, "jobs.0.document"),
        (16, found[-1].column, "expect.0"),
    ]
    assert found[3].render() == (
        f"{tmp_path}/bad.yaml:7:5: error: unknown key 'modle'; did you mean 'model'?   [fleet.0.modle]\n"
        "     7 |     modle: EG915U\n"
        "       |     ^"
    )


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("sede: 3", (7, 1), "unknown key 'sede'; did you mean 'seed'?"),
        ("zzz: 3", (7, 1), "unknown key 'zzz'; there are version, name, description, "),
        ("duration: 30", (7, 11), "a duration needs a unit, e.g. 30s"),
        ("duration: 30 parsecs", (7, 11), "unknown unit 'parsecs'"),
        ("duration: 1:30", (7, 11), "'1:30' is not a duration"),
        ("duration:", (7, 1), "a value is missing here"),
        ("seed: seven", (7, 7), "this must be a whole number"),
        ("seed: 1.5", (7, 7), "this must be a whole number"),
        ("seed: " + "9" * 5000, (7, 7), "is not a number that can be read"),
        ("description: 1.0", (7, 14), "this must be text; put it in quotes"),
        ("name: second", (7, 1), "duplicate key 'name'; it is already on line 2"),
        ("jobs: none", (7, 7), "this must be a list"),
        ("cloud: [a]", (7, 8), "this must be a mapping of keys"),
        ("jobs: &j [*j]", (7, 7), "contains itself"),
        ("description: !!python/name:os.system x", (7, 14), "the tag"),
        ("[a, b]: c", (7, 1), "a key must be plain text"),
        ("description: a: b", (7, 15), "this is not YAML"),
        ("description: \x07", (7, 14), "this is not YAML"),
        ("\tseed: 1", (7, 1), "this is not YAML"),
        ("expect: [\"job['j'].status == 1\"]", (7, 15), "unknown job 'j'"),
        (
            "faults: [{power_cut: {device: dve, when: {at: 5s}}}]",
            (7, 31),
            "unknown device or group 'dve'; did you mean 'dev'?",
        ),
        ("faults: [{power_cut: {device: dev, when: {phse: apply}}}]", (7, 43), "did you mean 'phase'?"),
        ("cloud: {buckets: {box: {k: {fil: x}}}}", (7, 29), "did you mean 'file'?"),
        ("faults: [{url_expired: {bucket: b, key: k}}]", (7, 33), "unknown bucket 'b'; there is none"),
        (
            "jobs: [{jobId: j, targets: [dev], documentSource: 'https://buck.s3.us-west-2.amazonaws.com/k'}]",
            (7, 51),
            "unknown bucket 'buck'",
        ),
    ],
)
def test_each_mistake_is_told_at_its_place(tmp_path: Path, line: str, place: tuple[int, int], message: str) -> None:
    found = problems_of(tmp_path, GOOD + line + "\n")
    assert (found[0].line, found[0].column) == place
    assert message in found[0].message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("model: EG915U\n", "model: EG951U\n", "unknown model 'EG951U'; did you mean 'EG915U'?"),
        ("EG915UEUABR03A20M08_OCPU_QPY", "BG95", "'BG95' is not a firmware version of EG915U"),
        ("version: 1", "version: 2", "2 is not 1"),
        ("name: good", "name: Not Good", "is not a scenario name"),
        ("name: dev", "count: 1", "needs 'name' (one device) or 'group'"),
        ("    model: EG915U\n", "", "key 'model' is missing"),
        ("name: dev", "name: dev\n    script: nowhere", "there is no 'nowhere' beside the scenario"),
        ("name: dev", "name: dev\n    script: bad.yaml", "'bad.yaml' is not a folder"),
        ("name: dev", "name: dev\n    umqtt: 2012", "did you mean '2021'?"),
        ("fleet:\n", "fleet:\n  - {name: dev, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}\n", "taken"),
    ],
)
def test_mistakes_in_a_fleet(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    assert message in "\n".join(problem.message for problem in problems_of(tmp_path, GOOD.replace(old, new, 1)))


def test_a_package_leads_between_versions_of_known_models(tmp_path: Path) -> None:
    text = GOOD + "packages: {p: {from: EG915UEUABR03A20M08_OCPU_QPY, to: A21}}\n"
    assert only_problem(tmp_path, text) == (7, 56, "'A21' is not a firmware version of any model")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{text: '[1,'}", "k is not a job document: Expecting value"),
        ("{package: p}", "k is a firmware package, not a job document"),
        ("{package: q}", "unknown package 'q'; there are p"),
        ("{file: nowhere.json}", "there is no 'nowhere.json'"),
        ("{file: nowhere.json, text: x}", "there is no 'nowhere.json'"),
        ("{package: p, text: '[]'}", "give exactly one of package, file, text"),
    ],
)
def test_mistakes_between_a_job_and_its_bucket(tmp_path: Path, content: str, message: str) -> None:
    text = f"""{GOOD}
packages: {{p: {{method: full, to: EG915UEUABR03A21M08_OCPU_QPY}}}}
cloud: {{buckets: {{buck: {{k: {content}}}}}}}
jobs:
  - {{jobId: j, targets: [dev], documentSource: 'https://buck.s3.us-west-2.amazonaws.com/k'}}
"""
    assert message in "\n".join(problem.message for problem in problems_of(tmp_path, text))


def test_a_flaw_inside_an_expect_is_pointed_at(tmp_path: Path) -> None:
    text = GOOD + "expect:\n  - \"device['dev'].boots == 1 and device['dve'].boots == 1\"\n"
    line, column, message = only_problem(tmp_path, text)
    assert (line, text.split("\n")[7][column - 1 :][:5]) == (8, "'dve'")
    assert message == "unknown device 'dve'; did you mean 'dev'?"


@pytest.mark.parametrize("text", ["", "- a", "just text", "[", "a: b\n---\nc: d", "[" * 5000, "\ufeff", "&a *a"])
def test_what_is_no_scenario_at_all_is_one_problem(tmp_path: Path, text: str) -> None:
    line, column, _ = only_problem(tmp_path, text)
    assert line >= 1
    assert column >= 1


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert only_problem(tmp_path, b"name: a\nname: \xff\n")[:2] == (2, 1)
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * (FILE_BYTES + 1))
    for path in (big, tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SpecError):
            load_scenario(path)


def test_a_small_file_cannot_become_a_huge_one(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "too large" in only_problem(tmp_path, "\n".join(lines))[2]


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD.replace("name: dev", "name: on") + "description: yes\nseed: 0x10\n")
    scenario = load_scenario(file)
    assert (scenario.fleet[0].name, scenario.description, scenario.seed) == ("on", "yes", 16)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    text = "\ufeff" + (GOOD + "sede: 1\n").replace("\n", "\r\n")
    (problem,) = problems_of(tmp_path, text)
    assert (problem.line, problem.column, problem.text) == (7, 1, "sede: 1")


@pytest.mark.parametrize("file", sorted(scenarios_dir().glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_scenario_is_sound_and_named_like_its_file(file: Path) -> None:
    assert load_scenario(file).name == file.stem


def test_a_bare_name_finds_a_shipped_scenario_and_a_path_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_scenario("first_upgrade") == scenarios_dir() / "first_upgrade.yaml"
    Path("first_upgrade").write_text("mine")
    assert find_scenario("first_upgrade") == Path("first_upgrade")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("frist_upgrade", "did you mean 'first_upgrade'?"),
        ("nowhere/first_upgrad.yaml", "did you mean 'first_upgrade'?"),
        (".", "is a folder"),
        ("a" * 5000, "there is no scenario"),
        ("\0", "there is no scenario"),
    ],
)
def test_a_name_that_finds_nothing_is_told_what_there_is(name: str, message: str) -> None:
    with pytest.raises(SpecError, match="scenario") as caught:
        find_scenario(name)
    assert message in str(caught.value)


_WRONG = ["jobs: [{jobId: j}]", "cloud: {buckets: {b: {k: {text: '{'}}}}", "faults: [{power_cut: 5}]"]
_LINES = [*GOOD.splitlines(), *_WRONG]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(_LINES), st.text(alphabet=" -:[]{}&*!#'\"x1\n\t", max_size=12)), max_size=10))
def test_whatever_the_text_nothing_but_a_spec_error_comes_out(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    with suppress(SpecError):
        load_scenario(file)
