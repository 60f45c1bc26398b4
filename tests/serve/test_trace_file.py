"""The trace of a served cloud: whole lines, in order, with the emulated time; one file of the past."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from sim.errors import MachineError
from sim.kernel.clock import EPOCH_S
from sim.serve import trace_file
from sim.serve.trace_file import TraceFile, lines, told
from sim.trace import Record


def record(number: int) -> Record:
    return Record(number * 1_500_000, "bench", number, "boot", {"version": f"v{number}"})


def test_a_line_has_the_emulated_time_the_track_and_what_happened(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "trace.jsonl", EPOCH_S)
    file(record(1))
    file.close()
    (line,) = lines(tmp_path / "trace.jsonl", follow=False)
    assert line == {"time": "2026-01-01T00:00:01.500+00:00", "track": "bench", "kind": "boot", "version": "v1"}
    assert told(line) == "00:00:01.500  bench  boot  version=v1"


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert list(lines(tmp_path / "trace.jsonl", follow=False)) == []


def test_half_a_line_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text('{"kind": "boot"}\n{"kind": "hal')
    assert list(lines(path, follow=False)) == [{"kind": "boot"}]


def test_a_full_file_becomes_the_past_and_is_read_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_file, "FILE_MAX_BYTES", 300)
    path = tmp_path / "trace.jsonl"
    file = TraceFile(path, EPOCH_S)
    for number in range(5):
        file(record(number))
    file.close()
    assert path.stat().st_size < 300
    assert [line["version"] for line in lines(path, follow=False)] == ["v0", "v1", "v2", "v3", "v4"]


def test_a_follower_goes_on_with_what_comes_and_into_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "FILE_MAX_BYTES", 150)
    monkeypatch.setattr(trace_file, "FOLLOW_S", 0)
    path = tmp_path / "trace.jsonl"
    file = TraceFile(path, EPOCH_S)
    file(record(0))
    follower = lines(path, follow=True)
    seen = [next(follower)["version"]]
    for number in range(1, 4):
        file(record(number))
        seen += [line["version"] for line in islice(follower, 1)]
    assert seen == ["v0", "v1", "v2", "v3"]
    follower.close()
    file.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_the_machines_fault() -> None:
    file = TraceFile(Path("/dev/full"), EPOCH_S)
    with pytest.raises(MachineError, match="trace cannot be written"):
        file(record(0))
    with pytest.raises(OSError, match="No space"):
        file.close()
