"""Why a device did not come to its end: known traps, each told in one sentence, or nothing at all.

A trap is named only when the trace and the flash together prove it; what is merely likely is not said. Each takes what
is known of one device and gives the sentence, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sim.scenario.explain.evidence import Evidence
from sim.scenario.explain.wanted import stated_version, wanted_versions
from sim.units import format_duration

LOOP_TIMES = 3
"""An update that is done so often without an end goes on for ever: nothing changed in between."""

STORM_TIMES = 20
"""Reconnects because of a callback from which on they are the reason, not a mishap."""

ReadFile = Callable[[str], bytes | None]
"""Content of a file of the device; None when there is none."""

AGAIN = "so the application asks for the same {} after every start"


def explain(known: Evidence, read: ReadFile, *, runs: bool) -> str | None:
    """One sentence on this device, or None when no known trap fits. `runs`: a thread of its script is alive."""
    reasons = (_file_loop, _firmware_loop, _refused_loop, _storm)
    for reason in reasons if runs else (_silent, *reasons):
        sentence = reason(known, read)
        if sentence is not None:
            return f"{known.device} {sentence}"
    return None


def _silent(known: Evidence, read: ReadFile) -> str | None:
    if known.no_main:
        return "runs nothing: there is no /usr/main.py on it"
    ending = known.ending
    if ending is None:
        return None
    since = f"has been silent since {format_duration(ending.at_us)}"
    if not ending.error:
        return f"{since}: its application called sys.exit(), and nothing restarts it"
    how = f"{ending.error} ({ending.text})" if ending.text else ending.error
    at = f" at {ending.where.removesuffix(' in <module>')}" if ending.where else ""
    missing = _missing_file(ending.error, ending.text, read)
    if missing is not None:
        return f"{since}: its application stopped{at}, because there is no {missing} on it, and nothing restarts it"
    return f"{since}: its application stopped{at} with {how}{_delivered(known)}, and nothing restarts it"


def _missing_file(error: str, text: str, read: ReadFile) -> str | None:
    """The file that an import looked for and that is not there."""
    if error != "ImportError" or not text.startswith("no module named 'usr."):
        return None
    path = "/" + text.split("'")[1].replace(".", "/") + ".py"
    return path if read(path) is None else None


def _delivered(known: Evidence) -> str:
    """Which job brought the files that this start was the first one with."""
    for job, message in known.told.items():
        files = [name for name, _ in wanted_versions(message) if name in known.fresh]
        if files:
            return f" at the first start with the {' and '.join(files)} of job {job}"
    return ""


def _file_loop(known: Evidence, read: ReadFile) -> str | None:
    for job, name, version in _asked(known):
        times, content = known.copied[name], read(name)
        if times < LOOP_TIMES or content is None or version.encode() in content:
            continue
        stated = stated_version(content)
        says = f"says {stated}" if stated is not None else "does not say so"
        return (
            f"restarted {times} times: job {job} says {name} is {version}, but the file itself {says}, "
            f"{AGAIN.format('update')}"
        )
    return None


def _firmware_loop(known: Evidence, _read: ReadFile) -> str | None:
    if known.installs < LOOP_TIMES:
        return None
    for job, name, version in _asked(known):
        if name.startswith("/") or version == known.version:
            continue
        return (
            f"installed firmware {known.installs} times: job {job} says {version}, but its package installs "
            f"{known.version}, {AGAIN.format('upgrade')}"
        )
    return None


def _refused_loop(known: Evidence, _read: ReadFile) -> str | None:
    for (code, reason), times in known.refused.most_common(1):
        jobs = [job for job, status in known.open_jobs.items() if status == "IN_PROGRESS"]
        if times >= LOOP_TIMES and len(jobs) == 1:
            return (
                f"failed to upgrade {times} times with code {code} ({reason}): the application asks again and reports "
                f"no failure, so job {jobs[0]} stays IN_PROGRESS"
            )
    return None


def _storm(known: Evidence, _read: ReadFile) -> str | None:
    times = sum(known.storms.values())
    if times < STORM_TIMES:
        return None
    (topic, qos), _ = known.storms.most_common(1)[0]
    again = " before the message is acknowledged, so that the broker sends it again" if qos else ""
    return (
        f"reconnected {times} times: its callback fails on messages such as {topic}, which the MQTT client of 2021 "
        f"takes for a network error{again}"
    )


def _asked(known: Evidence) -> Iterator[tuple[str, str, str]]:
    """(job, file name, version) of what jobs that are not over ask for."""
    for job, message in known.latest_told:
        for name, version in wanted_versions(message):
            yield job, name, version
