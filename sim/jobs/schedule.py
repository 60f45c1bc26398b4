"""When a job runs: its start, its end, and its maintenance windows.

Times are UTC to the minute. Windows that overlap or touch count as one. A window belongs to the moment it opens; a
start time in the middle of one begins in what is left of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.jobs import checks
from sim.jobs.checks import invalid
from sim.jobs.civil import DAY_S, minute_text, parse_minute
from sim.jobs.cron import Cron, parse_cron
from sim.jobs.messages import Json

WINDOW_MAX_MINUTES = 1430
LEAD_S = 30 * 60
"""Least time to a scheduled start, and from it to the end."""
START_MAX_S = 365 * DAY_S
END_MAX_S = 2 * 365 * DAY_S
LISTED = 7
"""Openings that scheduledJobRollouts lists."""

EndBehavior = Literal["STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"]


@dataclass(frozen=True, slots=True)
class Window:
    """A window that opens whenever `cron` matches, for `minutes`."""

    cron: Cron
    minutes: int

    def at_or_after(self, epoch_s: int) -> tuple[int, int] | None:
        """Opening and closing of the window that is open at a moment, else of the next one."""
        opens_s = self.cron.next_at(epoch_s - 60 * self.minutes + 1)
        return None if opens_s is None else (opens_s, opens_s + 60 * self.minutes)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Epoch seconds, None for never. Without windows a job is always inside one."""

    start_s: int | None = None
    end_s: int | None = None
    end_behavior: EndBehavior = "STOP_ROLLOUT"
    windows: tuple[Window, ...] = ()

    def window(self, epoch_s: int) -> tuple[int, int] | None:
        """Opening and closing of the time that is open at a moment, else of the next one; None: never again."""
        found = [it for window in self.windows if (it := window.at_or_after(epoch_s)) is not None]
        if not found:
            return None
        opens_s, closes_s = min(found)
        grown = True
        while grown:
            grown = False
            for window in self.windows:
                following = window.at_or_after(closes_s)
                # One that is open when this one closes goes on without a gap. A day is the most that is joined at once.
                if following and following[0] <= closes_s < following[1] and closes_s - opens_s < DAY_S:
                    closes_s, grown = following[1], True
        return opens_s, closes_s

    def openings(self, epoch_s: int) -> list[int]:
        """The next openings from a moment on, at most seven; none after the end."""
        found: list[int] = []
        at_s = max(epoch_s, self.start_s or 0)
        while len(found) < LISTED:
            window = self.window(at_s)
            if window is None or (self.end_s is not None and window[0] >= self.end_s):
                break
            if window[0] >= epoch_s:
                found.append(window[0])
            at_s = max(window[1], at_s + 60)
        return found


def parse_schedule(value: Json) -> Schedule:
    """schedulingConfig; whether the times are far enough ahead is checked by `check_times`."""
    config = checks.members(value, "schedulingConfig")
    if config is None:
        return Schedule()
    end_s = _minute(config, "endTime")
    behavior = checks.one_of(config, "endBehavior", ("STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"), "STOP_ROLLOUT")
    if end_s is None and config.get("endBehavior") is not None:
        raise invalid("schedulingConfig.endBehavior", behavior, "Member needs an endTime")
    windows = parse_windows(checks.items(config, "maintenanceWindows"))
    return Schedule(_minute(config, "startTime"), end_s, behavior, windows)  # type: ignore[arg-type]


def parse_windows(entries: list[Json]) -> tuple[Window, ...]:
    """Maintenance windows of a job or a template."""
    windows: list[Window] = []
    for entry in entries:
        given = checks.members(entry, "maintenanceWindows") or {}
        text = checks.text(given, "startTime", 256)
        minutes = checks.whole(given, "durationInMinutes", 1, WINDOW_MAX_MINUTES)
        if text is None or minutes is None:
            raise invalid("maintenanceWindows", None, "startTime and durationInMinutes are required")
        try:
            windows.append(Window(parse_cron(text), minutes))
        except ValueError as error:
            raise invalid("maintenanceWindows.startTime", text, str(error)) from None
    return tuple(windows)


def check_times(schedule: Schedule, now_s: int, *, relaxed: bool) -> None:
    """Raises JobError InvalidRequestException for times too near, too far, or in the wrong order."""
    start_s, end_s = schedule.start_s, schedule.end_s
    lead_s = 0 if relaxed else LEAD_S
    if start_s is not None and not now_s + lead_s <= start_s <= now_s + START_MAX_S:
        raise invalid(
            "schedulingConfig.startTime", minute_text(start_s), "Member must be 30 minutes to one year from now"
        )
    base_s = now_s if start_s is None else start_s
    if end_s is not None and not max(base_s + lead_s, base_s + 1) <= end_s <= base_s + END_MAX_S:
        raise invalid(
            "schedulingConfig.endTime", minute_text(end_s), "Member must be 30 minutes to two years after the start"
        )


def _minute(config: checks.Members, name: str) -> int | None:
    text = checks.text(config, name, 64)
    if text is None:
        return None
    epoch_s = parse_minute(text)
    if epoch_s is None:
        raise invalid(f"schedulingConfig.{name}", text, "Member must be a time YYYY-MM-DDTHH:MM")
    return epoch_s
