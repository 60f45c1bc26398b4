"""The pytest plugin: a cloud and QuecPython devices as fixtures, power cuts as marks, scenarios as tests.

pytest loads this in every run, also of people who have other things to test: nothing of the emulator is imported
before a fixture is used or a `*.ota.yaml` file is collected. What a rig is and does is in `sim.rig`.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from sim.pytest_plugin import cuts, failures, marks
from sim.pytest_plugin.fixtures import (
    _qpy_model,
    _qpy_rig,
    make_qpy_device,
    qpy_clock,
    qpy_cloud,
    qpy_device,
    qpy_faults,
    qpy_fleet,
    qpy_pkg,
    qpy_run,
)

__all__ = [
    "_qpy_model",
    "_qpy_rig",
    "make_qpy_device",
    "qpy_clock",
    "qpy_cloud",
    "qpy_device",
    "qpy_faults",
    "qpy_fleet",
    "qpy_pkg",
    "qpy_run",
]

SCENARIO_SUFFIX = ".ota.yaml"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    # pytest rewrites the asserts of all that comes with a plugin. Those of an emulator are no tests; it is only slower.
    getattr(pluginmanager.rewrite_hook, "_must_rewrite", set()).discard("sim")
    group = parser.getgroup("qpyota", "emulated QuecPython devices")
    group.addoption(
        "--qpy-seed", type=int, metavar="N", help="root of all randomness, in place of 1 and of every seed="
    )
    group.addoption(
        "--qpy-cuts",
        type=cuts.parse_cuts,
        default=None,
        metavar="all|N",
        help="power cuts to try of each test with the mark power_cut: all (default), or N of them, evenly far apart",
    )
    group.addoption(
        "--qpy-artifacts", type=Path, metavar="DIR", help="keep trace, flash and replay line of failed tests here"
    )


def pytest_configure(config: pytest.Config) -> None:
    for line in marks.LINES:
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    models = marks.models_of(metafunc.definition)
    if models:
        if "_qpy_model" not in metafunc.fixturenames:
            raise pytest.Collector.CollectError(
                f"{metafunc.definition.nodeid}: qpy_models needs a fixture that makes a device"
            )
        metafunc.parametrize("_qpy_model", models, indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class,  # noqa: ARG001 - pytest's signature
) -> Generator[None, cuts.Made, cuts.Made]:
    return cuts.expanded((yield))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    return cuts.run_merged(item, nextitem)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith(SCENARIO_SUFFIX):
        return None
    from sim.pytest_plugin.scenario_file import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    failures.shorten(call)
    report = yield
    failures.add_section(item, call, report)
    return report
