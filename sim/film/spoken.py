"""Words inside sentences: messages of AWS IoT Jobs by their topic, what faults and steps are, texts of others."""

from __future__ import annotations

import json
from typing import Any

from sim.units import format_duration, format_size

Data = dict[str, Any]

_ACTS = {
    "power_cut": "the power goes",
    "brown_out": "the supply dips",
    "link_loss": "the signal goes",
    "broker_down": "the broker is down",
    "cell_outage": "its cell is down",
    "low_battery": "the battery is low",
    "fs_full": "its file system is full",
    "bad_block": "a sector of flash will hold nothing any more from the next start on",
    "corrupt_download": "the next bytes it downloads are corrupt",
    "truncate": "its next download ends early",
    "stall": "its next download stands still",
    "throttled": "the operator slows it down",
    "clock_skew": "its clock is wrong",
    "url_expired": "the URL it uses has expired",
    "power_on": "the power is on",
    "flip_bit": "a bit of flash has flipped",
    "create_job": "there is one more job",
}
"""Faults and injections, as what is so from now on."""


def acted(what: str, data: Data) -> str:
    """A fault or an injection."""
    text = _ACTS.get(what, what.replace("_", " "))
    if data.get("tears"):
        return f"{text} in the middle of this flash operation"
    if what == "flip_bit":
        return f"{text}, at 0x{data['address']:06x}"
    if what == "fs_full" and "free" in data:
        return f"{text}, {format_size(data['free'])} are free" if isinstance(data["free"], int) else text
    if what == "bad_block" and "sector" in data:
        return f"sector {data['sector']} of flash holds nothing any more"
    return text


def stepped(name: str, what: str, to: Any) -> str:
    """A step of a scenario."""
    words = what.replace("_", " ")
    if isinstance(to, str | int | float):
        return f"{words} of {name} is {quoted(str(to), 50)} now"
    told = ", ".join(_member(key, value) for key, value in to.items()) if isinstance(to, dict) else ""
    return f"{words} of {name} changes" + (f": {told[:80]}" if told else "")


def _member(key: str, value: Any) -> str:
    if key.endswith("_us") and isinstance(value, int):
        return f"{key[:-3]} {format_duration(value)}"
    return f"{key} {value if isinstance(value, str | int | float) else '…'}"


def topic_out(name: str, topic: str, payload: str) -> str:
    """What a device publishes."""
    match _jobs(topic):
        case ["get"]:
            return f"{name} asks which jobs are pending for it."
        case ["start-next"]:
            return f"{name} asks for its next job and says that it begins with it."
        case ["$next", "get"]:
            return f"{name} asks for its next job."
        case [job, "get"]:
            return f"{name} asks for job {job}."
        case [job, "update"]:
            told = _values(payload)
            status = told.get("status", "something")
            return f"{name} reports {status} for job {job}{_details(told.get('statusDetails'))}."
    return f"{name} publishes {amount(len(payload), 'character')} to {shortened(topic, 80)}."


def topic_in(name: str, topic: str, payload: str) -> str:
    """What a device gets."""
    match _jobs(topic):
        case ["notify"]:
            return f"The cloud tells {name} that its list of jobs has changed."
        case ["notify-next"]:
            job = _values(payload).get("execution")
            if not isinstance(job, dict) or not job:
                return f"The cloud tells {name} that there is no next job."
            return f"The cloud tells {name} that job {job.get('jobId', '')} is the next one."
        case [*asked, "rejected"]:
            told = _values(payload)
            why = quoted(str(told.get("message") or told.get("code") or "no reason"), 70)
            return f"The cloud rejects {_asked(asked)} of {name}: {why}."
        case ["start-next" | "$next", *_, "accepted"]:
            job = _values(payload).get("execution")
            if not isinstance(job, dict) or not job:
                return f"The cloud answers {name}: there is no job for it now."
            return f"The cloud hands {name} job {job.get('jobId', '')} with its document."
        case [job, "update", "accepted"]:
            return f"The cloud accepts what {name} reported for job {job}."
        case [*asked, "accepted"]:
            return f"The cloud answers {_asked(asked)} of {name}."
    return f"{name} gets {amount(len(payload), 'character')} on {shortened(topic, 80)}."


def quoted(text: object, limit: int) -> str:
    """Somebody else's text: one line, cut short, without braces, which mean nothing to readers."""
    line = " ".join(str(text).split()).translate(_PLAIN)
    return f"“{shortened(line, limit)}”"


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def amount(count: int, what: str) -> str:
    """`3 devices`, `1 device`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


_PLAIN = str.maketrans({"{": "(", "}": ")", "“": "'", "”": "'"})


def _jobs(topic: str) -> list[str]:
    """The levels of a topic below `$aws/things/THING/jobs`; none for any other."""
    levels = topic.split("/")
    return levels[4:] if levels[:2] == ["$aws", "things"] and levels[3:4] == ["jobs"] else []


def _asked(levels: list[str]) -> str:
    match levels:
        case [_, "update"]:
            return "the report"
        case [job, "get"]:
            return f"the question for job {job}"
    return "the question for pending jobs"


def _values(payload: str) -> Data:
    try:
        told = json.loads(payload)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _details(details: Any) -> str:
    if not isinstance(details, dict) or not details:
        return ""
    return ", " + quoted(", ".join(f"{key} {value}" for key, value in details.items()), 60)
