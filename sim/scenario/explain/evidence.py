"""What a run's trace tells of one device that an explanation may need: counted as it happens, judged elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sim.cloud.account import TRACK_SUFFIX
from sim.trace import Record, Trace

UPDATE_APPLIED = "update applied"
MAIN = "main"
NETWORK_EXCEPTION = "wait msg, Network exception"
_OVER = ("SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED")


@dataclass(frozen=True, slots=True)
class Ending:
    """How the main thread of the latest start ended. `error` is empty for `sys.exit()`."""

    at_us: int
    error: str
    text: str
    where: str


@dataclass(slots=True)
class Evidence:
    """One device. `told`: job → the last message that brought its document; `copied`: file → how often it was put in
    place; `fresh`: files that were put in place at the latest start; `storms`: (topic, QoS) → how often a message
    on it was taken for a network error."""

    device: str
    version: str = ""
    installs: int = 0
    told: dict[str, str] = field(default_factory=dict)
    open_jobs: dict[str, str] = field(default_factory=dict)
    copied: Counter[str] = field(default_factory=Counter)
    fresh: list[str] = field(default_factory=list)
    refused: Counter[tuple[int, str]] = field(default_factory=Counter)
    storms: Counter[tuple[str, int]] = field(default_factory=Counter)
    ending: Ending | None = None
    no_main: bool = False
    last_message: tuple[str, int] = ("", 0)

    @property
    def latest_told(self) -> Iterable[tuple[str, str]]:
        """(job, message) of jobs that are not over."""
        return [(job, message) for job, message in self.told.items() if job in self.open_jobs]


class Watch:
    """An observer of the trace: the Evidence of each of these devices."""

    def __init__(self, devices: Iterable[str]) -> None:
        self.evidence = {name: Evidence(name) for name in devices}
        self._kinds: dict[str, Callable[[Evidence, int, dict[str, Any]], None]] = {
            "app.copied": _copied,
            "boot": _boot,
            "console": _console,
            "execution": _execution,
            "exit": _exit,
            "fota.failed": _refused,
            "http": _acted,
            "log": _log,
            "mqtt.connect": _acted,
            "mqtt.in": _message,
            "mqtt.out": _acted,
            "power.on": _begun,
            "reset": _reset,
            "traceback": _traceback,
            "update.refused": _refused,
        }

    def listen(self, trace: Trace) -> None:
        """Note what it tells from now on."""
        trace.observe(self.note, self._kinds)

    def note(self, record: Record) -> None:
        """Note a record of one of the kinds that matter."""
        known = self.evidence.get(record.track.removesuffix(TRACK_SUFFIX))
        if known is not None:
            self._kinds[record.kind](known, record.at_us, record.data)


def _begun(known: Evidence, _at_us: int, _data: dict[str, Any]) -> None:
    known.fresh = []
    known.ending = None


def _reset(known: Evidence, at_us: int, data: dict[str, Any]) -> None:
    _begun(known, at_us, data)
    known.installs += data["reason"] == UPDATE_APPLIED


def _copied(known: Evidence, _at_us: int, data: dict[str, Any]) -> None:
    known.copied[data["file"]] += 1
    known.fresh.append(data["file"])


def _boot(known: Evidence, _at_us: int, data: dict[str, Any]) -> None:
    known.version = data["version"]


def _console(known: Evidence, _at_us: int, data: dict[str, Any]) -> None:
    known.no_main = data["text"] == "no /usr/main.py"


def _execution(known: Evidence, _at_us: int, data: dict[str, Any]) -> None:
    if data["new"] is None or data["new"] in _OVER:
        known.open_jobs.pop(data["job"], None)
    else:
        known.open_jobs[data["job"]] = data["new"]


def _refused(known: Evidence, _at_us: int, data: dict[str, Any]) -> None:
    known.refused[data["code"], data["reason"]] += 1


def _acted(known: Evidence, _at_us: int, _data: dict[str, Any]) -> None:
    known.ending = None  # some other thread goes on


def _message(known: Evidence, _at_us: int, data: dict[str, Any]) -> None:
    known.last_message = data["topic"], data["qos"]
    if '"jobDocument"' in data["payload"] and '"jobId"' in data["payload"]:
        job = data["payload"].partition('"jobId":"')[2].partition('"')[0]
        known.told[job] = data["payload"]


def _log(known: Evidence, _at_us: int, data: dict[str, Any]) -> None:
    if data["name"] == "umqtt" and data["text"].startswith(NETWORK_EXCEPTION):
        known.storms[known.last_message] += 1


def _traceback(known: Evidence, at_us: int, data: dict[str, Any]) -> None:
    if data["thread"] == MAIN:
        known.ending = Ending(at_us, data["error"], data["text"], data["where"][-1] if data["where"] else "")


def _exit(known: Evidence, at_us: int, data: dict[str, Any]) -> None:
    if data["thread"] == MAIN:
        known.ending = Ending(at_us, "", "", "")
