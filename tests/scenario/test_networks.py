"""Networks of scenarios and where each device is: distributions, loss, outages, cells, sleep, counted bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.device.air import MOST_RESENDS, RTO_US, UNITS, delay, reached_bytes_per_s, spread_of
from sim.device.catalogue import load_model
from sim.device.cell import Cell, Doze
from sim.device.model import RadioSpec
from sim.errors import SpecError
from sim.kernel.clock import Clock
from sim.scenario.loader import load_scenario
from sim.scenario.places import Places
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.scenario.schema import Fleet
from sim.scenario.schema_networks import resolved, usual_networks
from sim.trace import Record

OLD, NEW = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
DEVICE = {"model": "EG915U", "firmware": OLD, "agent": "modelled"}
URL = "${aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/a21.pack}"
DOCUMENT = [{"operation": "FOTA", "files": [{"fileName": "a21.pack", "fileVersion": NEW, "fileSource": {"url": URL}}]}]


def written(folder: Path, **keys: Any) -> Path:
    base = {
        "version": 1,
        "name": "net",
        "seed": 3,
        "duration": "6h",
        "fleet": [{"group": "g", "count": 4, **DEVICE}],
        "packages": {"a21": {"from": OLD, "to": NEW}},
        "cloud": {"buckets": {"firmware": {"a21.pack": {"package": "a21"}}}},
        "jobs": [{"jobId": "j", "at": "1m", "targets": ["g"], "presignedUrlConfig": {}, "document": DOCUMENT}],
    }
    file = folder / "net.yaml"
    file.write_text(yaml.safe_dump({**base, **keys}, sort_keys=False))
    return file


def played(file: Path, transport: Any = "memory") -> tuple[Any, list[Record]]:
    records: list[Record] = []
    return run_scenario(load_scenario(file), RunOptions(transport=transport, tls=False), [records.append]), records


def spec(**more: Any) -> RadioSpec:
    return RadioSpec("x", 80_000, 20_000, 100_000, 50_000, **more)


def test_the_median_draw_is_the_median_and_the_95th_is_p95() -> None:
    one = spec(spread=spread_of(70_000, 350_000))
    assert delay(one, 70_000, UNITS // 2)[0] == pytest.approx(70_000, rel=1e-6)
    assert delay(one, 70_000, UNITS * 95 // 100)[0] == pytest.approx(350_000, rel=1e-6)


def test_a_lost_packet_costs_time_outs_that_double_and_never_more_than_the_bound() -> None:
    lossy = spec(loss=0.1)
    assert delay(lossy, 0, UNITS // 2)[1] == 0
    assert RTO_US <= delay(lossy, 0, UNITS // 20)[0] <= RTO_US + 20_000
    assert 3 * RTO_US <= delay(lossy, 0, UNITS // 200)[0] <= 3 * RTO_US + 20_000
    assert delay(lossy, 0, 0)[1] == MOST_RESENDS


def test_loss_slows_long_transfers_down_and_no_loss_does_not() -> None:
    assert reached_bytes_per_s(100_000, 80_000, 0.0) == 100_000
    assert reached_bytes_per_s(100_000, 80_000, 0.05) == 95_851
    assert reached_bytes_per_s(10_000, 80_000, 0.05) == 10_000


def test_a_cell_serves_one_long_answer_after_another_and_lets_small_packets_pass() -> None:
    cell = Cell(100_000)
    assert cell.take_us(0, 50_000) == 500_000
    assert cell.take_us(100_000, 50_000) == 900_000
    assert cell.take_us(100_000, 100) == 1_000
    assert cell.take_us(5_000_000, 50_000) == 500_000


def test_a_sleeping_device_hears_at_its_window_or_when_it_sends() -> None:
    clock = Clock()
    doze, heard = Doze(clock, 10_000_000, 60_000_000, 5_000_000), []
    assert not doze.holds(heard.append, "at once")
    clock.run(20_000_000)
    assert doze.holds(lambda: heard.append(clock.now_us))
    clock.run(64_000_000)
    assert heard == []
    clock.run(66_000_000)
    assert heard == [65_000_000]
    clock.run(90_000_000)
    assert doze.holds(lambda: heard.append(clock.now_us))
    doze.stir()
    assert heard == [65_000_000, 90_000_000]
    clock.run(120_000_000)
    assert doze.holds(heard.append, "never")
    doze.forget()
    clock.run(300_000_000)
    assert len(heard) == 2


def test_a_network_has_what_it_extends_has_and_may_stand_on_the_usual_one_of_its_name(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        networks={
            "nb-iot": {"extends": "nb-iot", "loss": "2%"},
            "cellar": {"extends": "nb-iot", "outage": {"every": "25m", "for": ["5s", "90s"]}},
        },
    )
    found = resolved("cellar", load_scenario(file).networks)
    assert (found.loss, found.rate) == (0.02, usual_networks()["nb-iot"].rate)
    assert found.outage is not None
    assert found.outage.for_us == (5_000_000, 90_000_000)


def test_a_device_draws_its_place_alone() -> None:
    shares = {"network": {"lte-cat1": "80%", "nb-iot": "20%"}, "battery": {"level": ["15%", "100%"]}}

    def drawn(count: int) -> dict[str, str]:
        entry = Fleet.model_validate({"group": "g", "count": count, **DEVICE, **shares})
        places = Places({}, 7)
        return {name: places.place(entry, name).network for name in reversed(entry.devices())}

    few, many = drawn(10), drawn(1_000)
    assert {name: many[name] for name in few} == few
    assert 750 < sum(network == "lte-cat1" for network in many.values()) < 850


def test_devices_start_within_the_ramp_in_order_and_jitter_is_their_own() -> None:
    entry = Fleet.model_validate({"group": "g", "count": 4, **DEVICE, "start": {"ramp": "10m", "jitter": "5s"}})
    starts = [at_us for _, at_us in Places({}, 7).starts(entry)]
    assert [at_us // 150_000_000 for at_us in starts] == [0, 1, 2, 3]
    assert all(at_us % 150_000_000 < 5_000_000 for at_us in starts)
    assert len({at_us % 150_000_000 for at_us in starts}) == 4


def test_a_network_that_is_left_out_is_the_models(tmp_path: Path) -> None:
    usual = load_model("EG915U").radio
    places = Places({}, 1)
    entry = Fleet.model_validate({"name": "d", **DEVICE})
    assert places.radio(places.place(entry, "d"), usual) is usual
    entry = Fleet.model_validate({"name": "e", **DEVICE, "network": "ideal"})
    assert places.radio(places.place(entry, "e"), usual).rtt_us == 2_000


EVERYTHING = {
    "networks": {
        "city": {"extends": "lte-cat1", "rtt": {"p50": "70ms", "p95": "350ms"}, "loss": "1%"},
        "cellar": {"extends": "cat-m1", "outage": {"every": "10m", "for": ["5s", "60s"]}},
        "yard": {"rtt": ["50ms", "90ms"], "cells": {"count": 2, "rate": "60KB/s"}, "bearer_drop": {"every": "20m"}},
        "asleep": {"sleep": {"after": "10s", "every": "81.92s"}},
    },
    "fleet": [
        {"group": "g", "count": 6, **DEVICE, "network": {"city": "40%", "cellar": "20%", "yard": "40%"},
         "start": {"ramp": "30s", "jitter": "2s"}, "battery": {"level": ["15%", "100%"]}},
        {"name": "meter", **DEVICE, "network": "asleep"},
    ],
    "jobs": [
        {"jobId": "j", "at": "40m", "targets": ["g", "meter"], "presignedUrlConfig": {}, "document": DOCUMENT}
    ],
    "expect": ["job['j'].succeeded == 7"],
}  # fmt: skip


def test_memory_and_sockets_have_the_same_air(tmp_path: Path) -> None:
    file = written(tmp_path, **EVERYTHING)
    (memory, records), (virtual, others) = played(file), played(file, "virtual")
    assert memory.passed, (memory.expects, memory.problems)
    assert virtual.passed, (virtual.expects, virtual.problems)
    assert memory.trace_hash == virtual.trace_hash
    assert any(record.kind == "link.lost" for record in records)
    assert len(records) == len(others)


def seconds_of_download(file: Path) -> float:
    result, _ = played(file)
    return max(cost["seconds"] for cost in result.costs)


@pytest.mark.parametrize(
    "worse",
    [
        {"rate": "10KB/s"},
        {"rtt": "3s"},
        {"rtt": {"p50": "2s", "p95": "5s"}},
        {"loss": "20%"},
        {"cells": {"rate": "40KB/s"}},
    ],
    ids=lambda worse: next(iter(worse)),
)
def test_a_worse_network_takes_longer(tmp_path: Path, worse: dict[str, Any]) -> None:
    usual = seconds_of_download(written(tmp_path))
    fleet = [{"group": "g", "count": 4, **DEVICE, "network": "worse"}]
    assert seconds_of_download(written(tmp_path, networks={"worse": worse}, fleet=fleet)) > usual + 5


def test_what_comes_for_a_sleeping_device_waits(tmp_path: Path) -> None:
    fleet = [{"group": "g", "count": 1, **DEVICE, "network": "asleep"}]
    sleep = {"asleep": {"sleep": {"after": "10s", "every": "10m"}}}
    jobs = [{"jobId": "j", "at": "2m", "targets": ["g"], "presignedUrlConfig": {}, "document": DOCUMENT}]

    def told_us(file: Path) -> int:
        return next(r.at_us for r in played(file)[1] if r.kind == "mqtt.in" and "notify-next" in r.data["topic"])

    assert told_us(written(tmp_path, jobs=jobs)) < 125_000_000
    assert told_us(written(tmp_path, jobs=jobs, networks=sleep, fleet=fleet)) > 125_000_000


def test_all_bytes_are_counted_accounted_keepalives_too(tmp_path: Path) -> None:
    idle = {"jobs": [], "duration": "10h", "fleet": [{"name": "d", **DEVICE}]}
    for transport in ("memory", "virtual"):
        file = written(tmp_path, **idle, expect=["device['d'].up_bytes == 0", "device['d'].down_bytes == 0"])
        details = [expect.detail for expect in played(file, transport)[0].expects]
        if transport == "memory":
            first = details
        assert details == first
    up = int(first[0].rpartition(" ")[2])
    hour = written(tmp_path, **{**idle, "duration": "1h"}, expect=["device['d'].up_bytes == 0"])
    less = int(played(hour)[0].expects[0].detail.rpartition(" ")[2])
    assert up - less == 27 * 62, "a ping of 2 bytes and its headers each 20 minutes"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"networks": {"a": {"extends": "b"}, "b": {"extends": "a"}}}, "'a' extends itself in the end"),
        ({"networks": {"a": {"extends": "lte-cat2"}}}, "did you mean 'lte-cat"),
        ({"fleet": [{"name": "d", **DEVICE, "network": {"lte-cat1": "80%"}}], "jobs": []}, "come to 80%, not to 100%"),
    ],
)
def test_networks_that_make_no_sense(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        load_scenario(written(tmp_path, **keys))
