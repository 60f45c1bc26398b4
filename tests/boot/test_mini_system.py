"""A minimal upgrade from the request to the new version: what it survives, and what it tells."""

from __future__ import annotations

import pytest
from boot_rig import NEW, OLD
from mini_rig import IMAGES, MINI, URLS, MiniRig, Server, mini_firmwares, pair

from sim.boot.bootloader import BootOutcome
from sim.boot.journal import Journal, Phase
from sim.kernel.seeds import stream
from sim.pack.build import build_full, build_mini_pair
from sim.pack.container import parse
from sim.pack.firmware import Firmware, make_image
from sim.ports import HttpFailure, HttpResponse
from sim.update.methods import install
from sim.update.mini_system import LONGEST_WAIT_US, STAGE_1_PATIENCE_US
from sim.update.site import UpdateFailed

HOUR_US = 3_600_000_000
SECOND = URLS[1]


def refused(rig: MiniRig, code: int) -> dict:
    """The upgrade ended before anything irreversible, for this reason."""
    outcome, resets = rig.boot_until_run()
    assert outcome == BootOutcome("run", OLD)
    assert resets == 1
    assert rig.holds(mini_firmwares()[0])
    assert rig.boot() == BootOutcome("run", OLD)
    (told,) = rig.kinds("update.refused")
    assert told["code"] == code
    return told


# -- stage 1: what fails here costs nothing


def test_a_first_address_that_leads_nowhere_ends_in_a_time_out():
    rig = MiniRig()
    rig.server.files.pop(URLS[0])
    rig.request()
    assert "404" in refused(rig, 723)["reason"]
    assert 0.4 * STAGE_1_PATIENCE_US < rig.clock.now_us <= STAGE_1_PATIENCE_US + 1_000_000
    assert len(rig.kinds("mini.retry")) > 3


def test_a_network_that_is_gone_in_stage_1_ends_in_a_time_out_too():
    rig = MiniRig()
    rig.server.trouble = lambda _at, _request: HttpFailure("dns")
    rig.request()
    refused(rig, 714)


def test_another_base_is_found_after_two_kilobytes_and_before_any_write():
    rig = MiniRig()
    rig.layout.mini.load(0, make_image(OLD, b"another build of the same version"))
    rig.request()
    ops = rig.nor.ops
    assert rig.boot().action == "reset"
    assert rig.nor.ops == ops + 1  # the CLEAR record
    assert rig.server.sent_bytes == 2048
    assert rig.server.asked == [(URLS[0], "bytes=0-2047")]
    assert rig.kinds("update.refused")[0]["code"] == 553
    assert rig.boot() == BootOutcome("run", OLD)


def test_a_base_of_another_version_is_refused():
    old, new = mini_firmwares()
    other = Firmware(old.family, "V0000", {n: make_image("V0000", image[65:]) for n, image in old.images.items()})
    first, second = build_mini_pair(other, new, IMAGES, MINI)
    rig = MiniRig(Server({URLS[0]: first, SECOND: second}))
    rig.request()
    refused(rig, 553)


def test_a_full_package_under_the_first_address_is_refused_by_its_header():
    rig = MiniRig(Server({URLS[0]: build_full(mini_firmwares()[1], IMAGES), SECOND: pair()[1]}))
    rig.request()
    assert "this is a full package" in refused(rig, 505)["reason"]
    assert rig.server.sent_bytes == 2048


def test_the_second_half_under_the_first_address_is_refused():
    rig = MiniRig(Server({URLS[0]: pair()[1], SECOND: pair()[1]}))
    rig.request()
    refused(rig, 505)


def test_a_damaged_first_package_is_fetched_again_and_then_given_up():
    first = bytearray(pair()[0])
    first[3000] ^= 1
    rig = MiniRig(Server({URLS[0]: bytes(first), SECOND: pair()[1]}))
    rig.request()
    refused(rig, 505)
    assert rig.server.sent_bytes > 2 * len(first)


def test_a_first_package_that_is_whole_the_second_time_is_taken():
    rig = MiniRig()
    whole = rig.server.files[URLS[0]]
    rig.server.files[URLS[0]] = whole[:3000] + b"\xff" + whole[3001:]

    def mend(at_us, _request):
        if at_us > 10_000_000:
            rig.server.files[URLS[0]] = whole

    rig.server.trouble = mend
    rig.request()
    assert rig.boot_until_run() == (BootOutcome("run", NEW), 3)


def test_a_first_package_whose_blocks_scratch_cannot_hold_is_refused():
    first, second = build_mini_pair(*mini_firmwares(), IMAGES, MINI, block_sectors=5)
    rig = MiniRig(Server({URLS[0]: first, SECOND: second}))
    rig.request()
    assert "by 4096 B" in refused(rig, 511)["reason"]


def test_damaged_addresses_are_noticed():
    rig = MiniRig()
    rig.request()
    rig.layout.request.load(3, b"X")
    refused(rig, 711)


def test_a_broken_mini_system_is_not_started():
    rig = MiniRig()
    rig.request()
    rig.layout.mini.load(500, b"broken")
    assert rig.boot() == BootOutcome("run", OLD)
    assert Journal(rig.layout.journal).state.phase is Phase.IDLE


# -- stage 2: what fails here is tried again for ever


def stage_2(rig: MiniRig) -> MiniRig:
    """The rig after stage 1: the new mini system is about to start."""
    rig.request()
    assert rig.boot().action == "reset"
    assert rig.boot() == BootOutcome("reset", NEW)
    assert rig.versions() == (OLD, NEW)
    return rig


def test_a_link_that_is_lost_for_an_hour_is_waited_for_and_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr("sim.update.mini_system.RANGE_BYTES", 4096)
    rig = stage_2(MiniRig())
    gone_us = None

    def lost(at_us, _request):
        nonlocal gone_us
        if gone_us is None and len(rig.server.asked) > asked + 4:
            gone_us = at_us
        return HttpFailure("reset") if gone_us is not None and at_us < gone_us + HOUR_US else None

    asked = len(rig.server.asked)
    rig.server.trouble = lost
    assert rig.boot_until_run() == (BootOutcome("run", NEW), 1)
    assert rig.holds(mini_firmwares()[1])
    assert HOUR_US < rig.clock.now_us < HOUR_US + 2 * LONGEST_WAIT_US
    waits = [retry["wait_s"] for retry in rig.kinds("mini.retry")]
    assert waits[:7] == [5, 10, 20, 40, 80, 160, 300]
    assert waits[-1] == 300
    starts = [int(wanted[6:].split("-")[0]) for url, wanted in rig.server.asked[asked:] if url == SECOND]
    index = parse(pair()[1]).index
    block_starts = [at for at in starts if index[0].offset <= at <= index[-1].offset]
    assert block_starts == sorted(block_starts)
    assert len(block_starts) == len(set(block_starts)) + 1  # the one that was not answered was asked for again


def test_an_address_that_expires_between_the_stages_leaves_the_device_in_its_mini_system():
    rig = stage_2(MiniRig())
    rig.server.trouble = lambda _at, _request: HttpResponse(403, {}, b"Request has expired")
    days = 3
    with pytest.raises(TimeoutError):
        stop_after(rig, days * 24 * HOUR_US)
    retries = rig.kinds("mini.retry")
    assert len(retries) > days * 24 * 12 - 10
    assert {retry["code"] for retry in retries} == {723}
    assert rig.versions() == (OLD, NEW)
    # Even now a power cycle finds the mini system, and a server that relents finds the device.
    rig.server.trouble = lambda _at, _request: None
    assert rig.boot_until_run() == (BootOutcome("run", NEW), 1)


def stop_after(rig: MiniRig, limit_us: int) -> None:
    """Boot, and lose patience."""
    trace = rig.trace

    def watched(kind, **data):
        trace(kind, **data)
        if rig.clock.now_us > limit_us:
            raise TimeoutError

    rig.trace = watched
    try:
        rig.boot()
    finally:
        rig.trace = trace


def test_nothing_is_written_before_the_second_package_proves_to_be_the_partner():
    old, new = mini_firmwares()
    other = Firmware(new.family, NEW, {name: make_image(NEW, b"x" * 5000) for name in IMAGES})
    rig = stage_2(MiniRig())
    rig.server.files[SECOND] = build_mini_pair(old, other, IMAGES, MINI)[1]
    ops = rig.nor.ops
    with pytest.raises(TimeoutError):
        stop_after(rig, HOUR_US)
    assert rig.nor.ops == ops
    assert "not the second half" in rig.kinds("mini.retry")[0]["reason"]


def test_a_damaged_block_is_never_written():
    rig = stage_2(MiniRig())
    whole = rig.server.files[SECOND]
    entry = parse(whole).index[1]
    rig.server.files[SECOND] = whole[: entry.offset] + b"\0\0\0\0" + whole[entry.offset + 4 :]
    with pytest.raises(TimeoutError):
        stop_after(rig, HOUR_US)
    assert Journal(rig.layout.journal).state.next_step == 1
    assert "CRC-32 of block 1" in rig.kinds("mini.retry")[-1]["reason"]
    rig.server.files[SECOND] = whole
    assert rig.boot_until_run() == (BootOutcome("run", NEW), 1)


def test_whatever_stands_under_the_second_address_nothing_is_written_and_nothing_breaks():
    """But for its hash and signature, at its very end: what the first half says of the second stands in for these."""
    rig = stage_2(MiniRig())
    start, whole, rng = rig.nor.snapshot(), rig.server.files[SECOND], stream(0, "second", "rubbish")
    manifest = parse(whole)
    footer_at = 2048 + manifest.head.body_bytes
    outline = [
        range(0x80),
        range(2048, manifest.index[0].offset),
        range(footer_at, footer_at + manifest.head.protected_bytes),
    ]
    wrong = [whole[:length] for length in (0, 1, 2047, 2048, 2060, footer_at - 1, footer_at, footer_at + 3)]
    for _ in range(150):
        at = rng.choice(rng.choice(outline))
        wrong.append(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
    for data in (*wrong, pair()[0], b"<html>not found</html>" * 200):
        rig.nor.restore(start)
        rig.server.files[SECOND] = data
        with pytest.raises(TimeoutError):
            stop_after(rig, rig.clock.now_us)
        assert rig.nor.ops == start.ops


def test_a_server_without_ranges_will_do():
    rig = MiniRig()
    rig.server.ranges = False
    rig.request()
    assert rig.boot_until_run() == (BootOutcome("run", NEW), 3)
    assert rig.holds(mini_firmwares()[1])


def test_a_block_that_changes_behind_the_mini_systems_back_is_written_anew():
    rig = stage_2(MiniRig())
    last = len(parse(pair()[1]).index) - 1
    spoilt = []

    def spoil(_phase):
        if not spoilt and rig.phases[-1][1] == 1.0:
            spoilt.append(True)
            rig.layout.images["APP"].load(100, b"\0")

    rig.on_phase = spoil
    assert rig.boot_until_run() == (BootOutcome("run", NEW), 1)
    assert spoilt
    assert rig.holds(mini_firmwares()[1])
    assert [retry["code"] for retry in rig.kinds("mini.retry")] == [504]
    assert sum(progress == 0.6 + 0.4 * 1 / (last + 1) for _, progress in rig.phases) == 2


def test_first_package_lost_from_staging_in_stage_2():
    """The big system is still whole: it runs. Once it is being written there is nothing left to run."""
    rig = stage_2(MiniRig())
    start = rig.nor.snapshot()
    rig.layout.package.load(2500, b"\0\0\0")
    assert rig.boot().version == OLD
    rig.nor.restore(start)
    rig.on_phase = lambda _phase: rig.nor.arm_cut(0, torn="none") if rig.phases[-1][1] > 0.7 else None
    from sim.kernel.power import PowerLoss

    with pytest.raises(PowerLoss):
        rig.boot()
    rig.nor.power_on()
    rig.layout.package.load(2500, b"\0\0\0")
    assert (rig.boot().action, rig.boot().code) == ("bricked", 505)


# -- the way it goes


def test_a_minimal_upgrade_takes_four_restarts_and_tells_where_it_is():
    rig = MiniRig()
    rig.request()  # the first restart follows this
    assert rig.boot_until_run() == (BootOutcome("run", NEW), 3)
    assert rig.holds(mini_firmwares()[1])
    told = [progress for phase, progress in rig.phases if phase in ("mini_download", "stream")]
    assert told == sorted(told)
    assert max(p for phase, p in rig.phases if phase == "mini_download") == pytest.approx(0.6)
    assert told[-1] == pytest.approx(1.0)
    assert rig.server.sent_bytes == pytest.approx(sum(map(len, pair())), abs=10)
    ops = rig.nor.ops
    assert rig.boot() == BootOutcome("run", NEW)
    assert rig.nor.ops == ops


def test_upgrades_follow_one_another_back_and_forth():
    old, new = mini_firmwares()
    back = build_mini_pair(new, old, IMAGES, MINI)
    rig = MiniRig()
    rig.server.files |= {"http://host/back.mini_1": back[0], "http://host/back.mini_2": back[1]}
    for _ in range(4):
        rig.request()
        assert rig.boot_until_run()[0].version == NEW
        rig.version = NEW
        rig.request(("http://host/back.mini_1", "http://host/back.mini_2"))
        assert rig.boot_until_run()[0].version == OLD
        rig.version = OLD
    assert rig.holds(old)


# -- refused by the big system, before anything at all


@pytest.mark.parametrize(
    ("urls", "code", "word"),
    [
        (["http://host/a.mini_1"], 712, "minimal"),
        (["http://host/a.mini_1", "http://host/" + "a" * 120 + ".mini_2"], 711, "139 characters"),
        (["http://host/a.mini_1", "http://host/b.mini_2"], 711, "NAME.mini_1 and NAME.mini_2"),
        (["http://host/a.mini_2", "http://host/a.mini_1"], 711, "a.mini_2 and a.mini_1"),
        (["http://host/a.pack", "http://host/a.pack"], 711, "a.pack and a.pack"),
        (["http://host/ä.mini_1", "http://host/ä.mini_2"], 711, "ASCII"),
        (["a", "b", "c"], 711, "3 URL"),
    ],
)
def test_what_cannot_work_is_refused_at_once(urls, code, word):
    rig = MiniRig()
    ops = rig.nor.ops
    with pytest.raises(UpdateFailed) as refusal:
        rig.finish(install(rig, urls, print))
    assert refusal.value.code == code
    assert word in refusal.value.reason
    assert (rig.nor.ops, rig.server.asked, rig.clock.now_us) == (ops, [], 0)
