"""Control plane: job templates of the account, and those AWS manages."""

from __future__ import annotations

from sim.cloud.api.documents import with_document
from sim.cloud.api.jobs import CONFIGURATIONS, SOURCES
from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import COMMENT, JOB_ID, PAGE_SIZE, TOKEN, Elsewhere, Text, label, member, query
from sim.cloud.api.things import Answer
from sim.jobs.messages import Json


def _create(services: Services, ask: Ask) -> Answer:
    template_id, registry = ask.text("jobTemplateId"), services.registry
    registry.check_tags("", ask.tags())
    given: dict[str, Json] = {name: value for name, value in ask.given.items() if name != "jobTemplateId"}
    members = with_document(services, given, ask.host)
    answer = services.jobs.templates.create(template_id, members, ask.now_s)
    registry.tag(registry.arns.of("jobtemplate", template_id), ask.tags())
    return answer


def _describe(services: Services, ask: Ask) -> Answer:
    return services.jobs.templates.describe(ask.text("jobTemplateId"))


def _delete(services: Services, ask: Ask) -> None:
    template_id = ask.text("jobTemplateId")
    services.jobs.templates.delete(template_id)
    services.registry.forget_resource(services.registry.arns.of("jobtemplate", template_id))


def _list(services: Services, ask: Ask) -> Answer:
    return services.jobs.templates.list(ask.page())


def _list_managed(services: Services, ask: Ask) -> Answer:
    return services.jobs.templates.list_managed(ask.page(), name=ask.maybe("templateName"))


def _describe_managed(services: Services, ask: Ask) -> Answer:
    return services.jobs.templates.describe_managed(ask.text("templateName"), ask.maybe("templateVersion"))


_TEMPLATE = label("jobTemplateId", JOB_ID)
_NAME = Text(1, 64)
_PAGE = (query("maxResults", PAGE_SIZE), query("nextToken", TOKEN))

OPERATIONS = (
    Operation(
        "CreateJobTemplate",
        "PUT /job-templates/{jobTemplateId}",
        _create,
        (
            _TEMPLATE,
            member("jobArn", Elsewhere()),
            member("description", COMMENT, required=True),
            member("maintenanceWindows", Elsewhere()),
            *SOURCES,
            *CONFIGURATIONS,
        ),
    ),
    Operation("DescribeJobTemplate", "GET /job-templates/{jobTemplateId}", _describe, (_TEMPLATE,)),
    Operation("DeleteJobTemplate", "DELETE /job-templates/{jobTemplateId}", _delete, (_TEMPLATE,)),
    Operation("ListJobTemplates", "GET /job-templates", _list, _PAGE),
    Operation(
        "ListManagedJobTemplates", "GET /managed-job-templates", _list_managed, (query("templateName", _NAME), *_PAGE)
    ),
    Operation(
        "DescribeManagedJobTemplate",
        "GET /managed-job-templates/{templateName}",
        _describe_managed,
        (label("templateName", _NAME), query("templateVersion", Text(0, None, "^[1-9]+.[0-9]+"))),
    ),
)
