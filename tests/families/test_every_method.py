"""Every family upgrades by every method that it has, to the byte, with as many restarts as the vendor says."""

import pytest

from sim.device.catalogue import known_models, load_model
from sim.device.peek import installed_version
from sim.scenario.packages import firmware

REBOOTS = {"full": 2, "differential": 2, "minimal": 4}
"""Quectel LTE Standard(A) DFOTA user guide: two restarts, or about four through the mini system."""

VERSIONS = {
    "ecx00n": "EC600NCNLCR01A{:02}M16_OCPU_QPY",
    "ecx00n_8m": "EC800NCNLAR01A{:02}M08_OCPU_QPY",
    "ecx00m": "EC800MCNLAR01A{:02}M08_OCPU_QPY",
    "ecx00m_4m": "EC800MCNLFR01A{:02}M04_OCPU_QPY",
    "ec200a": "EC200ACNHAR01A{:02}M16_OCPU_QPY",
    "ecx00u": "EG915UEUABR03A{:02}M08_OCPU_QPY",
    "ecx00g": "EC800GCNLAR01A{:02}M08_OCPU_QPY",
    "ecx00e": "EC800ECNLCR01A{:02}M04_OCPU_QPY",
    "bg95": "BG95M3LAR02A{:02}_OCPU_QPY",
}


def cases():
    """(family, a variant of it, method), one for each method of each family."""
    seen = {}
    for row in known_models():
        pattern = VERSIONS.get(row.family)
        if pattern is not None and load_model(row.variant).owns_version(pattern.format(1)):
            seen.setdefault(row.family, row.variant)
    return [(family, seen[family], method) for family in seen for method in sorted(load_model(seen[family]).methods)]


def test_no_family_is_left_out():
    assert {family for family, _, _ in cases()} == {row.family for row in known_models()}


@pytest.mark.parametrize("program", ["agent", "demo"])
@pytest.mark.parametrize(("family", "model", "method"), cases(), ids=lambda value: str(value))
def test_an_upgrade_by_job_ends_with_the_target_image_byte_for_byte(upgrade, family, model, method, program):
    old, new = VERSIONS[family].format(1), VERSIONS[family].format(2)
    done = upgrade(model, method, old, new, program).run()
    assert done.status == "SUCCEEDED"
    assert installed_version(done.device) == new
    for partition, image in firmware(done.device.model, new).images.items():
        assert done.device.layout.firmware[partition].image(0, len(image)) == image
    assert done.device.version == new
    assert done.reboots == REBOOTS[method]
