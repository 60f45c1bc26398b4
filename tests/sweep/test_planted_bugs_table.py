"""The sweep can fail: classic mistakes, planted on purpose, are found by it, and the table says by how many cuts."""

from __future__ import annotations

import json

import pytest
from planted import BUGS, JSON, sweep, table

from sim.sweep.result import Verdict

FOUND = [bug for bug in BUGS if not bug.why_not]


def test_there_are_enough_of_them():
    assert len(FOUND) >= 12
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("bug", [b for b in FOUND if b.depth == 1][::4], ids=lambda bug: bug.name)
def test_shortcuts_and_classes_do_not_change_what_is_found(bug):
    """The slow way agrees about a bug, cut by cut: with it, most cuts end badly in more than one manner."""
    quick, plain = sweep(bug), sweep(bug, quick=False)
    assert quick.counts == plain.counts
    assert [f.replay for f in quick.failures] == [f.replay for f in plain.failures]


def test_every_bug_is_caught_or_named_and_the_committed_table_says_so(capsys):
    rows = table()
    with capsys.disabled():
        print()
        for row in rows:
            print(
                f"  {row['bug']:52} {row['cuts'] - row['recovered']:6} of {row['cuts']:6} cuts at depth {row['depth']}"
            )
    last = {row["bug"]: row for row in rows}  # the deepest sweep of each
    caught = {name for name, row in last.items() if row["recovered"] < row["cuts"]}
    assert caught == {bug.name for bug in FOUND}
    assert all(last[bug.name]["why_not"] for bug in BUGS if bug not in FOUND)
    single = {row["bug"] for row in rows if row["depth"] == 1 and row["recovered"] < row["cuts"]}
    assert caught - single == {bug.name for bug in FOUND if bug.depth == 2}
    assert json.loads(JSON.read_text())["planted_bugs"] == rows, "run tests/sweep/planted.py --write"
    assert {v for row in rows for v in Verdict if row.get(v.value)} >= {Verdict.LOST, Verdict.BRICKED, Verdict.MIXED}
