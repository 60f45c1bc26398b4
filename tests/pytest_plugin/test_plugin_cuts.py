"""The mark power_cut: one test for each operation, counted once; or one for all."""

from __future__ import annotations

import re

import pytest
from plugin_rig import STRICT

pytest_plugins = ("pytester",)

UPGRADE = """
import pytest

@pytest.mark.power_cut(every={op!r}{more})
def test_survives(qpy_cloud, qpy_device, qpy_pkg):
    qpy_cloud.create_job("j", qpy_device, package=qpy_pkg.app({{"/usr/a.py": b"x = 2"}}))
    print("the body runs")
    qpy_device.run_until_idle("30m")
    assert qpy_device.boots_ok
    assert {check}
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    """`run(op, *options, check=..., more=...)`: the outcome of an upgrade that is cut at each `op`."""

    def runner(op: str, *options: str, check: str = "True", more: str = "") -> pytest.RunResult:
        pytester.makepyfile(test_it=UPGRADE.format(op=op, check=check, more=more))
        return pytester.runpytest_inprocess(*STRICT, *options)

    return runner


def names(result: pytest.RunResult) -> list[str]:
    return re.findall(r"test_it\.py::(\S+)", result.stdout.str())


def test_one_test_a_point(run) -> None:
    result = run("mqtt.pub", "-v")
    found = sorted(set(names(result)))
    assert len(found) >= 2
    assert found == sorted(f"test_survives[cut@{number}]" for number in range(1, len(found) + 1))
    result.assert_outcomes(passed=len(found))


def test_nothing_of_the_counting_is_seen(run) -> None:
    result = run("http.chunk", "--collect-only", "-q")
    assert "the body runs" not in result.stdout.str()
    assert result.ret == 0


def test_one_cut_can_be_named_and_is_the_same_as_in_the_whole(run, pytester: pytest.Pytester) -> None:
    failing = run("flash.program", "--tb=short", check="qpy_device.boots == 2")
    failed = re.findall(r"replay: (pytest .*)", failing.stdout.str())
    assert failed
    words = failed[-1].replace("'", "").split()[1:]
    assert words[0].startswith("test_it.py::test_survives[cut@")
    again = pytester.runpytest_inprocess(*STRICT, "--tb=short", *words)
    again.assert_outcomes(failed=1)
    number = words[0].partition("@")[2].rstrip("]")
    assert f"power was cut at flash.program number {number}, which was left torn as 'prefix'" in again.stdout.str()


def test_so_many_of_them_evenly_far_apart(run) -> None:
    whole = len(set(names(run("flash.program", "--collect-only", "-q"))))
    some = names(run("flash.program", "--collect-only", "-q", "--qpy-cuts", "4"))
    assert len(some) == 4
    assert some[0] == "test_survives[cut@1]"
    assert some[2] == f"test_survives[cut@{2 * whole // 4 + 1}]"
    assert len(names(run("flash.program", "--collect-only", "-q", "--qpy-cuts", "9999"))) == whole


@pytest.mark.parametrize("word", ["none", "0", "-1", "1.5"])
def test_how_many_is_all_or_a_number(run, word: str) -> None:
    result = run("http.chunk", f"--qpy-cuts={word}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "is neither 'all' nor a number from 1 on" in result.stderr.str()


def test_merged_is_one_test(run) -> None:
    result = run("http.chunk", "-v", more=", merged=True")
    assert sorted(set(names(result))) == ["test_survives"]
    result.assert_outcomes(passed=1)


def test_merged_tells_which_failed_and_shows_the_first(run) -> None:
    result = run("flash.program", "--tb=short", more=", merged=True", check="qpy_device.boots == 2")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    told = re.search(r"(\d+) of (\d+) power cuts failed: cut@(\d+), cut@.*; this is cut@(\d+)", text)
    assert told is not None
    assert int(told[1]) <= int(told[2])
    assert told[3] == told[4]
    assert "assert 3 == 2" in text
    assert f"power was cut at flash.program number {told[3]}" in text
    assert "replay: pytest test_it.py::test_survives --qpy-seed 1" in text


def test_shapes_and_times_of_a_cut(run) -> None:
    check = "[r for r in qpy_device.events if r.kind == 'power.on'][1].at_us > 3_600_000_000"
    result = run(
        "http.chunk", "--qpy-cuts=1", more=", torn='none', off_for='1h'", check=check + " or qpy_device.boots < 3"
    )
    result.assert_outcomes(failed=1)  # without a cut there is no second power.on: the count fails, and so does the test
    assert "IndexError" in result.stdout.str()


def test_a_test_that_fails_without_a_cut_stays_itself(run) -> None:
    result = run("flash.program", "-v", check="qpy_device.boots == 7")
    assert sorted(set(names(result))) == ["test_survives"]
    result.assert_outcomes(failed=1)
    assert "assert 2 == 7" in result.stdout.str()


@pytest.mark.parametrize("more", ["", ", merged=True"])
def test_nothing_to_cut_is_a_failure(pytester: pytest.Pytester, more: str) -> None:
    pytester.makepyfile(
        test_it=f"""
        import pytest

        @pytest.mark.power_cut(every="http.chunk"{more})
        def test_it(qpy_device):
            qpy_device.boot()
        """
    )
    result = pytester.runpytest_inprocess(*STRICT)
    result.assert_outcomes(failed=1)
    assert "there is nothing to cut: the test makes its device do no http.chunk" in result.stdout.str()


@pytest.mark.parametrize("more", ["", ", merged=True"])
def test_a_skipped_test_is_skipped(pytester: pytest.Pytester, more: str) -> None:
    pytester.makepyfile(
        test_it=f"""
        import pytest

        @pytest.mark.skip(reason="later")
        @pytest.mark.power_cut(every="http.chunk"{more})
        def test_it(qpy_device):
            qpy_device.boot()
        """
    )
    pytester.runpytest_inprocess(*STRICT).assert_outcomes(skipped=1)


def test_a_test_that_differs_from_run_to_run_is_found_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        CALLS = []

        @pytest.mark.power_cut(every="flash.program")
        def test_it(qpy_device):
            CALLS.append(1)
            qpy_device.boot()
            if len(CALLS) == 1:
                for number in range(3):
                    qpy_device.fs.write("/usr/x", b"x" * 5000)
        """
    )
    result = pytester.runpytest_inprocess(*STRICT)
    assert result.ret == 1
    assert "power was never cut: the test ended before flash.program number" in result.stdout.str()


def test_models_parameters_classes_and_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        MADE = []

        @pytest.fixture(params=["x", "y"])
        def own(request):
            MADE.append(request.param)
            return request.param

        class TestIt:
            @pytest.mark.qpy_models("EC200A", "BG95")
            @pytest.mark.power_cut(every="http.chunk")
            def test_it(self, qpy_cloud, qpy_device, qpy_pkg, own):
                qpy_cloud.create_job("j", qpy_device, package=qpy_pkg.app({"/usr/a.py": b"x"}))
                qpy_device.run_until_idle("30m")
                assert qpy_device.boots_ok and own in "xy"
        """
    )
    result = pytester.runpytest_inprocess(*STRICT, "-v")
    found = set(names(result))
    assert {re.sub(r"-cut@\d+", "", name) for name in found} == {
        f"TestIt::test_it[{a}-{b}]" for a, b in [("EC200A", "x"), ("EC200A", "y"), ("BG95", "x"), ("BG95", "y")]
    } or {re.sub(r"-cut@\d+", "", name) for name in found} == {
        f"TestIt::test_it[{b}-{a}]" for a, b in [("EC200A", "x"), ("EC200A", "y"), ("BG95", "x"), ("BG95", "y")]
    }
    result.assert_outcomes(passed=len(found))


def test_fixtures_of_ones_own_are_set_up_for_the_counting_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        SEEN = []

        @pytest.fixture(scope="session")
        def whole():
            SEEN.append("up")
            yield
            SEEN.append("down")

        @pytest.mark.power_cut(every="http.chunk")
        def test_it(whole, qpy_cloud, qpy_device, qpy_pkg):
            assert SEEN in (["up"], ["up", "down", "up"])
            qpy_cloud.create_job("j", qpy_device, package=qpy_pkg.app({"/usr/a.py": b"x"}))
            qpy_device.run_until_idle("30m")
        """
    )
    pytester.runpytest_inprocess(*STRICT).assert_outcomes(passed=1)


def test_where_the_mark_does_not_work_the_test_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import unittest

        import pytest

        class TestIt(unittest.TestCase):
            @pytest.mark.power_cut(every="http.chunk")
            def test_it(self):
                pass
        """
    )
    result = pytester.runpytest_inprocess(*STRICT)
    result.assert_outcomes(failed=1)
    assert "no power was cut: the mark power_cut is for functions" in result.stdout.str()


def test_a_merged_test_sets_up_its_module_once(pytester: pytest.Pytester) -> None:
    source = """
        import pytest

        UP, DOWN = [], []

        @pytest.fixture(scope="module")
        def whole():
            UP.append(1)
            yield
            DOWN.append(1)
            {fails}

        @pytest.mark.power_cut(every="mqtt.pub", merged=True)
        def test_it(whole, qpy_cloud, qpy_device, qpy_pkg):
            assert (len(UP), len(DOWN)) == (1, 0)
            qpy_cloud.create_job("j", qpy_device, package=qpy_pkg.app({{"/usr/a.py": b"x"}}))
            qpy_device.run_until_idle("30m")
        """
    pytester.makepyfile(test_fine=source.format(fails=""), test_next="def test_it(): pass")
    pytester.runpytest_inprocess(*STRICT).assert_outcomes(passed=2)
    pytester.makepyfile(test_fine=source.format(fails="1 / 0"), test_next="def test_it(): pass")
    pytester.runpytest_inprocess(*STRICT).assert_outcomes(passed=2, errors=1)
