"""What a lab file says, as typed values: the same rules as scenarios (units in the text, unknown keys are errors).

A lab is a folder: `lab.yaml` (this), `text.md` for the student, `starter/` that is copied, and in the repository
`solution/`, which holds the files that differ from the starter. What needs two places is checked in
sim/learn/library.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictInt, model_validator

from sim.scenario.values import ANYTHING, Share, Spec, exactly_one, matching

SCENARIO = "scenario.yaml"
"""The scenario of every lab, in its starter."""

Name = Annotated[str, AfterValidator(matching(r"[a-z][a-z0-9_]{0,31}", "a name of a prediction"))]


class Yours(Spec):
    """What a student may change: ways to values of the scenario, as for `--set`, and files, or folders that end in
    `/`.

    Whatever else is changed in a work folder is for trying out; goals are looked at with the lab's own.
    """

    keys: tuple[str, ...] = ()
    files: tuple[Annotated[str, AfterValidator(matching(r"[A-Za-z0-9_]+(/[A-Za-z0-9_.]+)*/?", "a path"))], ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Yours:
        if not self.keys and not self.files:
            raise ValueError("a lab leaves something to do: give 'keys' or 'files'")
        return self


class Goal(Spec):
    """One goal: what it is in words (`say`), and an `expect` line, or a `metric` with its `limit`, that decides it.

    `why` is told once it holds.
    """

    say: str
    expect: str | None = None
    metric: str | None = None
    limit: str | None = None
    why: str = ""

    @model_validator(mode="after")
    def _one(self) -> Goal:
        exactly_one(self, "expect", "metric")
        if (self.metric is None) != (self.limit is None):
            raise ValueError("a 'metric' has a 'limit', e.g. metric: ota_duration, limit: max < 6m")
        return self


class Prediction(Spec):
    """A question before the run. `answer` is an expression whose value the run itself tells, never a written one.

    `of` says whose run: that of the starter as it is, or the student's own. `choices` are the answers to choose from;
    a number is right when it is `within` that share of the answer. `why` is told with the answer."""

    name: Name
    ask: str
    answer: str
    of: Literal["starter", "yours"] = "starter"
    choices: Annotated[tuple[Annotated[Any, ANYTHING], ...], Field(max_length=8)] = ()
    within: Share = 0.0
    why: str = ""


class Lab(Spec):
    """A whole lab. `seeds`: how many hidden ones it is graded with, besides the scenario's own."""

    version: Literal[1]
    title: str
    minutes: Annotated[StrictInt, Field(ge=5, le=60)]
    idea: str
    yours: Yours
    predict: tuple[Prediction, ...] = ()
    goals: Annotated[tuple[Goal, ...], Field(min_length=1, max_length=20)]
    hints: tuple[str, ...] = ()
    after: str
    seeds: Annotated[StrictInt, Field(ge=1, le=50)] = 3


def lab_schema() -> dict[str, Any]:
    """The JSON Schema of lab files, for editors."""
    made = Lab.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "qpyota lab"}
