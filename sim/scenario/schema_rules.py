"""Which cloud a scenario plays against: every choice of the Jobs service and of the broker, by name.

A key that is not given is as in sim.jobs.rules and sim.mqtt.rules, but for `limits`: a scenario plays in hours what
takes weeks, with more things than a new account may have, so its jobs are not held to quotas unless it says so.
"""

from __future__ import annotations

from typing import Literal

from pydantic import StrictBool

from sim.jobs.rules import AWS_QUOTAS, RELAXED_QUOTAS, JobRules
from sim.mqtt.rules import AWS, RELAXED, BrokerRules
from sim.scenario.values import AwsSpec


class Rules(AwsSpec):
    """`limits` are the quotas of jobs and the least times of a schedule, `mqtt` the limits of the broker; the others
    are the switches of JobRules under AWS's spelling (ADR 0040 to 0044)."""

    limits: Literal["aws", "relaxed"] = "relaxed"
    mqtt: Literal["aws", "relaxed"] = "aws"
    throttles: Literal["off", "aws"] = "off"
    status_details: Literal["lenient", "strict"] = "lenient"
    terminal_update: Literal["InvalidStateTransition", "TerminalStateReached"] = "InvalidStateTransition"
    unknown_thing: Literal["refused", "empty"] = "refused"
    restarted_step: Literal["set", "kept"] = "set"
    start_notifies: StrictBool = False
    window_close_notifies: StrictBool = False
    left_group: Literal["removed", "started_go_on"] = "removed"
    counted: Literal["things", "attempts"] = "things"
    queued_deletion: Literal["free", "forced"] = "free"

    @property
    def jobs(self) -> JobRules:
        """What the Jobs service goes by."""
        return JobRules(
            details=self.status_details,
            terminal_update=self.terminal_update,
            unknown_thing=self.unknown_thing,
            restarted_step=self.restarted_step,
            start_notifies=self.start_notifies,
            window_close_notifies=self.window_close_notifies,
            left_group=self.left_group,
            counted=self.counted,
            queued_deletion=self.queued_deletion,
            quotas=AWS_QUOTAS if self.limits == "aws" else RELAXED_QUOTAS,
            throttles=self.throttles,
            schedule_minima=self.limits,
        )

    @property
    def broker(self) -> BrokerRules:
        """What the broker goes by."""
        return AWS if self.mqtt == "aws" else RELAXED
