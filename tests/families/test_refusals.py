"""What a family cannot do is refused: before a byte is fetched when the addresses tell, else before one is written."""

import pytest
from test_every_method import VERSIONS

from sim.device.catalogue import load_model
from sim.device.peek import installed_version
from sim.errors import SpecError
from sim.scenario.packages import firmware, recipe
from sim.update.methods import METHODS

FAMILIES = {
    "ecx00n_8m": "EC800NCNLA",
    "ecx00m": "EC800M",
    "ec200a": "EC200A",
    "ecx00u": "EG915U",
    "ecx00g": "EC800G",
    "ecx00e": "EC800E",
    "bg95": "BG95",
}


def versions(family):
    return VERSIONS[family].format(1), VERSIONS[family].format(2)


def has(model, method):
    return method in load_model(model).methods


def run_with(upgrade, model, family, asked):
    """A job whose document names these files; what stands in the bucket is the family's own package."""
    return upgrade(model, sorted(load_model(model).methods)[0], *versions(family), asked=asked)


@pytest.mark.parametrize(("family", "model"), [(f, m) for f, m in FAMILIES.items() if not has(m, "minimal")])
def test_a_pair_of_addresses_is_refused_before_a_byte_is_fetched(upgrade, family, model):
    done = run_with(upgrade, model, family, ["x.mini_1", "x.mini_2"]).run()
    assert done.status == "FAILED"
    assert done.kinds("http") == []
    details = done.kinds("execution")[-1]["details"]
    assert int(details["code"]) > 0
    assert "this family takes differential upgrades only" in details["reason"]
    assert installed_version(done.device) == versions(family)[0]


@pytest.mark.parametrize(("family", "model"), [(f, m) for f, m in FAMILIES.items() if has(m, "minimal")])
def test_a_single_address_is_refused_by_a_family_that_needs_two(upgrade, family, model):
    done = run_with(upgrade, model, family, ["FotaFile.bin"]).run()
    assert done.status == "FAILED"
    assert done.kinds("http") == []
    assert "this family takes minimal upgrades only" in done.kinds("execution")[-1]["details"]["reason"]
    assert installed_version(done.device) == versions(family)[0]


@pytest.mark.parametrize(("family", "model"), [(f, m) for f, m in FAMILIES.items() if has(m, "differential")])
def test_a_full_package_is_refused_by_its_header_before_anything_is_staged(upgrade, family, model):
    old, new = versions(family)
    spec = load_model(model)
    made = upgrade(model, "differential", old, new)
    roomy = METHODS["full"].make(None, firmware(spec, new), replace_staging(recipe(spec)))[0]
    name = made.world.scenario.cloud.buckets["firmware"]
    made.world.account.artifacts.put("firmware", next(iter(name)), roomy)
    ops = made.device.nor.ops
    done = made.run()
    assert done.status == "FAILED"
    assert done.device.nor.ops == ops, "not a flash operation was made"
    assert installed_version(done.device) == old


def replace_staging(made):
    from dataclasses import replace

    return replace(made, staging_bytes=64 * 1024 * 1024)


@pytest.mark.parametrize(("family", "model"), FAMILIES.items())
def test_a_scenario_with_a_method_the_family_has_not_is_refused_with_its_place(upgrade, family, model):
    old, new = versions(family)
    for method in ("full", "differential", "minimal"):
        if not has(model, method):
            names = ["x.mini_1", "x.mini_2"] if method == "minimal" else ["x.bin"]
            with pytest.raises(SpecError, match=rf"family.yaml:\d+:\d+: error: \w+ does not take {method} upgrades"):
                upgrade(model, method, old, new, names=names)


def test_an_address_longer_than_the_mini_system_takes_is_refused_at_once(upgrade):
    done = run_with(upgrade, "EC800NCNLA", "ecx00n_8m", ["x" * 100 + ".mini_1", "x" * 100 + ".mini_2"]).run()
    assert done.status == "FAILED"
    assert done.kinds("http") == []
    assert "characters" in done.kinds("execution")[-1]["details"]["reason"]
