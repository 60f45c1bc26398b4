"""What an operator asks of a job: CreateJob's body, checked and made into values.

Checks are those of the AWS IoT API reference: presence, type, length, pattern, range, and which members exclude each
other. What needs the account (targets that exist, quotas, the time) is checked by whoever has it. The members are also
kept as they came, because DescribeJob gives them back that way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from sim.jobs import checks
from sim.jobs.checks import invalid
from sim.jobs.documents import JobDocument, parse_document
from sim.jobs.messages import Json, Status
from sim.jobs.schedule import Schedule, parse_schedule
from sim.jobs.topics import JOB_ID

ARN_MAX_CHARS = 2048
TAGS_MAX = 50
RETRIES_MAX = 10
TIMEOUT_MAX_MINUTES = 10_080
DEFAULT_PRESIGN_S = 3600

Members = Mapping[str, Json]


class Selection:
    """targetSelection: members as they are at creation, or also those that join later."""

    SNAPSHOT = "SNAPSHOT"
    CONTINUOUS = "CONTINUOUS"


@dataclass(frozen=True, slots=True)
class Rollout:
    """How fast things are notified. Constant at `maximum`, or growing from `base` by `factor` per `step` things.

    `maximum` None: the account's default. `counts` says what a step counts: notified or succeeded things.
    """

    maximum: int | None = None
    base: int | None = None
    factor: Fraction = Fraction(1)
    step: int = 1
    counts: Literal["notified", "succeeded"] = "notified"


@dataclass(frozen=True, slots=True)
class AbortCriterion:
    """Cancel the job once `minimum` things are through and the share of `failures` is at least `threshold` percent."""

    failures: tuple[Status, ...]
    threshold: Fraction
    minimum: int
    name: str


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job as it was asked for. `targets` are ARNs; `given` are the configuration members as they came."""

    job_id: str
    targets: tuple[str, ...]
    document: JobDocument
    continuous: bool = False
    rollout: Rollout = field(default_factory=Rollout)
    abort: tuple[AbortCriterion, ...] = ()
    in_progress_minutes: int | None = None
    retries: Mapping[str, int] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=Schedule)
    given: Members = field(default_factory=dict)


_FAILURES = {
    "FAILED": (Status.FAILED,),
    "REJECTED": (Status.REJECTED,),
    "TIMED_OUT": (Status.TIMED_OUT,),
    "ALL": (Status.FAILED, Status.REJECTED, Status.TIMED_OUT),
}
_TAG = re.compile(r"[\w\s.:/=+\-@]{1,128}")
_ARN = re.compile(r"arn:[!-~]+")
_NAMESPACE = re.compile(r"[a-zA-Z0-9_-]{1,64}")
CONFIGURATIONS = (
    "presignedUrlConfig",
    "jobExecutionsRolloutConfig",
    "abortConfig",
    "timeoutConfig",
    "jobExecutionsRetryConfig",
)
_KEPT = (
    "description",
    *CONFIGURATIONS,
    "schedulingConfig",
    "documentSource",
    "namespaceId",
    "jobTemplateArn",
    "documentParameters",
    "destinationPackageVersions",
    "tags",
)


def job_spec(job_id: str, members: Members, template: Members | None = None) -> JobSpec:
    """CreateJob's body as a spec. `template` are the members of the template it names; the job's own come first.

    A caller that was given `documentSource` fetches it and adds the text as `document`. Raises JobError with
    InvalidRequestException or InvalidJobDocumentException.
    """
    check_job_id(job_id)
    own_document = "document" in members or "documentSource" in members
    if own_document and "jobTemplateArn" in members:
        raise invalid("document", None, "Member must not be given together with jobTemplateArn")
    merged = merge_template(members, template)
    document = merged.get("document")
    if document is None:
        raise invalid("document", None, "One of document, documentSource and jobTemplateArn must be given")
    targets = check_targets(merged.get("targets"))
    selection = checks.one_of(merged, "targetSelection", (Selection.SNAPSHOT, Selection.CONTINUOUS), Selection.SNAPSHOT)
    schedule = parse_schedule(merged.get("schedulingConfig"))
    if schedule.windows and selection != Selection.CONTINUOUS:
        raise invalid("schedulingConfig.maintenanceWindows", None, "Maintenance windows need a CONTINUOUS job")
    check_common(merged)
    parameters = checks.text_map(merged, "documentParameters")
    if parameters and (template is None or "documentParameters" not in template):
        raise invalid("documentParameters", None, "Parameters can be used with a managed job template only")
    text = fill_parameters(checks.text(merged, "document") or "", parameters, template)
    return JobSpec(
        job_id=job_id,
        targets=targets,
        document=parse_document(text, presign_expires_s(merged.get("presignedUrlConfig"))),
        continuous=selection == Selection.CONTINUOUS,
        rollout=parse_rollout(merged.get("jobExecutionsRolloutConfig")),
        abort=parse_abort(merged.get("abortConfig")),
        in_progress_minutes=parse_timeout(merged.get("timeoutConfig")),
        retries=parse_retries(merged.get("jobExecutionsRetryConfig")),
        schedule=schedule,
        given={name: merged[name] for name in _KEPT if merged.get(name) is not None},
    )


def merge_template(members: Members, template: Members | None) -> dict[str, Json]:
    """The job's members over those of its template; maintenance windows of a template become its schedule."""
    merged = {name: value for name, value in members.items() if value is not None}
    if template is None:
        return merged
    inherited = {
        name: value for name, value in template.items() if name in ("document", "description", *CONFIGURATIONS)
    }
    windows = template.get("maintenanceWindows")
    if windows:
        scheduling = dict(merged.get("schedulingConfig") or {})
        scheduling.setdefault("maintenanceWindows", windows)
        merged["schedulingConfig"] = scheduling
    return {**inherited, **merged}


def check_job_id(job_id: str, member: str = "jobId") -> None:
    """Raises JobError InvalidRequestException for a job (or template) id that AWS would not take."""
    if not JOB_ID.fullmatch(job_id):
        raise invalid(member, job_id, f"Member must satisfy regular expression pattern: {JOB_ID.pattern}")


def check_targets(value: Json) -> tuple[str, ...]:
    """The ARNs a job is aimed at, each once, in the order given."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise invalid("targets", value, "Member must have at least one entry")
    for arn in value:
        if not isinstance(arn, str) or not 1 <= len(arn) <= ARN_MAX_CHARS:
            raise invalid("targets", arn, f"Member must be a string of 1 to {ARN_MAX_CHARS} characters")
    return tuple(dict.fromkeys(value))


def check_common(members: Members) -> None:
    """Members that jobs and templates share and that are only kept."""
    checks.text(members, "description", 2028)
    checks.text(members, "documentSource", 1350)
    namespace = checks.text(members, "namespaceId")
    if namespace is not None and not _NAMESPACE.fullmatch(namespace):
        raise invalid("namespaceId", namespace, f"Member must satisfy regular expression pattern: {_NAMESPACE.pattern}")
    for arn in checks.items(members, "destinationPackageVersions"):
        if not isinstance(arn, str) or not _ARN.fullmatch(arn):
            raise invalid("destinationPackageVersions", arn, "Member must be an ARN")
    tags = checks.items(members, "tags")
    if len(tags) > TAGS_MAX:
        raise invalid("tags", None, f"Member must have at most {TAGS_MAX} entries")
    for tag in tags:
        if not isinstance(tag, Mapping) or not _TAG.fullmatch(checks.text(tag, "Key") or ""):
            raise invalid("tags", None, "Member must have a Key of 1 to 128 letters, digits, spaces or _.:/=+-@")
        checks.text(tag, "Value", 256, shortest=0)


def presign_expires_s(value: Json) -> int | None:
    """Life of presigned URLs in seconds; None without a configuration."""
    config = checks.members(value, "presignedUrlConfig")
    if config is None or config.get("roleArn") is None:
        return None
    checks.text(config, "roleArn", ARN_MAX_CHARS, shortest=20)
    return checks.whole(config, "expiresInSec", 60, 3600) or DEFAULT_PRESIGN_S


def parse_rollout(value: Json) -> Rollout:
    """jobExecutionsRolloutConfig. The highest pace allowed is a quota and not checked here."""
    config = checks.members(value, "jobExecutionsRolloutConfig")
    if config is None:
        return Rollout()
    maximum = checks.whole(config, "maximumPerMinute", 1)
    rate = checks.members(config.get("exponentialRate"), "exponentialRate")
    if rate is None:
        return Rollout(maximum)
    base = checks.whole(rate, "baseRatePerMinute", 1)
    factor = checks.number(rate, "incrementFactor", Fraction(11, 10), Fraction(5), places=1)
    criteria = checks.members(rate.get("rateIncreaseCriteria"), "rateIncreaseCriteria")
    if base is None or factor is None or criteria is None:
        raise invalid(
            "exponentialRate", None, "baseRatePerMinute, incrementFactor and rateIncreaseCriteria are required"
        )
    notified = checks.whole(criteria, "numberOfNotifiedThings", 1)
    succeeded = checks.whole(criteria, "numberOfSucceededThings", 1)
    if (notified is None) == (succeeded is None):
        raise invalid("rateIncreaseCriteria", None, "Exactly one of the two numbers must be given")
    if maximum is not None and maximum < base:
        raise invalid("maximumPerMinute", maximum, "Member must not be less than baseRatePerMinute")
    if notified is not None:
        return Rollout(maximum, base, factor, notified, "notified")
    return Rollout(maximum, base, factor, succeeded or 1, "succeeded")


def parse_abort(value: Json) -> tuple[AbortCriterion, ...]:
    """abortConfig, in the order in which it is to be tried."""
    config = checks.members(value, "abortConfig")
    if config is None:
        return ()
    found: list[AbortCriterion] = []
    for entry in checks.entries(config, "criteriaList"):
        name = checks.one_of(entry, "failureType", tuple(_FAILURES), None)
        checks.one_of(entry, "action", ("CANCEL",), None)
        threshold = checks.number(entry, "thresholdPercentage", Fraction(0), Fraction(100), places=2)
        minimum = checks.whole(entry, "minNumberOfExecutedThings", 1)
        if not threshold or minimum is None:
            raise invalid(
                "thresholdPercentage", None, "A percentage above 0 and minNumberOfExecutedThings are required"
            )
        found.append(AbortCriterion(_FAILURES[name], threshold, minimum, name))
    return tuple(found)


def parse_timeout(value: Json) -> int | None:
    """timeoutConfig.inProgressTimeoutInMinutes; None without a timer."""
    config = checks.members(value, "timeoutConfig")
    return None if config is None else checks.whole(config, "inProgressTimeoutInMinutes", 1, TIMEOUT_MAX_MINUTES)


def parse_retries(value: Json) -> dict[str, int]:
    """jobExecutionsRetryConfig: retries by failure type (FAILED, TIMED_OUT, or ALL alone)."""
    config = checks.members(value, "jobExecutionsRetryConfig")
    if config is None:
        return {}
    found: dict[str, int] = {}
    for entry in checks.entries(config, "criteriaList"):
        name = checks.one_of(entry, "failureType", ("FAILED", "TIMED_OUT", "ALL"), None)
        number = checks.whole(entry, "numberOfRetries", 0, RETRIES_MAX)
        if number is None or name in found:
            raise invalid("numberOfRetries", number, "Member must be given, and each failureType once")
        found[name] = number
    if "ALL" in found and len(found) > 1:
        raise invalid("failureType", "ALL", "ALL cannot be combined with another failureType")
    if sum(found.values()) > RETRIES_MAX:
        raise invalid("numberOfRetries", sum(found.values()), f"At most {RETRIES_MAX} retries for one thing in all")
    return found


def fill_parameters(text: str, given: Mapping[str, str], template: Members | None) -> str:
    """A managed template's document with `${aws:iot:parameter:KEY}` filled in."""
    declared: Json = (template or {}).get("documentParameters")
    if not declared:
        return text
    keys = {entry["key"]: entry for entry in declared}
    for key in given:
        if key not in keys:
            raise invalid("documentParameters", key, "The job template has no such parameter")
    for key, entry in keys.items():
        value = given.get(key)
        if value is None and not entry["optional"]:
            raise invalid("documentParameters", key, "The job template requires this parameter")
        text = text.replace(f"${{aws:iot:parameter:{key}}}", checks.json_inner(value or ""))
    return text
