"""Which method a device takes for which addresses, how packages are made for a family, and how failures are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.boot.bootloader import STAGED_KINDS
from sim.device.catalogue import known_models, load_model
from sim.errors import PackageError
from sim.pack.codes import PackageCode
from sim.pack.container import Kind, parse
from sim.scenario.packages import firmware, recipe
from sim.update import download
from sim.update.failures import N_SERIES, n_series_code
from sim.update.methods import METHODS, Differential, Full, Minimal, choose, staged_kinds
from sim.update.site import UpdateFailed

PAIR = ["http://host/a.mini_1", "http://host/a.mini_2"]


class Family:
    """As much of a device as choosing a method looks at."""

    def __init__(self, *methods: str, limit: int | None = None) -> None:
        self.methods = dict.fromkeys(methods, limit)


def refusal(family: Family, urls: list[str]) -> UpdateFailed:
    with pytest.raises(UpdateFailed) as refused:
        choose(family, urls)
    return refused.value


@pytest.mark.parametrize("name", sorted({row.family: row.variant for row in known_models()}.values()))
def test_every_family_takes_what_its_row_says_and_refuses_the_rest(name):
    methods = load_model(name).methods
    family = Family(*methods)
    one, two = {"full", "differential"} & methods, {"minimal"} & methods
    for allowed, urls in ((one, ["http://host/a.pack"]), (two, PAIR)):
        if allowed:
            assert choose(family, urls).name in allowed
        else:
            told = refusal(family, urls)
            assert told.code in (download.HTTP_URL, download.HTTP_NO_URL)
            assert all(method in told.reason for method in methods)


def test_one_address_is_too_few_for_a_minimal_upgrade_and_two_too_many_for_the_others():
    assert refusal(Family("minimal"), PAIR[:1]).code == download.HTTP_NO_URL
    assert refusal(Family("differential"), PAIR).code == download.HTTP_URL
    assert refusal(Family("full", "differential", "minimal"), []).code == download.HTTP_NO_URL


@pytest.mark.parametrize(("length", "fits"), [(128, True), (129, False)])
def test_the_longest_address(length, fits):
    url = "http://host/".ljust(length, "x")
    family = Family("differential", limit=128)
    if fits:
        assert choose(family, [url]).name == "differential"
    else:
        told = refusal(family, [url])
        assert told.code == download.HTTP_URL
        assert "129 characters" in told.reason


def test_a_query_does_not_belong_to_a_name():
    urls = [url + "?X-Amz-Expires=3600&file=other" for url in PAIR]
    assert choose(Family("minimal"), urls).name == "minimal"


def test_what_is_staged_follows_from_the_methods():
    assert staged_kinds(Family("full", "differential")) == STAGED_KINDS
    assert staged_kinds(Family("differential", "minimal")) == Differential.kinds
    assert staged_kinds(Family("minimal")) == frozenset()
    assert frozenset().union(*(method.kinds for method in METHODS.values())) == STAGED_KINDS | {Kind.MINI_SYSTEM}


def test_there_are_three_methods_of_at_most_six_functions():
    assert list(METHODS) == ["full", "differential", "minimal"]
    for method in (Full, Differential, Minimal):
        assert sum(callable(value) and not name.startswith("__") for name, value in vars(method).items()) <= 6


# -- making packages for a family


def sides(name: str):
    model = load_model(name)
    old, new = (firmware(model, f"{name}R01A0{n}") for n in (1, 2))
    return old, new, recipe(model)


def test_a_block_that_scratch_cannot_hold_says_by_how_much():
    old, new, made = sides("EC800NCNLA")
    tight = replace(made, block_sectors=16, scratch_bytes=60_000)
    for name in ("differential", "minimal"):
        with pytest.raises(PackageError, match="by 5536 B") as refused:
            METHODS[name].make(old, new, tight)
        assert refused.value.code == PackageCode.NO_SPACE


def test_only_a_full_package_can_do_without_a_base():
    _, new, made = sides("EC800NCNLA")
    for name in ("differential", "minimal"):
        with pytest.raises(PackageError, match="run now"):
            METHODS[name].make(None, new, made)


def test_a_first_half_that_cannot_be_staged_says_by_how_much_and_the_second_may_have_any_size():
    old, new, made = sides("EC800NCNLA")
    first, second = METHODS["minimal"].make(old, new, made)
    assert len(second) > made.staging_bytes > len(first)
    with pytest.raises(PackageError, match="by 1 B"):
        METHODS["minimal"].make(old, new, replace(made, staging_bytes=len(first) - 1))
    assert parse(first).identity.partner_sha256 == parse(second).outline_sha256
    assert [target.partition for target in parse(first).head.targets] == [made.mini]
    assert made.mini not in [target.partition for target in parse(second).head.targets]


# -- telling failures


@pytest.mark.parametrize(
    ("failure", "number"),
    [
        (UpdateFailed(download.HTTP_DNS, ""), 1001),
        (UpdateFailed(download.HTTP_CONNECT, ""), 1004),
        (UpdateFailed(download.HTTP_RESPONSE, "", 403), 1005),
        (UpdateFailed(download.HTTP_RESPONSE, "", 404), 1006),
        (UpdateFailed(download.HTTP_RESPONSE, "", 500), 1008),
        (UpdateFailed(PackageCode.CORRUPT, ""), 1009),
        (UpdateFailed(PackageCode.VERSION_MISMATCH, ""), 1009),
        (UpdateFailed(PackageCode.NO_SPACE, ""), 1013),
        (UpdateFailed(download.HTTP_URL, ""), 1014),
        (UpdateFailed(799, ""), 1010),
    ],
)
def test_a_callback_of_the_n_series_hears_its_own_numbers(failure, number):
    assert n_series_code(failure) == number


def test_every_code_of_a_download_or_a_refusal_has_a_number():
    codes = {value for name, value in vars(download).items() if name.startswith("HTTP_")} | {download.NO_SPACE}
    refusals = set(PackageCode) - {PackageCode.UPGRADE_FAILED}  # that one happens after the restart
    codes -= {download.HTTP_BUSY}  # that one is an answer of the call, and no callback hears of it
    assert codes | refusals == set(N_SERIES)
