"""A run as JUnit XML: a test suite, with a test case for each expect and threshold, and one for the run itself."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def junit(head: dict[str, Any], result: dict[str, Any]) -> bytes:
    """The XML of one run, from its row of the run file and its result."""
    cases = list(_cases(result))
    failed = sum(kind == "failure" for _, _, kind, _ in cases)
    errors = sum(kind == "error" for _, _, kind, _ in cases)
    numbers = {"tests": str(len(cases)), "failures": str(failed), "errors": str(errors)}
    suites = ET.Element("testsuites", numbers)
    suite = ET.SubElement(suites, "testsuite", {"name": _clean(head["scenario"]), **numbers})
    suite.set("time", f"{head['wall_s']:.3f}")
    suite.set("timestamp", str(head["began"]).partition("+")[0])
    properties = ET.SubElement(suite, "properties")
    for name in ("id", "seed", "transport", "qpyota", "python", "trace_hash", "replay"):
        ET.SubElement(properties, "property", name=name, value=_clean(str(head[name])))
    for group, name, kind, text in cases:
        case = ET.SubElement(suite, "testcase", classname=_clean(f"{head['scenario']}.{group}"), name=_clean(name))
        case.set("time", "0")
        if kind:
            ET.SubElement(case, kind, message=_clean(text.partition("\n")[0])).text = _clean(text)
    failures = [f"{one['device']}: {one['reason']}\n  {one['replay']}" for one in result["failures"]]
    ET.SubElement(suite, "system-out").text = _clean("\n".join([*failures, *result["explanations"]]))
    ET.indent(suites)
    written: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _cases(result: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Group, name, what it came to ("" passed, failure, error), and why."""
    found = [
        ("expect", one["expr"], "" if one["passed"] else "failure", one["detail"] or "does not hold")
        for one in result["expects"]
    ]
    found += [
        (
            "threshold",
            f"{one['metric']}  {one['expr']}",
            "" if one["passed"] else "failure",
            f"measured: {one['shown']}",
        )
        for one in result["thresholds"]
    ]
    problems = "\n".join(result["problems"])
    return [*found, ("run", "came to its end", "error" if problems else "", problems)]


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
