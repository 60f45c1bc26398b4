"""The jobs of a scenario: CreateJob with AWS's own members, and what an operator does to a job later.

Structure is checked here, values by sim.jobs.spec, which has AWS's limits. Ours are `at` and `steps`, and that a target
is a device's or a group's name, that `roleArn` may be left out, and that a scheduled time may be `+30m`, from the
creation of the job on, rounded up to AWS's whole minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool, StrictInt, model_validator

from sim.cloud.inputs import JobOperation
from sim.jobs import spec
from sim.jobs.civil import minute_text, parse_minute
from sim.jobs.documents import JobError
from sim.jobs.targets import Arns
from sim.kernel.clock import EPOCH_S
from sim.scenario.values import ANYTHING, AwsSpec, DurationUs, JobDocument, JobId, S3Url, Spec, exactly_one
from sim.units import US_PER_S, parse_duration_us, parse_share

PRESIGN_ROLE = "arn:aws:iam::123456789012:role/qpyota-presign"
"""Role that signs URLs for a job which names none."""

Members = dict[str, Any]
Targets = Annotated[tuple[str, ...], Field(min_length=1)]


def _plain(config: BaseModel) -> Members:
    return config.model_dump(mode="json", by_alias=True, exclude_none=True)


def _checked(parse: Callable[[Members], object]) -> AfterValidator:
    """The check that CreateJob makes of one of its structures."""

    def check(config: BaseModel) -> BaseModel:
        try:
            parse(_plain(config))
        except JobError as error:
            raise ValueError(str(error)) from None
        return config

    return AfterValidator(check)


def _time(text: str) -> str:
    if text.startswith("+"):
        parse_duration_us(text[1:])
    elif parse_minute(text) is None:
        raise ValueError(f"{text!r} is not a time: write 2026-01-01T08:30 (UTC), or +30m from the job's creation")
    return text


Time = Annotated[str, AfterValidator(_time)]


class PresignedUrlConfig(AwsSpec):
    """`roleArn` is accepted and not looked at, since a scenario has no roles."""

    role_arn: str | None = None
    expires_s: Annotated[StrictInt, Field(ge=60, le=3600)] = Field(default=3600, alias="expiresInSec")


class RateIncreaseCriteria(AwsSpec):
    """One of the two numbers."""

    number_of_notified_things: StrictInt | None = None
    number_of_succeeded_things: StrictInt | None = None


class ExponentialRate(AwsSpec):
    """`incrementFactor` has one decimal."""

    base_rate_per_minute: StrictInt
    increment_factor: float
    rate_increase_criteria: RateIncreaseCriteria


class RolloutConfig(AwsSpec):
    """jobExecutionsRolloutConfig."""

    maximum_per_minute: StrictInt | None = None
    exponential_rate: ExponentialRate | None = None


def _percentage(value: Any) -> Any:
    """AWS's plain number, or `5%`."""
    return parse_share(value) * 100 if isinstance(value, str) and value.endswith("%") else value


class AbortCriterion(AwsSpec):
    """One of abortConfig's criteria; `thresholdPercentage` may be written `5%`, too."""

    failure_type: Literal["FAILED", "REJECTED", "TIMED_OUT", "ALL"]
    action: Literal["CANCEL"] = "CANCEL"
    threshold_percentage: Annotated[float, BeforeValidator(_percentage), ANYTHING]
    min_number_of_executed_things: StrictInt


class AbortConfig(AwsSpec):
    """abortConfig."""

    criteria_list: tuple[AbortCriterion, ...]


class TimeoutConfig(AwsSpec):
    """timeoutConfig."""

    in_progress_timeout_in_minutes: StrictInt | None = None


class RetryCriterion(AwsSpec):
    """One of jobExecutionsRetryConfig's criteria."""

    failure_type: Literal["FAILED", "TIMED_OUT", "ALL"]
    number_of_retries: StrictInt


class RetryConfig(AwsSpec):
    """jobExecutionsRetryConfig."""

    criteria_list: tuple[RetryCriterion, ...]


class MaintenanceWindow(AwsSpec):
    """`startTime` is an AWS cron expression."""

    start_time: str
    duration_in_minutes: StrictInt


class SchedulingConfig(AwsSpec):
    """schedulingConfig."""

    start_time: Time | None = None
    end_time: Time | None = None
    end_behavior: Literal["STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"] | None = None
    maintenance_windows: tuple[MaintenanceWindow, ...] = ()

    def members(self, created_s: int) -> Members:
        """As CreateJob takes it at this moment, epoch seconds."""
        given = _plain(self)
        for name in ("startTime", "endTime"):
            if given.get(name, "").startswith("+"):
                at_s = created_s + parse_duration_us(given[name][1:]) // US_PER_S
                given[name] = minute_text(-(-at_s // 60) * 60)
        return given


class Tag(Spec):
    """Kept with the job."""

    key: str = Field(alias="Key")
    value: str = Field(default="", alias="Value")


class Cancel(AwsSpec):
    """CancelJob; `force` also ends executions that devices have started."""

    force: StrictBool = False
    reason_code: str | None = None
    comment: str | None = None


class Delete(AwsSpec):
    """DeleteJob; `force` also deletes a job that is not finished."""

    force: StrictBool = False


class Associate(AwsSpec):
    """AssociateTargetsWithJob."""

    targets: Targets
    comment: str | None = None


class Step(Spec):
    """What an operator does to a job at a time after the start of the run."""

    at_us: DurationUs = Field(alias="at")
    cancel: Cancel | None = None
    delete: Delete | None = None
    associate: Associate | None = None

    @model_validator(mode="after")
    def _one(self) -> Step:
        exactly_one(self, "cancel", "delete", "associate")
        return self

    @property
    def request(self) -> tuple[JobOperation, Members]:
        """The operation and its members; targets still by name."""
        if self.cancel is not None:
            return "cancel", _plain(self.cancel)
        if self.delete is not None:
            return "delete", _plain(self.delete)
        assert self.associate is not None
        return "associate", _plain(self.associate)


class Job(Spec):
    """A CreateJob call made `at` a time after the start; `targets` are device names or groups.

    `document` is JSON text or YAML values; an S3 URL in `documentSource` is read once, when the job is created.
    """

    job_id: JobId = Field(alias="jobId")
    at_us: DurationUs = Field(default=0, alias="at")
    targets: Targets
    document: JobDocument | None = None
    document_source: S3Url | None = Field(default=None, alias="documentSource")
    description: str | None = None
    presigned: PresignedUrlConfig | None = Field(default=None, alias="presignedUrlConfig")
    target_selection: Literal["SNAPSHOT", "CONTINUOUS"] = Field(default="SNAPSHOT", alias="targetSelection")
    rollout: Annotated[RolloutConfig, _checked(spec.parse_rollout)] | None = Field(
        default=None, alias="jobExecutionsRolloutConfig"
    )
    abort: Annotated[AbortConfig, _checked(spec.parse_abort)] | None = Field(default=None, alias="abortConfig")
    timeout: Annotated[TimeoutConfig, _checked(spec.parse_timeout)] | None = Field(default=None, alias="timeoutConfig")
    retry: Annotated[RetryConfig, _checked(spec.parse_retries)] | None = Field(
        default=None, alias="jobExecutionsRetryConfig"
    )
    scheduling: SchedulingConfig | None = Field(default=None, alias="schedulingConfig")
    namespace_id: str | None = Field(default=None, alias="namespaceId")
    tags: tuple[Tag, ...] = ()
    steps: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _taken_by_aws(self) -> Job:
        exactly_one(self, "document", "document_source")
        try:
            spec.job_spec(self.job_id, self.members(self.document or "{}", [Arns().thing("any")], EPOCH_S))
        except JobError as error:
            raise ValueError(str(error)) from None
        if any(step.at_us < self.at_us for step in self.steps):
            raise ValueError("a step comes after the job is created: 'at' is a time after the start of the run")
        return self

    def members(self, document: str, targets: Sequence[str], created_s: int) -> Members:
        """The body of CreateJob at this moment, epoch seconds; `targets` are ARNs."""
        given = {
            "description": self.description,
            "presignedUrlConfig": self.presigned and {"roleArn": PRESIGN_ROLE, **_plain(self.presigned)},
            "jobExecutionsRolloutConfig": self.rollout and _plain(self.rollout),
            "abortConfig": self.abort and _plain(self.abort),
            "timeoutConfig": self.timeout and _plain(self.timeout),
            "jobExecutionsRetryConfig": self.retry and _plain(self.retry),
            "schedulingConfig": self.scheduling and self.scheduling.members(created_s),
            "namespaceId": self.namespace_id,
            "tags": [_plain(tag) for tag in self.tags] or None,
        }
        required = {"document": document, "targets": list(targets), "targetSelection": self.target_selection}
        return required | {name: value for name, value in given.items() if value is not None}
