"""Lab files: what is wrong with one is told with its place, all of it at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from learn_rig import lab, replaced

from sim.errors import SpecError
from sim.learn.library import find_lab, load_lab
from sim.learn.schema import lab_schema
from sim.scenario.document import Document


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of a lab that a teacher begins with."""
    return Path(shutil.copytree(lab("sector").folder, tmp_path / "own"))


LIMIT = "expect: device['logger'].sector_erases < 40"


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("minutes: 20", "minutes: soon", "minutes: soon", "this must be"),
        ("minutes: 20", "minuets: 20", "minuets: 20", "unknown key 'minuets'; did you mean 'minutes'?"),
        ("[app/]", "[apps/]", "files: [apps/]", "the starter has no 'apps/'"),
        ("files: [app/]", "keys: [fleet.7.count]", "keys: [fleet", "fleet is a list of 2, counted from 0"),
        ("[app/]", "[../secret]", "files: [../", "is not a path"),
        ("[app/]", "[]", "files: []", "a lab leaves something to do"),
        ("answer: device['logger']", "answer: device['loger']", "answer: device['loger']", "unknown device 'loger'"),
        ("name: worst", "name: erases", "name: erases", "the name 'erases' is already taken"),
        (LIMIT, "expect: device['logger'].erased < 40", "expect: device['logger'].erased", "nothing has 'erased'"),
        (LIMIT, "metric: flash_op\n    limit: count < 9", "metric: flash_op", "unknown metric"),
        (LIMIT, "metric: flash_ops\n    limit: cuont < 9", "limit: cuont", "has no 'cuont'"),
        (LIMIT, "metric: flash_ops", "- say: logger erases", "a 'metric' has a 'limit'"),
    ],
)
def test_a_mistake_is_told_with_its_place(own: Path, old: str, new: str, line: str, told: str) -> None:
    replaced(own / "lab.yaml", old, new)
    with pytest.raises(SpecError) as refused:
        load_lab(own)
    found = [(problem.text, problem.message) for problem in refused.value.problems]
    assert any(line in text and told in message for text, message in found), found


def test_all_mistakes_are_told_at_once(own: Path) -> None:
    replaced(own / "lab.yaml", "minutes: 20", "minutes: 0")
    replaced(own / "lab.yaml", "hints:", "hint:")
    with pytest.raises(SpecError) as refused:
        load_lab(own)
    assert len(refused.value.problems) == 2


def test_a_lab_needs_its_text_and_a_starter_that_loads(own: Path) -> None:
    replaced(own / "starter" / "scenario.yaml", "model: EG915U", "model: EG915X")
    with pytest.raises(SpecError, match="unknown model 'EG915X'"):
        load_lab(own)
    (own / "text.md").unlink()
    with pytest.raises(SpecError, match=r"text\.md"):
        load_lab(own)


def test_a_lab_is_found_by_name_folder_or_file(own: Path) -> None:
    assert find_lab("sector").name == "sector"
    assert find_lab(str(own)).name == "own"
    assert find_lab(str(own / "lab.yaml")).folder == own
    for wrong in ("sectr", "", "\0", str(own / "starter")):
        with pytest.raises(SpecError, match="labs that ship with qpyota"):
            find_lab(wrong)


def test_every_lab_fits_the_schema_for_editors() -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(lab_schema())
    for name in ("sector", "three_methods", "backoff"):
        text = (lab(name).folder / "lab.yaml").read_text(encoding="utf-8")
        assert [error.message for error in validator.iter_errors(Document("lab.yaml", text).read())] == []
    assert list(validator.iter_errors({"version": 1}))
