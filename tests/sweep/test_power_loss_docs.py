"""The generated documents say what the code says now."""

from __future__ import annotations

import json

import pytest

from sim.boot.decision import RULES, TABLE
from sim.sweep import document
from sim.sweep.document import BOOT_DECISION, JSON, POWER_LOSS, boot_decision, power_loss


def test_the_boot_decision_is_drawn_from_its_tables():
    assert BOOT_DECISION.read_text() == boot_decision(), "run python -m sim.sweep.document"


def test_a_changed_rule_makes_the_drawing_stale(monkeypatch):
    monkeypatch.setattr(document, "RULES", RULES[1:])
    assert BOOT_DECISION.read_text() != boot_decision()


def test_the_drawn_lines_are_the_whole_table():
    lines = [line for line in boot_decision().splitlines() if line.startswith("| ") and line.count("|") == 6]
    assert len(lines) == 1 + len(RULES)
    assert len(TABLE) == sum(len(p) * len(r) * len(k) * len(m) for p, r, k, m, _ in RULES)


def test_the_power_loss_document_is_made_from_its_figures():
    assert POWER_LOSS.read_text() == power_loss(json.loads(JSON.read_text())), "run python -m sim.sweep.document"


def test_what_cannot_recover_is_listed_by_name_with_its_count_and_reason():
    content = json.loads(JSON.read_text())
    content["flows"][0] |= {"recovered": content["flows"][0]["cuts"] - 3, "lost": 3, "cannot_recover": ["lost: why"]}
    assert f"- {content['flows'][0]['flow']}: 3 cuts. lost: why" in power_loss(content)


@pytest.mark.parametrize("text", ["bricked", "mini system is the approved image"])
def test_the_questions_are_told(text):
    assert text in POWER_LOSS.read_text()
