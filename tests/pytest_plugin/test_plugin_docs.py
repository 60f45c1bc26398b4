"""docs/pytest.md: its tests pass, its failure fails in its words, its cell shows itself, and nothing is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from plugin_rig import STRICT

from sim.pytest_plugin import marks
from sim.rig.clock import VirtualClock
from sim.rig.cloud import Cloud
from sim.rig.device import Device
from sim.rig.files import Files
from sim.rig.flash import Flash
from sim.rig.fleet import Fleet
from sim.rig.job import Job
from sim.rig.packages import Packages
from sim.rig.power import Power

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")
FILES = {
    name: source
    for source in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for name in re.findall(r"^# (\S+)\n", source)[:1]
}
SCENARIO = re.search(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SHOWN = re.search(r"^```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def written(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with the page's files in it."""
    assert SCENARIO is not None
    (pytester.path / "quiet.ota.yaml").write_text(SCENARIO[1])
    for name, source in FILES.items():
        if name.endswith(".py"):
            path = pytester.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(source)
    return pytester


def test_its_tests_pass_and_the_one_that_fails_says_what_is_shown(written: pytest.Pytester) -> None:
    assert SHOWN is not None
    result = written.runpytest_inprocess(*STRICT, "--tb=short", "-v")
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], set(outcomes)) == (1, {"failed", "passed"})
    text = result.stdout.str()
    for line in _timeless(SHOWN[1]).splitlines():
        assert line in _timeless(text)
    assert text.count("test_file_is_old_or_new[EC200A-cut@") > 5
    assert text.count("quiet.ota.yaml::") == 6


def _timeless(text: str) -> str:
    """Without the very moment, which a better model may move."""
    return re.sub(r"\d+\.\d+s", "…s", text)


def test_the_readmes_test_passes_with_an_application_that_does_its_jobs(pytester: pytest.Pytester) -> None:
    block = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None
    pytester.makepyfile(test_of_the_readme="import pytest\n\n" + block[1])
    (pytester.path / "device").symlink_to(ROOT / "scenarios" / "apps" / "aws_ota")
    (pytester.path / "v2").symlink_to(ROOT / "scenarios" / "first_upgrade")
    outcomes = pytester.runpytest_inprocess(*STRICT, "--qpy-cuts=10").parseoutcomes()
    assert outcomes == {"passed": 10}


def test_its_cell_ends_in_what_a_notebook_shows() -> None:
    *lines, last = FILES["cell"].strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    shown = eval(last, names)
    assert set(shown._repr_mimebundle_()) == {"text/plain", "image/png", "text/html"}
    names["rig"].close()  # type: ignore[attr-defined]


def test_every_block_is_one_of_these() -> None:
    assert len(re.findall(r"^```\w", TEXT, re.MULTILINE)) == len(FILES) + 2


@pytest.mark.parametrize("kind", [Device, Power, Files, Flash, Cloud, Job, Fleet, Packages, VirtualClock])
def test_all_that_handles_can_do_is_told(kind: type) -> None:
    own = {name for name in vars(kind) if not name.startswith("_")} - {"close", "raise_defect", "bundle"}
    told = set(re.findall(r"`(\w+)[`(]", TEXT))
    assert own - told == set()


def test_marks_and_options_are_told() -> None:
    for line in marks.LINES:
        assert f"`{line.partition('(')[0]}(" in TEXT
    source = (ROOT / "sim" / "pytest_plugin" / "__init__.py").read_text()
    for option in re.findall(r'"(--qpy-\w+)"', source):
        assert f"`{option} " in TEXT


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
