"""`qpyota sweep` and `qpyota run --replay` from the command line."""

from __future__ import annotations

import json

import pytest

from sim.cli.main import main


def call(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = capsys.readouterr()
    assert ended.value.code == code, err
    return out, err


def test_a_flow_is_swept_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "sweep", "EG915U/app", "--jobs", "1")
    assert "EG915U/app (ecx00u, app): 105 points, 525 cuts" in out
    assert "recovered  525" in out
    assert out.rstrip().endswith("PASSED")


def test_json_has_the_agreed_keys(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "sweep", "EG915U/differential", "--sample", "50", "--jobs", "1", "--json")
    found = json.loads(out)
    assert {"flow", "family", "ops", "cuts", "recovered", "lost", "bricked", "mixed", "seconds"} <= set(found)
    assert (found["cuts"], found["recovered"], found["family"]) == (50, 50, "ecx00u")
    assert found["possible"] == 5 * found["ops"]


def test_a_sample_tells_its_denominator(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "sweep", "EG915U/app", "--depth", "2", "--sample", "4", "--jobs", "1")
    assert " cuts at depth 2" in out
    assert " of " in out.splitlines()[0]


def test_a_scenario_is_swept_with_its_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "sweep", "first_upgrade", "--cut", "every:http", "--jobs", "1", "--sample", "3")
    assert "first_upgrade (ecx00u, every:http)" in out
    assert "recovered  3" in out


@pytest.mark.parametrize("name", ["EG915U/app:0:-:flash:60:prefix", "first_upgrade:1:QuecPython_OTA:flash:700:random"])
def test_a_cut_is_replayed_by_its_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert call(capsys, "run", "--replay", name)[0] == f"recovered {name}\n"
    found = json.loads(call(capsys, "run", "--replay", name, "--json")[0])
    assert found == {"replay": name, "verdict": "recovered", "detail": ""}


def test_a_bad_end_is_listed_and_replayed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a mistake planted: the flag is cleared before the files are copied."""
    import sim.sweep.app_flow as app_flow
    from sim.update import app_files

    def apply_staged(site, real=app_files._apply):  # type: ignore[no-untyped-def]
        if site.mounts.exists(app_files.FLAG_FILE):
            site.mounts.remove(app_files.FLAG_FILE)
            entries = app_files._read_stat(site.mounts)
            while entries:
                yield from real(site, entries)

    monkeypatch.setattr(app_flow, "apply_staged", apply_staged)
    out, _ = call(capsys, "sweep", "EG915U/app", "--jobs", "1", code=1)
    assert "FAILED" in out
    assert "more; --json lists all" in out
    name = next(line.split()[-1] for line in out.splitlines() if "--replay" in line)
    again, _ = call(capsys, "run", "--replay", name, code=1)
    assert again.split(":")[0].split()[0] in ("mixed", "lost")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("sweep", "EG915U/app", "--seed", "3"), "MODEL/METHOD has flash operations only"),
        (("sweep", "EG915U/full"), "has no method 'full'"),
        (("sweep", "first_upgrade", "--cut", "every:mqtt", "--depth", "2"), "--depth 2 is for --cut every:flash"),
        (("sweep", "first_upgrade", "--device", "nobody", "--jobs", "1"), "has no device 'nobody'"),
        (("run",), "give either a SCENARIO or --replay ID"),
        (("run", "first_upgrade", "--replay", "x"), "give either a SCENARIO or --replay ID"),
        (("run", "--replay", "x"), "is not a replay id"),
        (("run", "--replay", "EG915U/app:0:-:flash:99999:none"), "ends before operation 99999"),
    ],
)
def test_what_cannot_be_swept_is_told(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], text: str) -> None:
    assert text in call(capsys, *words, code=2)[1]
