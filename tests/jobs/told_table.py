"""The table of notifications, as plain data: which event is told on `notify` and on `notify-next`, and in what order.

As in `tables.py`; from "Jobs notifications" of the developer guide, and a capture where its prose says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tables import ABC, RETRY, STARTED, TEN_OF_EACH_HOUR, Step, do


@dataclass(frozen=True)
class Told:
    """What t is told after `when`: `notify` with the listed jobs, `notify-next` with the first, in this order.

    An attempt other than the first is written `job#number`.
    """

    name: str
    given: tuple[Step, ...]
    when: Step
    told: tuple[str, ...]
    rules: Mapping[str, Any] = field(default_factory=dict)


CLOUD_ENDS: Mapping[str, Step] = {
    "CancelJobExecution": do("cancel", "*"),
    "CancelJobExecution with force": do("cancel", "*", force=True),
    "CancelJob": do("cancel_job", "*"),
    "CancelJob with force": do("cancel_job", "*", force=True),
    "DeleteJobExecution with force": do("delete", "*", 1, force=True),
    "DeleteJob with force": do("delete_job", "*", force=True),
    "the thing leaves the group": do("leave", "g*", "t"),
}
"""How the cloud ends a pending execution; `*` stands for the job."""

GROUPED = tuple(
    step
    for job in "abc"
    for step in (do("group", f"g{job}", "t"), do("create", job, f"g{job}", targetSelection="CONTINUOUS"))
)
_UNTOUCHED = ("CancelJobExecution", "CancelJob")


def _ended_by_the_cloud() -> list[Told]:
    rows = []
    for name, step in CLOUD_ENDS.items():
        for job, lists in (("a", ("notify b c", "notify-next b")), ("b", ("notify a c",)), ("c", ("notify a b",))):
            act = do(step.verb, *(str(it).replace("*", job) for it in step.args[:1]), *step.args[1:], **step.members)
            rows.append(Told(f"queued, number {' abc'.index(job)}: {name}", GROUPED, act, lists))
            after = () if name in _UNTOUCHED else lists
            rows.append(Told(f"started, number {' abc'.index(job)}: {name}", GROUPED + STARTED, act, after))
    return rows


NOTIFICATIONS = (
    Told("new execution, list was empty", (), do("create", "a"), ("notify a", "notify-next a")),
    Told("new execution behind others", (do("create", "a"),), do("create", "b"), ("notify a b",)),
    Told("start-next on the first job", ABC, do("start_next"), ()),
    Told("start-next on a job already started", (*ABC, do("start_next")), do("start_next"), ()),
    Told("first job set IN_PROGRESS", ABC, do("update", "a", "IN_PROGRESS"), ()),
    Told("progress", (*ABC, do("start_next")), do("update", "a", "IN_PROGRESS", statusDetails={"p": "50"}), ()),
    Told("progress of another than the first", (*ABC, *STARTED), do("update", "b", "IN_PROGRESS"), ()),
    Told(
        "later job set IN_PROGRESS heads the list",
        ABC,
        do("update", "c", "IN_PROGRESS"),
        ("notify-next c",),
    ),
    Told(
        "later job set IN_PROGRESS, queued earlier than the one in progress",
        (*ABC, do("update", "c", "IN_PROGRESS")),
        do("update", "b", "IN_PROGRESS"),
        ("notify-next b",),
    ),
    Told(
        "later job set IN_PROGRESS behind one in progress",
        (*ABC, do("start_next")),
        do("update", "c", "IN_PROGRESS"),
        (),
    ),
    *(
        Told(f"first job {it}", ABC, do("update", "a", it), ("notify b c", "notify-next b"))
        for it in ("SUCCEEDED", "FAILED", "REJECTED")
    ),
    *(
        Told(f"only job {it}", (do("create", "a"), do("start_next")), do("update", "a", it), ("notify", "notify-next"))
        for it in ("SUCCEEDED", "FAILED", "REJECTED")
    ),
    *(
        Told(f"other than the first {it}", ABC, do("update", "b", it), ("notify a c",))
        for it in ("SUCCEEDED", "FAILED", "REJECTED")
    ),
    *_ended_by_the_cloud(),
    Told(
        "the thing is deleted",
        (do("create", "a"),),
        do("remove_thing", "t"),
        ("notify", "notify-next"),
    ),
    Told(
        "first job times out",
        (*ABC, do("update", "a", "IN_PROGRESS", stepTimeoutInMinutes=1)),
        do("wait", 61),
        ("notify b c", "notify-next b"),
    ),
    Told(
        "other than the first times out",
        (*ABC, do("start_next"), do("update", "b", "IN_PROGRESS", stepTimeoutInMinutes=1)),
        do("wait", 61),
        ("notify a c",),
    ),
    Told(
        "job is aborted by another thing",
        (
            do(
                "create",
                "a",
                "t",
                "u",
                abortConfig={
                    "criteriaList": [
                        {
                            "failureType": "FAILED",
                            "action": "CANCEL",
                            "thresholdPercentage": 50,
                            "minNumberOfExecutedThings": 1,
                        }
                    ]
                },
            ),
        ),
        do("update", "a", "FAILED", thing="u"),
        ("notify", "notify-next"),
    ),
    Told(
        "retry of the only job",
        (do("create", "a", jobExecutionsRetryConfig=RETRY),),
        do("update", "a", "FAILED"),
        ("notify a#2", "notify-next a#2"),
    ),
    Told(
        "retry of the first job goes to the end",
        (do("create", "a", jobExecutionsRetryConfig=RETRY), do("create", "z"), do("wait", 1)),
        do("update", "a", "FAILED"),
        ("notify z a#2", "notify-next z"),
    ),
    Told(
        "retry of another than the first",
        (do("create", "z"), do("create", "a", jobExecutionsRetryConfig=RETRY)),
        do("update", "a", "FAILED"),
        ("notify z a#2",),
    ),
    Told(
        "retry of a started job behind which another is in progress",
        (
            do("create", "a", jobExecutionsRetryConfig=RETRY),
            do("create", "z"),
            do("start_next"),
            do("update", "z", "IN_PROGRESS"),
        ),
        do("update", "a", "FAILED"),
        ("notify z a#2", "notify-next z"),
    ),
    Told(
        "the thing joins the group of a CONTINUOUS job",
        (do("group", "g"), do("create", "a", "g", targetSelection="CONTINUOUS")),
        do("join", "g", "t"),
        ("notify a", "notify-next a"),
    ),
    Told(
        "a finished execution is deleted",
        (do("create", "a"), do("create", "b"), do("update", "a", "FAILED")),
        do("delete", "a", 1),
        (),
    ),
    Told(
        "a maintenance window opens over a hidden execution",
        (
            do("group", "g", "t"),
            do("wait", 900),
            do("create", "a", "g", targetSelection="CONTINUOUS", schedulingConfig=TEN_OF_EACH_HOUR),
        ),
        do("wait", 2701),
        ("notify a", "notify-next a"),
    ),
    Told(
        "a maintenance window closes",
        (
            do("group", "g", "t"),
            do("create", "a", "g", targetSelection="CONTINUOUS", schedulingConfig=TEN_OF_EACH_HOUR),
        ),
        do("wait", 601),
        (),
    ),
    Told(
        "a maintenance window closes, when that is told",
        (
            do("group", "g", "t"),
            do("create", "a", "g", targetSelection="CONTINUOUS", schedulingConfig=TEN_OF_EACH_HOUR),
        ),
        do("wait", 601),
        ("notify", "notify-next"),
        {"window_close_notifies": True},
    ),
    Told(
        "first job started, when that is told",
        ABC,
        do("start_next"),
        ("notify a b c",),
        {"start_notifies": True},
    ),
    Told(
        "progress, when a start is told",
        (*ABC, do("start_next")),
        do("update", "a", "IN_PROGRESS"),
        (),
        {"start_notifies": True},
    ),
    *(
        Told(
            f"a started execution whose thing leaves the group: {choice}",
            (do("group", "g", "t"), do("create", "a", "g", targetSelection="CONTINUOUS"), do("start_next")),
            do("leave", "g", "t"),
            told,
            {"left_group": choice},
        )
        for choice, told in (("removed", ("notify", "notify-next")), ("started_go_on", ()))
    ),
    *(
        Told(f"a queued execution is deleted: {choice}", ABC, do("delete", "b", 1), told, {"queued_deletion": choice})
        for choice, told in (("free", ("notify a c",)), ("forced", ()))
    ),
    Told("a refused update", ABC, do("update", "a", "FAILED", expectedVersion=9), ()),
    Told("an update of a finished execution", (*ABC, do("update", "a", "FAILED")), do("update", "a", "FAILED"), ()),
    Told("asking", ABC, do("ask", "get"), ()),
    Told("describing", ABC, do("ask", "$next/get"), ()),
    Told("time passes over a queued execution", ABC, do("wait", 86_400), ()),
    Told(
        "the eleventh is not listed",
        tuple(do("create", f"j{it}") for it in range(10)),
        do("create", "late"),
        ("notify " + " ".join(f"j{it}" for it in range(10)),),
    ),
    Told(
        "five of jobs with maintenance windows are listed besides the ten",
        (
            do("group", "g", "t"),
            *(
                do("create", f"w{it}", "g", targetSelection="CONTINUOUS", schedulingConfig=TEN_OF_EACH_HOUR)
                for it in range(6)
            ),
            *(do("create", f"j{it}") for it in range(10)),
        ),
        do("create", "late"),
        ("notify " + " ".join([*(f"w{it}" for it in range(5)), *(f"j{it}" for it in range(10))]),),
    ),
)
