"""The fixtures and marks, as a user's tests see them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from plugin_rig import STRICT

from sim.shipped import scenarios_dir

pytest_plugins = ("pytester",)

AWS_OTA = scenarios_dir() / "apps" / "aws_ota"


@pytest.fixture
def run(pytester: pytest.Pytester):
    """`run(source, *options)`: the outcome of these tests."""

    def runner(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=source)
        return pytester.runpytest_inprocess(*STRICT, *options)

    return runner


def test_every_fixture_stands_on_the_same_rig(run, pytester: pytest.Pytester) -> None:
    (pytester.path / "a.py").write_text("x = 2\n")
    result = run(
        """
        def test_all(qpy_cloud, qpy_device, make_qpy_device, qpy_fleet, qpy_clock, qpy_pkg, qpy_faults):
            other = make_qpy_device("other", model="BG95")
            assert qpy_fleet.add(2, model="EC200A") == ["fleet-00001", "fleet-00002"]
            assert qpy_faults.link_loss(qpy_fleet, for_="10s") == ["fleet-00001", "fleet-00002"]
            job = qpy_cloud.create_job("j", [qpy_device, other], package=qpy_pkg.app({"/usr/a.py": "a.py"}))
            job.wait("SUCCEEDED", timeout="30m")
            assert qpy_device.fs.read("/usr/a.py") == other.fs.read("/usr/a.py") == b"x = 2\\n"
            qpy_clock.run_for("1h")
            assert qpy_clock.now_s > 3600
            assert (qpy_device.model, other.model) == ("EG915U", "BG95")
            assert qpy_fleet["fleet-00001"].boots == 1

        def test_next_one_begins_anew(qpy_clock, qpy_cloud):
            assert qpy_clock.now_s == 0
            assert qpy_cloud.jobs == []
        """
    )
    result.assert_outcomes(passed=2)


def test_marks_add_up_the_nearest_wins(run) -> None:
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.qpy(model="BG95", network="cat-m1", seed=4)

        @pytest.mark.qpy(model="EC200A")
        class TestIt:
            @pytest.mark.qpy(name="meter")
            def test_near(self, qpy_device, make_qpy_device):
                assert (qpy_device.name, qpy_device.model) == ("meter", "EC200A")
                assert make_qpy_device("b", model="EG915U").model == "EG915U"

        def test_far(qpy_device, _qpy_rig):
            assert (qpy_device.model, _qpy_rig.seed) == ("BG95", 4)
        """
    )
    result.assert_outcomes(passed=2)


def test_models_are_parameters(run) -> None:
    source = """
        import pytest

        @pytest.mark.qpy_models("EC200A", "BG95")
        def test_it(qpy_device):
            assert qpy_device.model in ("EC200A", "BG95")

        @pytest.mark.qpy_models("EC200A")
        @pytest.mark.parametrize("n", [1, 2])
        def test_both(make_qpy_device, n):
            assert make_qpy_device().model == "EC200A"
        """
    result = run(source, "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_it[[]EC200A]*", "*test_it[[]BG95]*", "*test_both[[]*EC200A*"])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("@pytest.mark.qpy('EG915U')\ndef test_it(qpy_device): pass", "qpy(...) takes keys, e.g. qpy(model='EG915U')"),
        ("@pytest.mark.qpy(modle='x')\ndef test_it(qpy_device): pass", "unknown key 'modle'; did you mean 'model'?"),
        ("@pytest.mark.qpy_models('BG95')\ndef test_it(qpy_run): pass", "qpy_models needs a fixture"),
        ("@pytest.mark.power_cut\ndef test_it(qpy_device): pass", "missing 1 required positional argument: 'every'"),
        ("@pytest.mark.power_cut(each=1)\ndef test_it(qpy_device): pass", "unexpected keyword argument 'each'"),
        ("@pytest.mark.power_cut('flash.program')\ndef test_it(qpy_cloud): pass", "power_cut needs the fixture"),
        ("@pytest.mark.power_cut('flash.write')\ndef test_it(qpy_device): pass", "'flash.write' is no operation"),
        ("@pytest.mark.powercut('x')\ndef test_it(): pass", "'powercut' not found in `markers` configuration option"),
    ],
)  # fmt: skip
def test_wrong_marks_are_told_in_a_sentence(run, source: str, told: str) -> None:
    result = run(f"import pytest\n{source}\n")
    assert result.ret != 0
    assert told in result.stdout.str()
    result.assert_outcomes(errors=1)


def test_a_failure_tells_how_to_repeat_it_and_keeps_what_there_was(run, pytester: pytest.Pytester) -> None:
    source = """
        import pytest

        @pytest.mark.qpy(name="meter", seed=5)
        def test_late(qpy_cloud, qpy_device, qpy_pkg):
            qpy_cloud.create_job("j", qpy_device, package=qpy_pkg.diff()).wait("SUCCEEDED", timeout="20s")

        def test_plain(qpy_device):
            qpy_device.boot()
            assert qpy_device.boots == 2

        def test_fine(qpy_device):
            qpy_device.boot()
        """
    result = run(source, "--qpy-artifacts", "kept", "--tb=short")
    result.assert_outcomes(passed=1, failed=2)
    text = result.stdout.str()
    assert "job j did not become SUCCEEDED within 20s: it is IN_PROGRESS; meter was QUEUED at 0s" in text
    assert "replay: pytest test_it.py::test_late --qpy-seed 5" in text
    assert "replay: pytest test_it.py::test_plain --qpy-seed 1" in text
    assert "<EG915U meter: bootloader, firmware None, 1 boots>" in text
    assert "sim/rig" not in text  # frames of ours are not shown
    kept = pytester.path / "kept"
    assert sorted(path.name for path in kept.iterdir()) == ["test_it.py_test_late", "test_it.py_test_plain"]
    names = sorted(path.name for path in (kept / "test_it.py_test_late").iterdir())
    assert names == ["meter.flash.bin", "meter.flash.png", "replay.txt", "trace.jsonl"]
    line = (kept / "test_it.py_test_late" / "replay.txt").read_text()
    assert line == "pytest test_it.py::test_late --qpy-seed 5\n"
    assert pytester.runpytest_inprocess(*STRICT, *line.split()[1:]).parseoutcomes() == {"failed": 1}


def test_errors_show_the_lines_of_the_test_alone(run) -> None:
    source = """
        import pytest

        def mine(device):
            device.fs.read("/usr/nothing")

        def test_wrong(qpy_device):
            mine(qpy_device)

        @pytest.mark.qpy(model="EG915")
        def test_fixture(qpy_device):
            pass

        def test_defect(qpy_device, _qpy_rig):
            _qpy_rig.call(lambda: 1 / 0)
        """
    result = run(source)
    result.assert_outcomes(failed=2, errors=1)
    wrong, defect = result.stdout.str().split("test_defect ___")
    assert "device-1 has no readable file '/usr/nothing'" in wrong
    assert "mine(qpy_device)" in wrong
    assert "device.fs.read(" in wrong
    assert "did you mean 'EG915U'" in wrong
    assert "sim/rig" not in wrong
    assert "asyncio" not in wrong
    assert "sim/rig/loop.py" in defect.split("short test summary")[0]  # a defect shows all there is


def test_the_option_is_stronger_than_every_mark(run) -> None:
    source = """
        import pytest

        @pytest.mark.qpy(seed=5)
        def test_it(_qpy_rig, qpy_run):
            assert _qpy_rig.seed == 8
            assert qpy_run("first_upgrade", seed=3).result.seed == 8
        """
    run(source, "--qpy-seed", "8").assert_outcomes(passed=1)


def test_artifacts_that_cannot_be_written_do_not_hide_the_failure(run, pytester: pytest.Pytester) -> None:
    (pytester.path / "file").touch()
    result = run("def test_it(qpy_device):\n    assert qpy_device.boots == 7\n", "--qpy-artifacts", "file")
    result.assert_outcomes(failed=1)
    assert "nothing was kept: " in result.stdout.str()
    assert "assert 0 == 7" in result.stdout.str()


def test_scripts_are_found_beside_the_test(run, pytester: pytest.Pytester) -> None:
    (pytester.path / "device").mkdir()
    (pytester.path / "device" / "main.py").write_text("print('hello')\n")
    source = """
        import pytest

        @pytest.mark.qpy(script="device/")
        def test_it(qpy_device):
            qpy_device.expect("hello")

        @pytest.mark.qpy(script="devise/")
        def test_not_there(qpy_device): ...
        """
    result = run(source)
    result.assert_outcomes(passed=1, errors=1)
    assert "script: there is no folder" in result.stdout.str()


def test_run_takes_files_beside_the_test_and_shipped_ones(run, pytester: pytest.Pytester) -> None:
    (pytester.path / "one.yaml").write_text(
        "version: 1\nname: one\nduration: 1m\nfleet:\n"
        "  - {name: a, model: EC200A, firmware: EC200ACNHAR01A02M16, agent: modelled}\nexpect: [device.bricked == 0]\n"
    )
    source = """
        def test_it(qpy_run):
            run = qpy_run("one.yaml", set={"fleet.0.name": "b"}, seed=3)
            assert run.passed, run
            assert (run.verdict, list(run.devices), run.devices["b"].boots) == ("PASSED", ["b"], 1)
            assert run.expects[0].expr == "device.bricked == 0"
            assert run.replay == "qpyota run one.yaml --seed 3 --transport memory --set fleet.0.name=b"
            assert qpy_run("trap_wrong_file").verdict == "PASSED"
        """
    run(source).assert_outcomes(passed=1)


def test_help_and_marks_are_told(pytester: pytest.Pytester) -> None:
    help_text = pytester.runpytest_inprocess("--help").stdout.str()
    assert all(option in help_text for option in ("--qpy-seed=N", "--qpy-cuts=all|N", "--qpy-artifacts=DIR"))
    marks = pytester.runpytest_inprocess("--markers").stdout.str()
    assert all(f"@pytest.mark.{name}(" in marks for name in ("qpy", "qpy_models", "power_cut"))
    fixtures = pytester.runpytest_inprocess("--fixtures").stdout.str()
    for name in (
        "qpy_cloud",
        "qpy_device",
        "make_qpy_device",
        "qpy_fleet",
        "qpy_clock",
        "qpy_pkg",
        "qpy_faults",
        "qpy_run",
    ):
        assert f"{name} --" in fixtures
    assert "_qpy_rig" not in fixtures


def test_who_does_not_use_it_does_not_notice(tmp_path: Path) -> None:
    """No part of the emulator is imported, no warning is given: in a process of its own."""
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    ours = {name for name in sys.modules if name.split('.')[0] == 'sim'}\n"
        "    assert ours - {'sim'} == {n for n in ours if n.startswith('sim.pytest_plugin')}\n"
        "    assert not {'simpy', 'aiohttp', 'asyncio', 'pydantic', 'numpy', 'greenlet', 'yaml'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", *STRICT, "-q", "test_plain.py"]
    without = "hypothesispytest", "pytest_cov", "xdist", "xdist.looponfail", "benchmark"
    command += [word for name in without for word in ("-p", f"no:{name}")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_asserts_of_the_emulator_stay_as_they_are(tmp_path: Path) -> None:
    """Whether it was imported before pytest or not: nothing of it is rewritten, and nobody is warned of that."""
    (tmp_path / "test_plain.py").write_text(
        "import sys\nimport sim.units, sim.manner\n\ndef test_it():\n"
        "    for name in ('sim', 'sim.units', 'sim.manner'):\n"
        "        assert 'Rewriting' not in type(sys.modules[name].__loader__).__name__\n"
    )
    code = f"import sim.units, pytest, sys; sys.exit(pytest.main([*{STRICT!r}, '-q', '-p', 'no:cov', 'test_plain.py']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_sample_from_the_tutorial_of_the_application(run) -> None:
    source = f"""
        import pytest

        @pytest.mark.qpy(model="EG915U", name="QuecPython_OTA", script={str(AWS_OTA)!r},
                         firmware="EG915UEUABR03A20M08_OCPU_QPY")
        def test_fota_reports_success(qpy_cloud, qpy_device, qpy_pkg):
            job = qpy_cloud.create_job("jobfota", qpy_device, package=qpy_pkg.diff(to="EG915UEUABR03A21M08_OCPU_QPY"))
            qpy_device.expect(r"jobfota: firmware", timeout="5m")
            job.wait("SUCCEEDED", timeout="10m")
            assert qpy_device.firmware == "EG915UEUABR03A21M08_OCPU_QPY" and qpy_device.boots == 2
        """
    run(source).assert_outcomes(passed=1)
