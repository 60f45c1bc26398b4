"""The store of a served cloud: what is kept, in what order, and what is said when it cannot be read."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from store_rig import RULES, Hearer, Kept, kept, records

from sim.cloud.account import SCENARIO_RULES
from sim.cloud.api.router import Plane
from sim.cloud.inputs import Asked, Called, Input
from sim.cloud.sigv4 import OPERATOR, Credentials
from sim.cloud.store import keeper
from sim.cloud.store.database import FORMAT, Database
from sim.cloud.store.objects import Objects
from sim.cloud.store.values import BIG_BYTES, pack, unpack
from sim.errors import MachineError
from sim.jobs.targets import Arns

THING = Arns().thing("t")
BIG = b"x" * BIG_BYTES


def begun(rig: Kept) -> Kept:
    """With a thing that has a job."""
    rig.begin()
    assert rig.iot("POST", "/things/t", {}).status == 200
    assert rig.iot("PUT", "/jobs/j", {"targets": [THING], "document": "{}"}).status == 200
    assert rig.rest(Plane.S3, "PUT", "/bucket").status == 200
    return rig


def rows(rig: Kept) -> int:
    return len(list(rig.database.journal()))


def watched(rig: Kept) -> list[tuple[Input, int]]:
    """Each entry of the journal from now on, with how much had left the account before it was written."""
    seen: list[tuple[Input, int]] = []
    write, before = rig.account.journal, len(rig.face.heard)

    def note(entry: Input) -> None:
        write(entry)
        seen.append((entry, len(rig.face.heard) - before))

    rig.account.journal = note
    return seen


# What is kept, and when


def test_an_answer_a_puback_and_a_notification_leave_after_the_entry_is_written(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        seen = watched(rig)
        rig.device("t", "j/update", {"status": "SUCCEEDED"}, packet_id=5)
        assert [(type(entry), left) for entry, left in seen] == [(Asked, 0)]
        assert [what[0] for what in rig.face.heard[-4:]] == ["acknowledge", "reply", "publish", "publish"]


def test_what_a_rest_request_brings_about_leaves_after_the_entry_is_written(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        seen = watched(rig)
        rig.iot("PUT", "/jobs/k", {"targets": [THING], "document": "{}"})
        assert [(type(entry), left) for entry, left in seen] == [(Called, 0)]
        assert rig.face.heard[-1][:2] == ("publish", "$aws/things/t/jobs/notify")


def test_what_happens_by_itself_leaves_after_the_entry_is_written(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        slow = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}}
        rig.iot("POST", "/things/u", {})
        rig.iot("PUT", "/jobs/k", {"targets": [THING, THING[:-1] + "u"], "document": "{}", **slow})
        seen, before = watched(rig), len(rig.face.heard)
        rig.pass_time(61)
        assert seen
        assert seen[0][1] == 0
        assert len(rig.face.heard) > before


def test_a_refused_request_and_one_that_only_reads_are_not_kept(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        before = rows(begun(rig))
        assert rig.iot("PUT", "/jobs/j", {"targets": [THING], "document": "{}"}).status == 409
        assert rig.iot("GET", "/jobs/j").status == 200
        assert rig.rest(Plane.S3, "GET", "/bucket?list-type=2").status == 200
        assert rig.rest(Plane.S3, "PUT", "/none/k", b"data").status == 404
        assert rig.rest(Plane.DATA, "POST", "/topics/a/b", b"message").status == 200
        rig.device("t", "get")
        rig.device("t", "j/get")
        rig.device("t", "j/update", {"status": "NONSENSE"})
        rig.device("t", "none/update", {"status": "SUCCEEDED"})
        assert rows(rig) == before


def test_a_request_beyond_the_rate_is_not_kept_and_does_not_come_back(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        rig.begin()
        answers = [rig.iot("POST", f"/things/t{number}", {}).status for number in range(12)]
        assert answers == [200] * 10 + [400] * 2
        with kept(tmp_path) as again:
            assert records(again.account) == records(rig.account)


def test_a_long_journal_becomes_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "JOURNAL_LIMIT", 5)
    with kept(tmp_path) as rig:
        begun(rig)
        for number in range(4):
            rig.rest(Plane.S3, "PUT", f"/bucket/{number}", b"x")
        assert rows(rig) == 2
        with kept(tmp_path) as again:
            assert records(again.account) == records(rig.account)


def test_rules_and_key_of_the_operator_are_those_of_the_new_start(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
    with kept(tmp_path) as again:
        again.account.resume(SCENARIO_RULES, Credentials(OPERATOR.access_key, "another"))
        assert again.account.jobs.rules == SCENARIO_RULES != RULES
        assert again.iot("GET", "/things").status == 403
        assert again.rest(Plane.S3, "GET", "/bucket").status == 403


def test_a_full_disk_ends_it_before_anything_is_answered_and_loses_nothing(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        pages = rig.database.connection.execute("PRAGMA page_count").fetchone()[0]
        rig.database.connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        answered: list[str] = []
        heard: list[int] = []

        def fill() -> None:
            for number in range(1000):
                heard.append(len(rig.face.heard))
                rig.pass_time(1)
                assert rig.rest(Plane.S3, "PUT", f"/bucket/{number}", b"x" * 2000).status == 200
                answered.append(str(number))

        with pytest.raises(MachineError, match=r"cannot be written: .*cloud\.db: .*full"):
            fill()
        assert len(rig.face.heard) == heard[-1]
        assert answered
    with kept(tmp_path) as again:
        assert again.account.artifacts.buckets["bucket"].keys() == sorted(answered)


# Big bytes


def test_big_bytes_are_a_file_and_equal_ones_are_one(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "objects")
    packed, needs = pack([BIG, bytes(bytearray(BIG)), b"small", BIG[1:]], objects)
    assert len(packed) < BIG_BYTES + 1000
    assert {path.name for path in (tmp_path / "objects").iterdir()} == needs
    assert len(needs) == 1
    assert unpack(packed, Objects(tmp_path / "objects")) == [BIG, BIG, b"small", BIG[1:]]


def test_a_file_that_nothing_needs_any_more_goes_with_the_next_snapshot(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        assert rig.rest(Plane.S3, "PUT", "/bucket/k", BIG).status == 200
        (tmp_path / "objects" / "begun.part").write_bytes(b"half")
        assert rig.rest(Plane.S3, "DELETE", "/bucket/k").status == 204
        assert len(list((tmp_path / "objects").iterdir())) == 2
    with kept(tmp_path) as again:
        again.keeper.begin({})
        assert list((tmp_path / "objects").iterdir()) == []


@pytest.mark.parametrize("hurt", [Path.unlink, lambda path: path.write_bytes(b"other")])
def test_an_object_that_is_gone_or_damaged_is_named(tmp_path: Path, hurt: Any) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        rig.rest(Plane.S3, "PUT", "/bucket/k", BIG)
        (path,) = (tmp_path / "objects").iterdir()
        hurt(path)
        with pytest.raises(MachineError, match=path.name):
            Kept(tmp_path)


# What cannot be read


def test_another_format_is_refused_in_one_sentence(tmp_path: Path) -> None:
    database = Database(tmp_path / "cloud.db")
    database.connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    with pytest.raises(MachineError, match=rf"has format {FORMAT + 1}, and this .* reads format {FORMAT}; start with"):
        Database(tmp_path / "cloud.db")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "cloud.db").write_bytes(b"not a database " * 100)
    with pytest.raises(MachineError, match=r"cloud\.db"):
        Database(tmp_path / "cloud.db")


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["QPYOTA_TEST_FOLDER"],)


@pytest.mark.parametrize("name", ["subprocess.Popen", "os.kill", "detach"])
def test_a_database_that_somebody_tampered_with_runs_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QPYOTA_TEST_FOLDER", str(tmp_path / "made"))
    through_ours = b"\x80\x04\x8c\x10sim.serve.daemon\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
    for data in (pickle.dumps(_Runs()), through_ours, pickle.dumps(os.getcwd)):
        with pytest.raises(MachineError, match="has no place here"):
            unpack(data, Objects(tmp_path / "objects"))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"garbage", b"\x80\x04N"])
def test_bytes_that_are_nothing_are_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be read"):
        unpack(data, Objects(tmp_path / "objects"))


def test_a_journal_that_does_not_fit_its_state_is_refused(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        packed, _ = pack(
            Asked(0, "t", "$aws/things/t/jobs/none/update", b'{"status":"FAILED"}'), Objects(tmp_path / "o")
        )
        rig.database.append(packed)
        with pytest.raises(MachineError, match="at entry 4: what was accepted is refused"):
            Kept(tmp_path)


def test_nothing_goes_out_while_a_journal_is_replayed(tmp_path: Path) -> None:
    with kept(tmp_path) as rig:
        begun(rig)
        rig.device("t", "j/update", {"status": "SUCCEEDED"}, packet_id=5)
        with kept(tmp_path) as again:
            assert isinstance(again.face, Hearer)
            assert again.face.heard == []
