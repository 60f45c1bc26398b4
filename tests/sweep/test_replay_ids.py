"""A cut has a name; the name is the cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import SpecError
from sim.flash.torn import Torn
from sim.sweep.result import Cut, CutKind, parse_cut

POINTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=2).map(tuple)
SUBJECTS = st.text("abz09_-./:", min_size=1, max_size=30)
DEVICES = st.text("abZ09_-", min_size=1, max_size=30)


@given(SUBJECTS, st.integers(0, 2**63), DEVICES, POINTS, st.data())
def test_a_name_leads_back_to_its_cut(subject, seed, device, points, data):
    shapes = tuple(data.draw(st.sampled_from(Torn)) for _ in points)
    cut = Cut(subject, seed, device, CutKind.FLASH, points, shapes)
    assert parse_cut(cut.name) == cut


def test_names_are_readable():
    assert Cut("first_upgrade", 1, "D", CutKind.MQTT, (7,)).name == "first_upgrade:1:D:mqtt:7:-"
    assert parse_cut("a:1:D:flash:7+8:none+prefix").shapes == (Torn.NONE, Torn.PREFIX)


@pytest.mark.parametrize(
    "name",
    ["", "x", "a:1:D:flash:7", "a:1:D:flash:7:-", "a:1:D:flash:7:gone", "a:1:D:mqtt:7:none", "a:one:D:flash:7:none",
     "a:1:D:flash:-7:none", "a:1:D:flash:1+2+3:none+none+none", "a:1:D:wind:7:-"],
)  # fmt: skip
def test_anything_else_is_refused(name):
    with pytest.raises(SpecError, match="is not a replay id"):
        parse_cut(name)
