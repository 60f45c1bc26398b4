"""Control plane: jobs. Every rule is the Jobs service's; here members are handed over and tags are kept."""

from __future__ import annotations

from sim.cloud.api.documents import with_document
from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import (
    COMMENT,
    JOB_ID,
    JOB_STATUS,
    NAME,
    NAMESPACE,
    PAGE_SIZE,
    REASON,
    SELECTION,
    TAGS,
    TOKEN,
    Elsewhere,
    Flag,
    ListOf,
    Member,
    Text,
    label,
    member,
    query,
)
from sim.cloud.api.things import Answer
from sim.cloud.refusals import not_found
from sim.jobs.control import JobFilter
from sim.jobs.messages import Json
from sim.jobs.spec import job_spec

_TARGETS = ListOf(Text(0, 2048), 1)


def _create(services: Services, ask: Ask) -> Answer:
    job_id, registry = ask.text("jobId"), services.registry
    arn = registry.arns.job(job_id)
    registry.check_tags("", ask.tags())
    given: dict[str, Json] = {name: value for name, value in ask.given.items() if name != "jobId"}
    members = with_document(services, given, ask.host)
    template_arn = ask.maybe("jobTemplateArn")
    template = None if template_arn is None else services.jobs.templates.members(template_arn)
    effects = services.jobs.control.create_job(job_spec(job_id, members, template), ask.now_s)
    registry.forget_resource(arn)  # a job of this id that is gone
    registry.tag(arn, ask.tags())
    services.carry(effects)
    return services.jobs.control.created(job_id)


def _describe(services: Services, ask: Ask) -> Answer:
    return services.jobs.control.describe_job(ask.text("jobId"), ask.now_s)


def _update(services: Services, ask: Ask) -> None:
    members = {name: value for name, value in ask.given.items() if name not in ("jobId", "namespaceId")}
    services.carry(services.jobs.control.update_job(ask.text("jobId"), members, ask.now_s))


def _delete(services: Services, ask: Ask) -> None:
    services.carry(services.jobs.control.delete_job(ask.text("jobId"), ask.now_s, force=ask.flag("force")))


def _list(services: Services, ask: Ask) -> Answer:
    wanted = JobFilter(
        status=ask.maybe("status"),
        selection=ask.maybe("targetSelection"),
        group=_group(services, ask),
        namespace=ask.maybe("namespaceId"),
    )
    return services.jobs.control.list_jobs(wanted, ask.page())


def _group(services: Services, ask: Ask) -> str | None:
    """ARN of the thing group a list is about, by its name or id."""
    groups, arns = services.registry.groups, services.registry.arns
    name, group_id = ask.maybe("thingGroupName"), ask.maybe("thingGroupId")
    if group_id is not None:
        by_id = next((it.name for it in groups.by_name.values() if it.group_id == group_id), None)
        if by_id is None or name not in (None, by_id):
            raise not_found("Thing group with id", group_id)
        name = by_id
    return None if name is None else arns.group(groups.get(name).name)


def _cancel(services: Services, ask: Ask) -> Answer:
    job_id, control = ask.text("jobId"), services.jobs.control
    effects = control.cancel_job(
        job_id,
        ask.now_s,
        reason_code=ask.maybe("reasonCode"),
        comment=ask.maybe("comment"),
        force=ask.flag("force"),
    )
    services.carry(effects)
    return control.created(job_id)


def _associate(services: Services, ask: Ask) -> Answer:
    job_id, control = ask.text("jobId"), services.jobs.control
    effects = control.associate_targets(job_id, ask.texts("targets"), ask.now_s, comment=ask.maybe("comment"))
    services.carry(effects)
    return control.created(job_id)


def _document(services: Services, ask: Ask) -> Answer:
    return services.jobs.control.get_job_document(ask.text("jobId"))


_JOB = label("jobId", JOB_ID)
_FORCE = query("force", Flag())
_NAMESPACE = query("namespaceId", NAMESPACE)
_BEFORE = query("beforeSubstitution", Flag())

CONFIGURATIONS: tuple[Member, ...] = tuple(
    member(name, Elsewhere())
    for name in (
        "presignedUrlConfig",
        "jobExecutionsRolloutConfig",
        "abortConfig",
        "timeoutConfig",
        "jobExecutionsRetryConfig",
    )
)
"""Members whose shape the Jobs service checks."""

SOURCES = (
    member("document", Elsewhere()),
    member("documentSource", Elsewhere()),
    member("destinationPackageVersions", Elsewhere()),
    member("tags", TAGS),
)

OPERATIONS = (
    Operation(
        "CreateJob",
        "PUT /jobs/{jobId}",
        _create,
        (
            _JOB,
            member("targets", _TARGETS, required=True),
            member("description", COMMENT),
            member("targetSelection", SELECTION),
            member("namespaceId", NAMESPACE),
            member("jobTemplateArn", Text(1, 1600, "^arn:[!-~]+$")),
            member("documentParameters", Elsewhere()),
            member("schedulingConfig", Elsewhere()),
            *SOURCES,
            *CONFIGURATIONS,
        ),
    ),
    Operation("DescribeJob", "GET /jobs/{jobId}", _describe, (_JOB, _BEFORE)),
    Operation(
        "UpdateJob",
        "PATCH /jobs/{jobId}",
        _update,
        (_JOB, member("description", COMMENT), *CONFIGURATIONS, _NAMESPACE),
    ),
    Operation("DeleteJob", "DELETE /jobs/{jobId}", _delete, (_JOB, _FORCE, _NAMESPACE)),
    Operation(
        "ListJobs",
        "GET /jobs",
        _list,
        (
            query("status", JOB_STATUS),
            query("targetSelection", SELECTION),
            query("maxResults", PAGE_SIZE),
            query("nextToken", TOKEN),
            query("thingGroupName", NAME),
            query("thingGroupId", Text(1, 128, r"[a-zA-Z0-9\-]+")),
            _NAMESPACE,
        ),
    ),
    Operation(
        "CancelJob",
        "PUT /jobs/{jobId}/cancel",
        _cancel,
        (_JOB, member("reasonCode", REASON), member("comment", COMMENT), _FORCE),
    ),
    Operation(
        "AssociateTargetsWithJob",
        "POST /jobs/{jobId}/targets",
        _associate,
        (_JOB, member("targets", _TARGETS, required=True), member("comment", COMMENT), _NAMESPACE),
    ),
    Operation("GetJobDocument", "GET /jobs/{jobId}/job-document", _document, (_JOB, _BEFORE)),
)
