"""Each invalid file says what is wrong with it, all of it, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from invalid_files import INVALID

from sim.errors import SpecError
from sim.scenario.loader import load_scenario


@pytest.mark.parametrize("name", INVALID)
def test_everything_that_is_wrong_is_said_at_its_place(tmp_path: Path, name: str) -> None:
    text, said = INVALID[name]
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_scenario(file)
    problems = caught.value.problems
    assert [(problem.line, problem.column) for problem in problems] == [(line, column) for line, column, _ in said]
    for problem, (_, _, message) in zip(problems, said, strict=True):
        expected = message.replace("{folder}", str(tmp_path))
        begins = expected.endswith("…") and problem.message.startswith(expected[:-1])
        assert begins or problem.message == expected


def test_there_are_enough_of_them() -> None:
    assert len(INVALID) >= 60
