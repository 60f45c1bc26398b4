"""Which labs there are, and from a lab's folder to a checked lab, or to all of its errors with their places.

Rules: errors are told as those of scenarios are, file:line:column. A lab that loads has a starter that loads, and
goals and predictions that speak of what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.errors import SpecError
from sim.learn.schema import SCENARIO, Lab, Yours
from sim.scenario import expect
from sim.scenario.document import Document
from sim.scenario.expect import suggest
from sim.scenario.loader import load_plain, text_of
from sim.scenario.metrics import METRICS
from sim.scenario.references import Finding, mapping, mappings
from sim.scenario.schema import Scenario
from sim.scenario.settings import Setting, applied
from sim.scenario.sightings import SEEN_KINDS
from sim.scenario.thresholds import Wrong, parse_condition, parse_selector
from sim.scenario.wording import report_invalid
from sim.shipped import scenarios_dir

LAB_FILE, TEXT_FILE = "lab.yaml", "text.md"
STARTER, SOLUTION = "starter", "solution"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A lab with what lies around it: `spec` from lab.yaml, `text` as Markdown, and the starter's scenario, also as
    plain `data`."""

    folder: Path
    spec: Lab
    text: str
    data: dict[str, Any]
    scenario: Scenario

    @property
    def name(self) -> str:
        """The folder's name is the lab's."""
        return self.folder.name

    @property
    def starter(self) -> Path:
        """What is copied for a student."""
        return self.folder / STARTER

    @property
    def solution(self) -> Path:
        """The files of a model solution; only in a checkout."""
        return self.folder / SOLUTION


def labs_dir() -> Path:
    """Where the labs are that ship with qpyota."""
    return scenarios_dir() / "labs"


def lab_names() -> list[str]:
    """Names of the labs that ship with qpyota, in the order in which to do them."""
    order = labs_dir() / "order.txt"
    return order.read_text(encoding="utf-8").split()


def find_lab(name: str) -> Shelf:
    """The lab that `name` means: one that ships with qpyota, a lab's folder, or its lab.yaml. SpecError when none."""
    given = Path(name)
    if name in lab_names():
        return load_lab(labs_dir() / name)
    try:
        if given.name == LAB_FILE and given.is_file():
            return load_lab(given.resolve().parent)
        if (given / LAB_FILE).is_file():
            return load_lab(given.resolve())
    except (OSError, ValueError):  # too long a name, or a NUL in it
        pass
    hint = suggest(given.name, lab_names())
    raise SpecError(f"there is no lab {name!r}{hint}\nlabs that ship with qpyota: {', '.join(lab_names())}")


def load_lab(folder: Path) -> Shelf:
    """The lab in `folder`, fully checked; SpecError holds every problem found."""
    file = folder / LAB_FILE
    document = Document(str(file), text_of(file), "a lab is a mapping of keys, e.g. 'version: 1'")
    data = document.read()
    spec: Lab | None = None
    if not document.unreadable:
        try:
            spec = Lab.model_validate(data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                report_invalid(document, detail, Lab)
    text = text_of(folder / TEXT_FILE)
    plain, scenario = load_plain(folder / STARTER / SCENARIO)
    if spec is not None:
        for place, message, offset in _problems(spec, folder, plain, scenario):
            document.report(place, message, offset=offset)
    if document.problems or spec is None:
        raise SpecError(document.sorted_problems())
    return Shelf(folder, spec, text, plain, scenario)


def _problems(spec: Lab, folder: Path, data: dict[str, Any], scenario: Scenario) -> Iterator[Finding]:
    """Everything that does not fit together."""
    names = _names(data, scenario)
    for index, goal in enumerate(spec.goals):
        if goal.expect is not None:
            for flaw in expect.check(goal.expect, names):
                yield ("goals", index, "expect"), flaw.message, flaw.offset
        else:
            yield from _limit_problems(index, str(goal.metric), str(goal.limit))
    seen: set[str] = set()
    for index, asked in enumerate(spec.predict):
        if asked.name in seen:
            yield ("predict", index, "name"), f"the name {asked.name!r} is already taken", 0
        seen.add(asked.name)
        for flaw in expect.check(asked.answer, names):
            yield ("predict", index, "answer"), flaw.message, flaw.offset
    yield from _yours_problems(spec.yours, folder, data)


def _limit_problems(index: int, metric: str, limit: str) -> Iterator[Finding]:
    key = "metric"
    try:
        selector = parse_selector(metric)
        key = "limit"
        parse_condition(limit, METRICS[selector.metric])
    except Wrong as error:
        yield ("goals", index, key), str(error), error.offset


def _names(data: dict[str, Any], scenario: Scenario) -> dict[str, Any]:
    """Known names by what they name. Where jobs are for the student to write, any job may be asked for."""
    devices = [name for entry in scenario.fleet for name in entry.devices()]
    names: dict[str, Any] = {"device": devices, "seen": SEEN_KINDS, "host": list(mapping(data, "hosts"))}
    jobs = [str(job.get("jobId")) for _, job in mappings(data, "jobs")]
    return names | ({"job": jobs} if jobs else {})


def _yours_problems(yours: Yours, folder: Path, data: dict[str, Any]) -> Iterator[Finding]:
    for index, way in enumerate(yours.keys):
        try:
            applied(data, [Setting(way, "~")])
        except SpecError as error:
            yield ("yours", "keys", index), error.problems[0].message, 0
    for index, name in enumerate(yours.files):
        if not (folder / STARTER / name).exists():
            yield ("yours", "files", index), f"the starter has no {name!r}", 0
