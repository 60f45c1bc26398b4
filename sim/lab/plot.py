"""What was found as a picture: a row a setting, a panel a question, in each the median and its band. One SVG file that
needs nothing else.

A band that the runs do not tell is not drawn; what never happens stands at the right edge. Colours are those of Okabe
and Ito, which colour-blind people can tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, inf, log10

from sim.lab.bands import Band
from sim.lab.whatif import GOAL, Findings, seconds

ROW, PANEL, GAP, LEFT, TOP, BOTTOM = 26, 240, 40, 190, 70, 40
"""Pixels: height of a row, width of a panel and between panels, room at three sides."""

NEVER = 30
"""Width of the strip for what never happens."""

LABEL_CHARS = 28
TICKS = 4
TIME_STEPS_S = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
BLUE, GREEN, ORANGE, GREY = "#0072B2", "#009E73", "#D55E00", "#999999"


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    bands: Sequence[Band]
    text: Callable[[float], str]
    line: float | None = None

    @property
    def top(self) -> float:
        """End of the axis: a round number that no finite value exceeds."""
        ends = [value for band in self.bands for value in (band.low, band.median, band.high)]
        most = max([value for value in (*ends, self.line) if value is not None and value < inf], default=1.0)
        if self.text is seconds and most < TIME_STEPS_S[-1] * TICKS:
            return TICKS * next(step for step in TIME_STEPS_S if step * TICKS >= most)
        return _step(most) * TICKS if most > 0 else 1.0

    def at(self, value: float) -> float:
        """Pixels from the panel's left side."""
        width = PANEL - NEVER
        return PANEL - NEVER / 2 if value == inf else width * value / self.top


def _step(most: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten of which TICKS reach `most`."""
    power = 10.0 ** floor(log10(most / TICKS))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * TICKS >= most * (1 - 1e-9))


def draw(findings: Findings, title: str) -> str:
    """The SVG text."""
    panels = _panels(findings)
    height = TOP + ROW * len(findings.answers) + BOTTOM
    width = LEFT + len(panels) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        _text(10, 20, title, weight="bold"),
        _text(10, 38, _legend(findings), fill=GREY),
    ]
    for row, answer in enumerate(findings.answers):
        chosen = " ★" if row in (findings.cheapest, findings.fastest) else ""
        label = answer.label if len(answer.label) <= LABEL_CHARS else answer.label[: LABEL_CHARS - 1] + "…"
        parts.append(_text(LEFT - 10, _y(row) + 4, label + chosen, anchor="end"))
    for number, panel in enumerate(panels):
        parts += _draw_panel(panel, LEFT + number * (PANEL + GAP), findings)
    return "\n".join([*parts, "</svg>", ""])


def _panels(findings: Findings) -> list[_Panel]:
    answers, bound = findings.answers, findings.bound
    line = None if bound is None else float(bound.failed)
    panels = [
        _Panel("devices failed", [answer.failed for answer in answers], _short, line),
        _Panel(f"time to {GOAL} % upgraded", [answer.times_s[GOAL] for answer in answers], seconds),
    ]
    money = [answer.money for answer in answers if answer.money is not None]
    if len(money) == len(answers):
        return [*panels, _Panel("money a rollout", money, _short)]
    return [*panels, _Panel("MiB a rollout", [answer.mib for answer in answers], _short)]


def _legend(findings: Findings) -> str:
    least = min((answer.runs for answer in findings.answers), default=0)
    kept = "; green keeps the bound, ★ cheapest or fastest of those" if findings.bound else ""
    return f"median and its 95 % band, at least {least} runs each{kept}"


def _draw_panel(panel: _Panel, left: float, findings: Findings) -> list[str]:
    rows = len(panel.bands)
    bottom = TOP + ROW * rows
    parts = [_text(left, TOP - 10, panel.title, weight="bold")]
    for tick in range(TICKS + 1):
        value = panel.top * tick / TICKS
        x = left + panel.at(value)
        parts.append(_line(x, TOP, x, bottom, "#e5e5e5"))
        parts.append(_text(x, bottom + 16, panel.text(value), anchor="middle", fill=GREY))
    if any(inf in (band.low, band.median, band.high) for band in panel.bands):
        parts.append(_text(left + panel.at(inf), bottom + 32, "never", anchor="middle", fill=ORANGE))
    if panel.line is not None:
        x = left + panel.at(panel.line)
        parts.append(_line(x, TOP, x, bottom, ORANGE, dash="4 3"))
    for row, band in enumerate(panel.bands):
        colour = GREEN if row in findings.keep else BLUE
        parts += _draw_band(panel, band, left, _y(row), colour)
    return parts


def _draw_band(panel: _Panel, band: Band, left: float, y: float, colour: str) -> list[str]:
    middle = left + panel.at(band.median)
    parts = [f'<circle cx="{middle:.1f}" cy="{y}" r="4" fill="{colour}"/>']
    if band.low is not None and band.high is not None:
        low, high = left + panel.at(band.low), left + panel.at(band.high)
        parts.append(_line(low, y, high, y, colour, width=2))
        parts += [_line(x, y - 4, x, y + 4, colour, width=2) for x in (low, high)]
    return parts


def _y(row: int) -> float:
    return TOP + ROW * row + ROW / 2


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = "#222", weight: str = "normal") -> str:
    how = f'text-anchor="{anchor}" fill="{fill}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {how}>{escape(text)}</text>'


def _short(value: float) -> str:
    return f"{value:.4g}"
