"""What the report shows, from a run file: numbers and words only, no markup.

Rules: it reads the run file and nothing else, and bounds everything, so that the page of a large fleet stays small.
Times are simulated microseconds in the file and seconds here.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from typing import Any

from sim.cloud.account import TRACK_SUFFIX
from sim.film.pages import PageClass, packed_classes
from sim.film.sentences import say
from sim.fleet.histogram import GROWTH, ZERO, Histogram
from sim.report.reading import Run
from sim.units import format_duration

CURVE_POINTS = 240
TRENDS_SHOWN = 8
DEVICES_OF_A_CAUSE = 3
CAUSES_SHOWN = 20
EVENTS_OF_A_DEVICE = 150
DEVICES_ON_GRID = 60_000
NAMES = {"ota_duration": "Duration of upgrades", "ota_phase_duration": "Duration of phases"}


def jobs_of(run: Run) -> list[dict[str, Any]]:
    """Each job with its executions by status, AWS's names."""
    found = []
    for row in run.jobs().rows:
        job_id, status, _, *counts = row
        names = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "CANCELED", "REMOVED")
        found.append({"id": job_id, "status": status, "counts": dict(zip(names, counts, strict=True))})
    return found


def curve_of(run: Run) -> dict[str, Any] | None:
    """How many executions were in each status, at up to CURVE_POINTS times; None when the file has none."""
    changes: list[tuple[int, str, int]] = []
    for _, _, _, status, queued, started, ended, *_ in run.executions().rows:
        way = [("QUEUED", queued), ("IN_PROGRESS", started), (status, ended)]
        passed = [(name, at) for name, at in way if at is not None]
        for place, (name, at) in enumerate(passed):
            changes.append((at, name, 1))
            if place + 1 < len(passed):
                changes.append((passed[place + 1][1], name, -1))
    if not changes:
        return None
    changes.sort()
    end_us = max(changes[-1][0], round((run.head["virtual_s"] or 0) * 1e6))
    times = [round(end_us * point / CURVE_POINTS) for point in range(CURVE_POINTS + 1)]
    series: dict[str, list[int]] = {name: [] for name in dict.fromkeys(name for _, name, _ in changes)}
    now = dict.fromkeys(series, 0)
    at = 0
    for time_us in times:
        while at < len(changes) and changes[at][0] <= time_us:
            now[changes[at][1]] += changes[at][2]
            at += 1
        for name, column in series.items():
            column.append(now[name])
    return {"t": [round(time_us / 1e6, 3) for time_us in times], "series": series}


def trends_of(run: Run) -> list[dict[str, Any]]:
    """Histograms of durations: of upgrades by model and network, then of phases; the largest first."""
    merged: dict[tuple[str, str], Histogram] = defaultdict(Histogram)
    query = "SELECT name, tags, count, total, least, most, buckets FROM metric WHERE buckets IS NOT NULL ORDER BY rowid"
    for name, tags, count, total, least, most, buckets in run.table(query).rows:
        if name not in NAMES:
            continue
        told = json.loads(tags)
        key = told["phase"] if name == "ota_phase_duration" else f"{told['model']}, {told['network']}"
        found = {int(bucket): number for bucket, number in json.loads(buckets).items()}
        merged[name, key].merge(Histogram(found, count, total, least, most))
    order = sorted(merged.items(), key=lambda item: (list(NAMES).index(item[0][0]), -item[1].count))
    return [_trend(f"{NAMES[name]}: {key}", histogram) for (name, key), histogram in order[:TRENDS_SHOWN]]


def _trend(label: str, histogram: Histogram) -> dict[str, Any]:
    known = [bucket for bucket in histogram.buckets if bucket != ZERO]
    low, high = (min(known), max(known)) if known else (0, 0)
    numbers = range(low - 1, high + 2)  # an empty bucket on either side, so that a single bar is a bar
    spread = [("median", 0.5), ("p95", 0.95), ("p99", 0.99)]
    return {
        "label": label,
        "count": histogram.count,
        "told": [(word, format_duration(round(histogram.percentile(share)))) for word, share in spread],
        "most": format_duration(histogram.most),
        "upper": [format_duration(round(GROWTH**number)) for number in numbers],
        "y": [histogram.buckets.get(number, 0) for number in numbers],
    }


def causes_of(run: Run) -> list[dict[str, Any]]:
    """Failures by what they have in common, most frequent first, each with a few devices and their replay lines."""
    said = _last_words(run)
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for failure in run.result["failures"]:
        why = said.get(failure["device"], "")
        groups[f"{failure['reason']}: {why}" if why else failure["reason"]].append(failure)
    found = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [
        {"cause": cause, "count": len(devices), "devices": devices[:DEVICES_OF_A_CAUSE]}
        for cause, devices in found[:CAUSES_SHOWN]
    ]


def _last_words(run: Run) -> dict[str, str]:
    """What is known of why each failed device failed: the reason it gave, else what struck it last."""
    failed = {failure["device"] for failure in run.result["failures"]}
    words: dict[str, str] = {}
    query = (
        "SELECT track, kind, data FROM event WHERE kind IN ('execution', 'update.refused', 'fault', 'power.cut',"
        " 'link.lost', 'app.failed', 'bricked') ORDER BY id"
    )
    for track, kind, data in run.table(query).rows:
        device = track.removesuffix(TRACK_SUFFIX)
        if device not in failed:
            continue
        told = json.loads(data)
        reason = told.get("reason") or (told.get("details") or {}).get("reason")
        if reason:
            words[device] = str(reason)
        elif kind == "fault":
            words.setdefault(device, f"after the fault {told.get('fault') or told.get('what') or told.get('name')}")
        elif kind == "power.cut":
            words.setdefault(device, f"power was cut during {told.get('phase') or 'no update'}")
        elif kind == "link.lost":
            words.setdefault(device, "the link was lost")
    return words


def fleet_of(run: Run) -> dict[str, Any] | None:
    """Every device and how it ended, by column; None when the file does not have them all."""
    rows = run.devices().rows
    if run.head["record"] == "summary" or not 0 < len(rows) <= DEVICES_ON_GRID:
        return None
    states = ["running", "succeeded", "failed", "bricked", "waiting"]
    ended = dict(run.table("SELECT device, status FROM execution ORDER BY rowid").rows)
    tags: dict[tuple[str, ...], int] = {}
    fleet: dict[str, Any] = {"states": states, "names": [], "state": [], "tag": [], "boots": [], "ops": []}
    for name, group, model, network, firmware, boots, bricked, ops, failure, _ in rows:
        status = ended.get(name)
        state = 3 if bricked else 2 if failure else 1 if status == "SUCCEEDED" else 0
        fleet["names"].append(name)
        fleet["state"].append(state)
        fleet["tag"].append(tags.setdefault((model, network, group, firmware or "none"), len(tags)))
        fleet["boots"].append(boots)
        fleet["ops"].append(ops)
    return fleet | {"tags": [list(key) for key in tags]}


def worst_of(run: Run) -> list[dict[str, Any]]:
    """Devices whose flash the file has, each with its last events."""
    if not run.database.execute("SELECT 1 FROM sqlite_master WHERE name = 'flash'").fetchone():
        return []  # a file of before there were maps
    known = {failure["device"]: failure for failure in run.result["failures"]}
    found = []
    for device, part, classes, wear in run.table("SELECT device, part, classes, wear FROM flash ORDER BY rowid").rows:
        failure = known.get(device)
        found.append(
            {
                "device": device,
                "why": failure["reason"] if failure else "among those that wrote the most to their flash",
                "replay": failure["replay"] if failure else f"{run.head['replay']} --follow {device}",
                "flash": json.loads(part) | _drawn(json.loads(part), zlib.decompress(classes), zlib.decompress(wear)),
                "events": _events(run, device),
            }
        )
    return found


def _drawn(part: dict[str, Any], classes: bytes, wear: bytes) -> dict[str, Any]:
    quiet = []
    for one in part["partitions"]:
        pages = range(one["offset"] // part["page_bytes"], (one["offset"] + one["bytes"]) // part["page_bytes"])
        if max(classes[pages.start : pages.stop], default=0) <= PageClass.OLD:
            quiet.append(one["name"])
    return {"classes": packed_classes(classes), "quiet": quiet, "most_erases": max(wear, default=0)}


def _events(run: Run, device: str) -> list[list[Any]]:
    query = "SELECT t_us, kind, data FROM event WHERE track IN (?, ?) ORDER BY id DESC LIMIT ?"
    rows = run.database.execute(query, (device, device + TRACK_SUFFIX, EVENTS_OF_A_DEVICE)).fetchall()
    told = []
    for number, (at_us, kind, data) in enumerate(reversed(rows), 1):
        read = json.loads(data)
        told.append([number, at_us, kind, read, say(kind, read, device)])
    return told
