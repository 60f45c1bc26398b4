"""Tests with the mark `power_cut`: run once to count the operations, then once for each with power cut there.

Counting takes place when tests are collected, since each cut is a test of its own that can be named: the test runs,
without a cut and without a report. A test that fails or is skipped without a cut stays as it is, and says so itself.
With `merged` the test is one item, and all of this happens when it runs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import pytest
from _pytest import python
from _pytest.runner import runtestprotocol

from sim.pytest_plugin.marks import PowerCut, power_cut_of
from sim.pytest_plugin.places import COUNT, CUT, MERGED, NAMED, UNCUT

Made = Any
"""What pytest makes of a name of a module: nothing, a node, or a list of them."""

_CallSpec: Any = getattr(python, "CallSpec", None) or vars(python)["CallSpec2"]
"""What pytest keeps of a test's parameters; it had another name up to version 9.1."""

FAILURES_TOLD = 10
"""Cuts of a merged test that are named when they fail."""


def parse_cuts(text: str) -> int | None:
    """`all` or a number; how many, None for all."""
    if text == "all":
        return None
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'all' nor a number from 1 on")
    return int(text)


def expanded(made: Made) -> Made:
    """The same, with a test for each power cut in place of those that have the mark."""
    nodes = made if isinstance(made, list) else [made]
    if not any(isinstance(node, pytest.Function) and power_cut_of(node) for node in nodes):
        return made
    found: list[Any] = []
    for node in nodes:
        mark = power_cut_of(node) if isinstance(node, pytest.Function) else None
        if mark is None:
            found.append(node)
        else:
            _check(node, mark)
            found += _expanded(node, mark)
    return found


def _check(item: pytest.Function, mark: PowerCut) -> None:
    from sim.errors import SpecError
    from sim.rig.cuts import check_op

    if "qpy_device" not in item.fixturenames:
        raise pytest.Collector.CollectError(
            f"{item.nodeid}: power_cut needs the fixture qpy_device, whose power it cuts"
        )
    try:
        check_op(mark.every)
    except SpecError as error:
        raise pytest.Collector.CollectError(f"{item.nodeid}: power_cut(every=...): {error}") from None


def _expanded(item: pytest.Function, mark: PowerCut) -> list[pytest.Function]:
    if mark.merged:
        item.stash[MERGED] = True
        return [item]
    points, reports = _count(item, mark, None)
    if points:
        return _cuts(item, mark, points)
    item.stash[UNCUT] = _why_uncut(mark, reports)
    return [item]


def _why_uncut(mark: PowerCut, reports: list[pytest.TestReport]) -> str:
    if all(report.passed for report in reports):
        return f"there is nothing to cut: the test makes its device do no {mark.every}"
    return "it did not pass when its operations were counted, and no power was cut now"


def run_merged(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test that stands for all its cuts, and report once. None for every other test."""
    if MERGED not in item.stash:
        return None
    assert isinstance(item, pytest.Function)
    mark = power_cut_of(item)
    assert mark is not None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    points, reports = _count(item, mark, item)  # what is set up for its module stays until the last cut
    if points:
        _try_all(_cuts(item, mark, points), item, reports)
    elif all(report.passed for report in reports):
        fail(next(report for report in reports if report.when == "call"), _why_uncut(mark, reports))
    ending = pytest.CallInfo.from_call(lambda: item.session._setupstate.teardown_exact(nextitem), "teardown")
    over = item.ihook.pytest_runtest_makereport(item=item, call=ending)
    for report in [*reports[:-1], over if over.failed else reports[-1]]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _try_all(cuts: list[pytest.Function], item: pytest.Item, clean: list[pytest.TestReport]) -> None:
    """Run them, and put what they came to into the reports of the run without a cut."""
    failed: list[tuple[int, pytest.TestReport]] = []
    duration = 0.0
    for cut in cuts:
        reports = runtestprotocol(cut, log=False, nextitem=item)
        duration += sum(report.duration for report in reports)
        failed += [(cut.stash[CUT].nth, report) for report in reports if report.failed][:1]
    called = [report for report in clean if report.when == "call"]
    for report in called:
        report.duration += duration
        report.user_properties.append(("power cuts", len(cuts)))
        if failed:
            first, shown = failed[0]
            names = ", ".join(f"cut@{number}" for number, _ in failed[:FAILURES_TOLD])
            more = f" and {len(failed) - FAILURES_TOLD} more" if len(failed) > FAILURES_TOLD else ""
            report.outcome = "failed"
            report.longrepr = shown.longrepr
            report.sections += [(title, text) for title, text in shown.sections if title != "qpyota"]
            told = f"{len(failed)} of {len(cuts)} power cuts failed: {names}{more}; this is cut@{first}"
            own = [text for title, text in shown.sections if title == "qpyota"]
            report.sections.append(("qpyota", "\n".join([told, *own])))


def fail(report: pytest.TestReport, why: str) -> None:
    """Make a passed test a failed one."""
    report.outcome = "failed"
    report.longrepr = why


def _count(item: pytest.Function, mark: PowerCut, nextitem: pytest.Item | None) -> tuple[int, list[pytest.TestReport]]:
    """How many points the test passes, 0 when it does not pass without a cut; and its reports."""
    from sim.rig.cuts import Count

    clean = _twin(item)
    counted = clean.stash[COUNT] = Count(mark.every)
    capture = item.config.pluginmanager.getplugin("capturemanager")
    reports = runtestprotocol(clean, log=False, nextitem=nextitem)
    if MERGED not in item.stash and capture is not None:
        capture.resume_global_capture()
    passed = all(report.passed for report in reports)
    return (counted.points if passed else 0), reports


def _cuts(item: pytest.Function, mark: PowerCut, points: int) -> list[pytest.Function]:
    """The test, once for each point that is to be tried."""
    from sim.rig.cuts import Cut
    from sim.sweep.merge import spread

    sample = item.config.getoption("--qpy-cuts")
    chosen = range(points) if sample is None else sorted(spread(points, sample))
    made = []
    for point in chosen:
        twin = _twin(item, f"cut@{point + 1}")
        if MERGED in item.stash:
            twin.stash[NAMED] = item.nodeid
        twin.stash[CUT] = Cut(mark.every, point + 1, mark.torn, mark.off_for)
        made.append(twin)
    return made


def _twin(item: pytest.Function, more: str = "") -> pytest.Function:
    """The same test once more, with one more word in the brackets behind its name."""
    callspec = getattr(item, "callspec", None)
    name = item.name
    if more:
        callspec = callspec or _CallSpec()
        callspec = replace(callspec, _idlist=[*callspec._idlist, more])
        name = f"{item.originalname}[{callspec.id}]"
    return type(item).from_parent(
        item.parent, name=name, callspec=callspec, fixtureinfo=item._fixtureinfo, originalname=item.originalname
    )
