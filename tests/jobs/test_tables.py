"""Every row of the tables on every stage where it can exist: the core, MQTT on sockets, REST with boto3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from answer_table import ANSWERS, Answered
from odd_table import ODD_INPUT, Odd
from stages import Core, Stage, attempt, refusal
from table_text import DOCUMENT, SHOWN_ELSEWHERE, renewed
from tables import (
    CODES,
    HTTPS,
    ORDERS,
    REACHED,
    TRANSITIONS,
    WATCHED_JOB,
    Order,
    Transition,
)
from told_table import NOTIFICATIONS, Told
from wire_stages import Mqtt, Rest

from sim.jobs.rules import JobRules

STAGES = {"core": Core, "MQTT": Mqtt, "REST": Rest}


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, Stage]]:
    """One of each kind for all rows."""
    with ExitStack() as close:
        found = {kind: make() for kind, make in STAGES.items()}
        for stage in found.values():
            close.callback(stage.close)
        yield found


@pytest.fixture
def stage(stages: dict[str, Stage], kind: str, row: Any) -> Stage:
    """The stage a row is played on, as new."""
    stage = stages[kind]
    stage.renew(JobRules(schedule_minima="relaxed", **getattr(row, "rules", {})))
    return stage


def played(table: Sequence[Any]) -> list[tuple[str, Any]]:
    """Stages and rows that go together; a row that cannot exist on a stage says why."""
    return [(kind, row) for kind in STAGES for row in table if not (kind == "REST" and getattr(row, "no_rest", ""))]


def every_row(table: Sequence[Any]) -> Any:
    found = [pytest.param(kind, row, id=f"{kind}: {row.name}") for kind, row in played(table)]
    return pytest.mark.parametrize(("kind", "row"), found)


@every_row(TRANSITIONS)
def test_transition(stage: Stage, row: Transition) -> None:
    stage.play(*WATCHED_JOB, *REACHED[row.old])
    old, version = stage.state("j")
    assert old == row.old
    stage.heard()
    refused = refusal(lambda: stage.play(row.means.step))
    assert refused == (stage.word(row.refusal) if row.refusal in HTTPS else row.refusal)
    assert stage.state("j") == (row.new, version + row.growth)
    if refused:
        assert stage.told() == ()


@every_row(NOTIFICATIONS)
def test_notification(stage: Stage, row: Told) -> None:
    stage.play(*row.given)
    stage.heard()
    refusal(lambda: stage.play(row.when))
    assert stage.told() == row.told


@every_row(ORDERS)
def test_order(stage: Stage, row: Order) -> None:
    stage.play(*row.given)
    lists = stage.ask("get").body
    shown = [" ".join(attempt(it) for it in lists[name]) for name in ("inProgressJobs", "queuedJobs")]
    assert shown == [row.started, row.queued]
    expected = f"{row.started} {row.queued}".split()[:1]
    for tail in ("$next/get", "start-next"):
        found = stage.ask(tail).body
        assert [attempt(it) for name, it in found.items() if name == "execution"] == expected


@every_row(ANSWERS)
def test_answer(stage: Stage, row: Answered) -> None:
    stage.play(*row.given)
    answer = stage.send("t", row.tail, row.body)
    assert (answer.code, answer.body) == ("", stage.form(row.answer, "t"))


@every_row(ODD_INPUT)
def test_odd_input(stage: Stage, row: Odd) -> None:
    stage.play(*row.given)
    stage.heard()
    before = records(stage)
    answer = stage.send(row.thing, row.tail, row.body)
    assert answer.code == stage.word(row.code)
    assert row.message in answer.body["message"]
    if stage.kind == "REST":
        assert answer.status == HTTPS[row.code][1]
    else:
        token = row.body.get("clientToken") if isinstance(row.body, dict) else None
        optional = {"clientToken": token, "executionState": row.state}
        extra = {
            name: value
            for name, value in optional.items()
            if value and (name != "clientToken" or isinstance(value, str))
        }
        if row.code == "InvalidTopic":  # refused before its body is read
            extra.pop("clientToken")
        assert answer.body == {"code": row.code, "message": answer.body["message"], **extra}
    assert stage.told() == ()
    assert records(stage) == before


def records(stage: Stage) -> Any:
    """What an operator sees of t's execution of j, or that there is none."""
    found: list[Any] = []
    refused = refusal(lambda: found.append(stage.operator.describe_execution("t", "j")))
    return refused or [{name: it for name, it in shown.items() if name != "ResponseMetadata"} for shown in found]


def test_no_row_is_skipped_in_silence() -> None:
    """How many rows there are, and how many of them have no form in REST, for the reason that each one gives."""
    tables = (TRANSITIONS, NOTIFICATIONS, ORDERS, ANSWERS, ODD_INPUT)
    assert [len(table) for table in tables] == [136, 87, 12, 61, 197]
    assert [3 * len(table) - len(played(table)) for table in tables] == [0, 0, 0, 7, 39]
    for table in tables:
        assert len({row.name for row in table}) == len(table)


def test_every_code_has_a_row() -> None:
    assert {row.code for row in ODD_INPUT} == {*CODES} - {"InternalError"}


def question(row: Any) -> str:
    """All of a row but its rules and its outcome."""
    return repr((row.given, row.when if isinstance(row, Told) else (row.tail, row.body, getattr(row, "thing", "t"))))


def outcome(row: Any) -> str:
    return repr(row.told if isinstance(row, Told) else row.code if isinstance(row, Odd) else row.answer)


@pytest.mark.parametrize("name", [it.name for it in fields(JobRules) if it.name not in SHOWN_ELSEWHERE])
def test_each_choice_makes_a_difference_to_one_question(name: str) -> None:
    default = getattr(JobRules(), name)
    rows = [*NOTIFICATIONS, *ANSWERS, *ODD_INPUT]
    usual = {question(row): outcome(row) for row in rows if row.rules.get(name, default) == default}
    others = [row for row in rows if row.rules.get(name, default) != default]
    assert any(usual.get(question(row), outcome(row)) != outcome(row) for row in others)


@pytest.mark.parametrize(("name", "where"), SHOWN_ELSEWHERE.items())
def test_other_choices_are_set_where_it_is_said(name: str, where: str) -> None:
    assert f"{name}=" in (Path(__file__).parent / f"{where}.py").read_text()


def test_the_document_shows_the_tables_as_they_are() -> None:
    shown = DOCUMENT.read_text()
    assert renewed(shown) == shown, "run: python tests/jobs/table_text.py"
