"""The tables in short, as they stand in docs/aws-jobs.md. Run as a program it writes them there anew."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from answer_table import ANSWERS
from odd_table import ODD_INPUT
from tables import CODES, HTTPS, ORDERS, STATUSES, TERMINAL, TRANSITIONS, WHO_MAY
from told_table import CLOUD_ENDS, NOTIFICATIONS, Told

from sim.jobs.rules import JobRules

SHOWN_ELSEWHERE = {"counted": "test_timers", "schedule_minima": "test_schedule", "quotas": "test_control"}
"""Choices that no device can see, by the file whose tests set them either way."""
BEGIN, END = "<!-- tables: begin, written by tests/jobs/table_text.py -->\n", "<!-- tables: end -->\n"
DOCUMENT = Path(__file__).parents[2] / "docs" / "aws-jobs.md"


def text() -> str:
    """All of it, without the marks."""
    return "\n".join((_transitions(), _notifications(), _codes(), _choices(), _sizes()))


def renewed(document: str) -> str:
    """The document with the tables as they are now."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text()}\n{END}{after}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _head(*cells: str) -> str:
    return _row(*cells) + "|" + "---|" * len(cells) + "\n"


def _transitions() -> str:
    """Who may move an execution; all terminal statuses share one row."""
    shown = "Who may move an execution:\n\n" + _head("from, to", *STATUSES[1:])
    for old in STATUSES[:2]:
        shown += _row(old, *(", ".join(WHO_MAY[old].get(new, ("–",))) for new in STATUSES[1:]))
    assert not any(old in WHO_MAY for old in TERMINAL)
    return shown + _row("the other six", *("–" for _ in STATUSES[1:]))


def _notifications() -> str:
    """What is told, the cloud's ways of ending an execution in one row each."""
    shown = "What a device is told unasked:\n\n" + _head("event", "notify", "notify-next")
    ends = {name: [row for row in NOTIFICATIONS if row.name.endswith(f": {name}")] for name in CLOUD_ENDS}
    for row in NOTIFICATIONS:
        if not row.rules and not any(row in rows for rows in ends.values()):
            shown += _row(row.name, *_told(row))
    for name in ends:
        for started in ("queued", "started"):
            rows = {it.name: it for it in ends[name]}
            first, second = (_told(rows[f"{started}, number {number}: {name}"]) for number in (1, 2))
            only_first = "yes" if first[1] == second[1] == "yes" else "if it was first" if first[1] == "yes" else "no"
            shown += _row(f"{started} execution: {name}", first[0], only_first)
    return shown


def _told(row: Told) -> tuple[str, str]:
    kinds = [it.split()[0] for it in row.told]
    return tuple("yes" if kind in kinds else "no" for kind in ("notify", "notify-next"))  # type: ignore[return-value]


def _codes() -> str:
    shown = "What a refusal is called, and rows of the table that ask for it:\n\n"
    shown += _head("MQTT", "HTTPS", "status", "rows")
    for code in CODES:
        name, status = HTTPS.get(code, ("–", "–"))
        shown += _row(code, name, str(status), str(sum(row.code == code for row in ODD_INPUT)))
    return shown


def _choices() -> str:
    """The switches of JobRules that have two values."""
    shown = "Choices that Amazon leaves open; each makes a difference to a row, or to the tests named:\n\n"
    shown += _head("switch", "by default", "otherwise", "shown by")
    hints = get_type_hints(JobRules)
    for choice in fields(JobRules):
        values = (False, True) if hints[choice.name] is bool else get_args(hints[choice.name])
        others = [str(it) for it in values if it != choice.default]
        where = SHOWN_ELSEWHERE.get(choice.name, "rows")
        shown += _row(f"`{choice.name}`", str(choice.default), *others, where) if others else ""
    return shown


def _sizes() -> str:
    sizes = {
        "transitions": TRANSITIONS,
        "notifications": NOTIFICATIONS,
        "order": ORDERS,
        "answers": ANSWERS,
        "odd input": ODD_INPUT,
    }
    shown = "Rows, and how many of them have no form in REST:\n\n" + _head("table", "rows", "not in REST")
    for name, rows in sizes.items():
        shown += _row(name, str(len(rows)), str(sum(bool(getattr(row, "no_rest", "")) for row in rows)))
    return shown


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))
