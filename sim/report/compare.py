"""Two runs beside each other: verdicts, thresholds, jobs, how durations are spread, and which devices differ."""

from __future__ import annotations

from typing import Any

from sim.report.reading import Run

DEVICES_TOLD = 1000
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_SAME = ("firmware", "boots", "bricked", "failure")
"""What of a device is compared; wear and times differ from seed to seed."""


def compare(first: Run, second: Run) -> dict[str, Any]:
    """What the two came to, as plain values; `differs` when verdict, an expect, a threshold, a job or a device does."""
    runs = (first, second)
    judged = [_pairs(runs, key) for key in ("expects", "thresholds")]
    jobs = _jobs(runs)
    devices = _devices(runs)
    verdicts = [run.head["verdict"] or "UNFINISHED" for run in runs]
    unequal = any(one["passed"][0] != one["passed"][1] for pairs in judged for one in pairs)
    return {
        "runs": [
            {name: run.head[name] for name in ("id", "scenario", "seed", "transport", "devices", "virtual_s", "wall_s")}
            for run in runs
        ],
        "differs": verdicts[0] != verdicts[1] or unequal or bool(devices) or any(a != b for a, b in jobs.values()),
        "same_trace": first.head["trace_hash"] == second.head["trace_hash"] is not None,
        "verdicts": verdicts,
        "expects": judged[0],
        "thresholds": judged[1],
        "jobs": jobs,
        "trends": _trends(runs),
        "devices": devices[:DEVICES_TOLD],
        "devices_differing": len(devices),
    }


def _pairs(runs: tuple[Run, Run], key: str) -> list[dict[str, Any]]:
    """What was judged in either run, in the first one's order; None where it was not."""
    found = [
        {f"{one.get('metric', '')}  {one['expr']}".strip(): one for one in run.result.get(key, ())} for run in runs
    ]
    names = dict.fromkeys([*found[0], *found[1]])
    pairs = []
    for name in names:
        ones = [part.get(name) for part in found]
        pair: dict[str, Any] = {"expr": name, "passed": [None if one is None else one["passed"] for one in ones]}
        if key == "thresholds":
            pair |= {part: [None if one is None else one[part] for one in ones] for part in ("value", "shown")}
        pairs.append(pair)
    return pairs


def _told(one: dict[str, Any]) -> str:
    return f"{one.get('metric', '')}  {one['expr']}".strip()


def _jobs(runs: tuple[Run, Run]) -> dict[str, list[dict[str, Any] | None]]:
    found = []
    for run in runs:
        columns, rows = run.jobs()
        found.append({row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in rows})
    return {job: [part.get(job) for part in found] for job in dict.fromkeys([*found[0], *found[1]])}


def _trends(runs: tuple[Run, Run]) -> dict[str, list[dict[str, int] | None]]:
    """Count, percentiles and most of each trend, over all tags; durations in microseconds."""
    found = [run.trends() for run in runs]
    told: dict[str, list[dict[str, int] | None]] = {}
    for name in dict.fromkeys([*found[0], *found[1]]):
        told[name] = []
        for part in found:
            spread = part.get(name)
            shares = {} if spread is None else {word: round(spread.percentile(share)) for word, share in SHARES.items()}
            told[name].append(None if spread is None else {"count": spread.count, **shares, "max": spread.most})
    return told


def _devices(runs: tuple[Run, Run]) -> list[dict[str, Any]]:
    """Devices that ended differently: what each run says of them. One that a summary left out has nothing to differ."""
    if any(run.head["record"] == "summary" for run in runs):
        said = [_failures(run) for run in runs]
    else:
        said = [_states(run) for run in runs]
    names = dict.fromkeys([*said[0], *said[1]])
    return [
        {"device": name, "was": pair} for name in names if (pair := [part.get(name) for part in said])[0] != pair[1]
    ]


def _failures(run: Run) -> dict[str, dict[str, Any]]:
    return {
        name: {"failure": failure} for name, failure in run.table("SELECT name, failure FROM device").rows if failure
    }


def _states(run: Run) -> dict[str, dict[str, Any]]:
    _, rows = run.table(f"SELECT name, {', '.join(_SAME)} FROM device ORDER BY rowid")
    states = {row[0]: dict(zip(_SAME, row[1:], strict=True)) for row in rows}
    for device, job, status in run.table("SELECT device, job, status FROM execution ORDER BY attempt").rows:
        states.setdefault(device, {})[f"job {job}"] = status
    return states


def changed(pair: list[dict[str, Any] | None]) -> list[str]:
    """A device's differences in words: `boots 2 → 3`."""
    first, second = (one or {} for one in pair)
    words = dict.fromkeys([*first, *second])
    return [f"{word} {first.get(word)} → {second.get(word)}" for word in words if first.get(word) != second.get(word)]


def columns_of(jobs: list[dict[str, Any] | None]) -> list[tuple[str, Any, Any]]:
    """The numbers of one job side by side, those that are 0 in both left out."""
    first, second = (one or {} for one in jobs)
    names = dict.fromkeys([*first, *second])
    pairs = [(name, first.get(name), second.get(name)) for name in names]
    return [pair for pair in pairs if any(value not in (0, None) for value in pair[1:])]
