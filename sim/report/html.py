"""The report of a run as one HTML file: it opens from a disk, asks nobody for anything, and is small enough to mail.

Verdict and thresholds come first, as text that needs no script; then pictures by the elements of the dashboard. Rules:
everything that was written by somebody else is escaped; data for the script is packed, so that nothing in it can end
the element it stands in; the page forbids itself every request.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from html import escape
from typing import Any

from sim.report.html_bundle import STATIC, bundle
from sim.report.html_data import causes_of, curve_of, fleet_of, jobs_of, trends_of, worst_of
from sim.report.reading import Run
from sim.units import format_duration

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
FAILURES_NAMED_MAX = 1000
"""As many a result holds (sim.fleet.run)."""


def html(run: Run) -> str:
    """The whole page."""
    jobs, trends, causes, worst = jobs_of(run), trends_of(run), causes_of(run), worst_of(run)
    drawn = {"jobs": jobs, "curve": curve_of(run), "trends": trends, "fleet": fleet_of(run), "worst": worst}
    body = "".join(
        [
            _verdict(run.head, run.result),
            _checks(run.result),
            _jobs(jobs, drawn["curve"] is not None),
            _trends(trends),
            _causes(causes, run.result),
            _fleet(drawn["fleet"] is not None),
            _worst(worst),
            _origin(run.head),
        ]
    )
    return _page(str(run.head["scenario"]), body, drawn)


def _page(title: str, body: str, data: dict[str, Any]) -> str:
    packed = base64.b64encode(zlib.compress(json.dumps(data, ensure_ascii=False).encode(), 9)).decode()
    style = "".join((STATIC / name).read_text(encoding="utf-8") for name in _STYLES)
    scripts = ((STATIC / "vendor" / "uPlot.iife.min.js").read_text(encoding="utf-8"), bundle(STATIC / "report.js"))
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(title)}: report of a run</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n",
            body,
            f'</main>\n<script type="text/plain" id="report-data">{packed}</script>\n',
            *(f"<script>\n{_inline(script)}</script>\n" for script in scripts),
            "</body>\n</html>\n",
        ]
    )


_STYLES = ("vendor/uPlot.min.css", "theme.css", "report.css")


def _inline(script: str) -> str:
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _panel(title: str, *content: str) -> str:
    anchor = title.lower().replace(" ", "-")
    head = f'<section class="panel" aria-labelledby="{anchor}">\n<h2 id="{anchor}">{title}</h2>\n'
    return f"{head}{''.join(content)}</section>\n"


def _verdict(head: dict[str, Any], result: dict[str, Any]) -> str:
    counts = " · ".join(
        f"{number} {status.replace('_', ' ').lower()}" for status, number in result["executions"].items()
    )
    facts = {
        "Devices": f"{head['devices']:,}",
        "Executions": counts or "none",
        "Simulated": format_duration(round(result["virtual_s"] * 1e6)),
        "Took": format_duration(round(result["wall_s"] * 1e6)),
        "Seed": str(head["seed"]),
    }
    told = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    verdict = escape(str(head["verdict"]))
    return (
        f'<header class="panel">\n<p><span class="chip verdict {verdict.lower()}">{verdict}</span></p>\n'
        f"<h1>{escape(str(head['scenario']))}</h1>\n<p>{escape(str(head['description'] or ''))}</p>\n"
        f'<dl class="facts">{told}</dl>\n</header>\n'
    )


def _checks(result: dict[str, Any]) -> str:
    lines = [(one["passed"], f"{one['metric']}  {one['expr']}", one["shown"]) for one in result["thresholds"]]
    lines += [(one["passed"], one["expr"], one["detail"]) for one in result["expects"]]
    lines += [(False, problem, "the run says nothing") for problem in result["problems"]]
    items = "".join(_check(*line) for line in sorted(lines, key=lambda line: line[0]))
    broken = sum(not passed for passed, _, _ in lines)
    told = f"{broken} of {len(lines)} do not hold." if broken else f"All {len(lines)} hold."
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in [*result["explanations"], *result["notes"]])
    notes = f"<ul>{said}</ul>\n" if said else ""
    if not lines:
        return _panel("Thresholds and expects", "<p>The scenario asks for nothing.</p>\n", notes)
    return _panel("Thresholds and expects", f'<p>{told}</p>\n<ul class="checks">{items}</ul>\n', notes)


def _check(passed: bool, text: str, why: str) -> str:
    mark, name, word = ("✓", "", "holds") if passed else ("✗", ' class="broken"', "does not hold")
    sign = f'<span class="mark" aria-hidden="true">{mark}</span>'
    return f'<li{name}>{sign}<code>{escape(text)}</code><span class="why">{escape(why) or word}</span></li>\n'


def _jobs(jobs: list[dict[str, Any]], curve: bool) -> str:
    if not jobs:
        return ""
    rows = "".join(
        f"<tr><th scope=row>{escape(job['id'])}</th><td>{escape(job['status'])}</td>"
        + "".join(f'<td class="num">{number}</td>' for number in job["counts"].values())
        + "</tr>\n"
        for job in jobs
    )
    names = [escape(name.replace("_", " ").lower()) for name in jobs[0]["counts"]]
    head = "<tr><th scope=col>job</th><th scope=col>status</th>" + "".join(
        f'<th scope=col class="num">{name}</th>' for name in names
    )
    table = f"<details><summary>As a table</summary>\n<table>{head}</tr>\n{rows}</table></details>\n"
    chart = '<div><h3>Executions by status over time</h3><div id="curve"></div></div>' if curve else ""
    return _panel("Jobs", f'<div class="two"><div id="funnels"></div>{chart}</div>\n', table)


def _trends(trends: list[dict[str, Any]]) -> str:
    if not trends:
        return ""
    cards = []
    for number, trend in enumerate(trends):
        told = ", ".join(f"{word} {value}" for word, value in trend["told"])
        words = f"{trend['count']:,} measured; {told} (all ± 4 %), longest {trend['most']}."
        cards.append(
            f'<div><h3>{escape(trend["label"])}</h3><p>{escape(words)}</p><div id="trend-{number}"></div></div>\n'
        )
    return _panel("Durations", f'<div class="two">{"".join(cards)}</div>\n')


def _causes(causes: list[dict[str, Any]], result: dict[str, Any]) -> str:
    if not causes:
        return _panel("Failures", "<p>No device failed.</p>\n")
    total = len(result["failures"])
    more = " (the first thousand)" if total >= FAILURES_NAMED_MAX else ""
    return _panel("Failures", f"<p>{total} devices failed{more}, by cause:</p>\n", *map(_cause, causes))


def _cause(cause: dict[str, Any]) -> str:
    devices = "".join(
        f"<li>{escape(one['device'])}<code class=replay>{escape(one['replay'])}</code></li>\n"
        for one in cause["devices"]
    )
    rest = cause["count"] - len(cause["devices"])
    more = f"<li class=faint>and {rest} more</li>" if rest else ""
    count = f"{cause['count']} device{'s' * (cause['count'] != 1)}"
    return f'<div class="cause"><h3>{count}: {escape(cause["cause"])}</h3><ul>{devices}{more}</ul></div>\n'


def _fleet(there: bool) -> str:
    if not there:
        return ""
    picked = '<p id="picked" aria-live="polite">Choose a device to read what became of it.</p>\n'
    return _panel("The fleet at the end", '<div id="grid-legend"></div><div id="grid"></div>\n', picked)


def _worst(worst: list[dict[str, Any]]) -> str:
    cards = []
    for number, one in enumerate(worst):
        flash = one["flash"]
        words = f"{flash['part']}; erases of the most worn sector: {flash['most_erases']} of {flash['endurance']:,}."
        cards.append(
            f'<details class="worst"{" open" * (number == 0)}>'
            f"<summary>{escape(one['device'])}: {escape(one['why'])}</summary>\n"
            f'<code class="replay">{escape(one["replay"])}</code><p>{escape(words)}</p>\n'
            f'<div id="flash-{number}"></div><h3>Its last events</h3><div id="events-{number}"></div></details>\n'
        )
    return _panel("Flash of the worst devices", *cards) if cards else ""


def _origin(head: dict[str, Any]) -> str:
    rows: Iterable[tuple[str, Any]] = (
        ("Run", head["id"]),
        ("Seed", head["seed"]),
        ("Transport", head["transport"]),
        ("qpyota", head["qpyota"]),
        ("Python", head["python"]),
        ("Began", head["began"]),
        ("Ended", head["ended"]),
        ("Digest of the trace", head["trace_hash"]),
    )
    table = "".join(
        f"<tr><th scope=row>{name}</th><td><code>{escape(str(value))}</code></td></tr>\n" for name, value in rows
    )
    return _panel(
        "Where it comes from",
        f'<p>This command runs it again:</p><code class="replay">{escape(str(head["replay"]))}</code>\n',
        f"<table>{table}</table>\n",
        f'<details><summary>The scenario</summary><pre tabindex="0">{escape(str(head["text"]))}</pre></details>\n',
    )
