"""Job templates: an account's own, and the managed ones that AWS offers to everybody.

A template is immutable. A job made from one copies its members at that moment; the job's own members come first. The
managed list is AWS's in names and parameters; the documents are written anew to the same shape and are read-only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sim.jobs import checks, spec
from sim.jobs.checks import check_quota, invalid
from sim.jobs.documents import JobError, parse_document
from sim.jobs.ledger import Ledger
from sim.jobs.managed import MANAGED, MANAGED_VERSION, ManagedTemplate
from sim.jobs.messages import Json
from sim.jobs.paging import Page, page_of
from sim.jobs.schedule import parse_windows
from sim.jobs.spec import CONFIGURATIONS

_MANAGED_ARN = re.compile(r"arn:aws(?:-[a-z]+)*:iot:[a-z0-9-]*::jobtemplate/([A-Za-z0-9-]+):([0-9.]+)")
_KEPT = (
    "description",
    "document",
    "documentSource",
    *CONFIGURATIONS,
    "maintenanceWindows",
    "destinationPackageVersions",
)

Members = Mapping[str, Json]
Answer = dict[str, Json]


@dataclass(frozen=True, slots=True)
class _Template:
    members: Members
    created_at_s: int


class Templates:
    """Own templates by id, and the managed ones."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._own: dict[str, _Template] = {}

    def create(self, template_id: str, members: Members, now_s: int) -> Answer:
        """CreateJobTemplate; `documentSource` comes with its text as `document`. A job lends document and settings."""
        spec.check_job_id(template_id, "jobTemplateId")
        if checks.text(members, "description", 2028) is None:
            raise invalid("description", None, "Member must not be null")
        merged = {**self._of_job(members.get("jobArn")), **{k: v for k, v in members.items() if v is not None}}
        text = checks.text(merged, "document")
        if text is None:
            raise invalid("document", None, "One of document, documentSource and jobArn must be given")
        parse_document(text, spec.presign_expires_s(merged.get("presignedUrlConfig")))
        spec.check_common(merged)
        spec.parse_rollout(merged.get("jobExecutionsRolloutConfig"))
        spec.parse_abort(merged.get("abortConfig"))
        spec.parse_timeout(merged.get("timeoutConfig"))
        spec.parse_retries(merged.get("jobExecutionsRetryConfig"))
        parse_windows(checks.items(merged, "maintenanceWindows"))
        kept = {name: merged[name] for name in _KEPT if name in merged}
        known = self._own.get(template_id)
        if known is not None:
            raise JobError("ConflictException", f"job template {template_id} already exists; choose another id")
        check_quota(len(self._own), self._ledger.rules.quotas.templates, "job templates")
        self._own[template_id] = _Template(kept, now_s)
        return {"jobTemplateArn": self._arn(template_id), "jobTemplateId": template_id}

    def describe(self, template_id: str) -> Answer:
        """DescribeJobTemplate."""
        found = self._find(template_id)
        return {
            "jobTemplateArn": self._arn(template_id),
            "jobTemplateId": template_id,
            "createdAt": found.created_at_s,
            **found.members,
        }

    def delete(self, template_id: str) -> None:
        """DeleteJobTemplate; jobs made from it stay as they are."""
        self._find(template_id)
        del self._own[template_id]

    def list(self, page: Page) -> Answer:
        """ListJobTemplates, in order of creation."""
        found, token = page_of(list(self._own.items()), page)
        entries = [
            {
                "jobTemplateArn": self._arn(template_id),
                "jobTemplateId": template_id,
                "description": template.members["description"],
                "createdAt": template.created_at_s,
            }
            for template_id, template in found
        ]
        return {"jobTemplates": entries} if token is None else {"jobTemplates": entries, "nextToken": token}

    def list_managed(self, page: Page, *, name: str | None = None) -> Answer:
        """ListManagedJobTemplates."""
        found, token = page_of(MANAGED, page, lambda it: name in (None, it.name))
        entries = [self._managed(it) for it in found]
        return (
            {"managedJobTemplates": entries} if token is None else {"managedJobTemplates": entries, "nextToken": token}
        )

    def describe_managed(self, name: str, version: str | None = None) -> Answer:
        """DescribeManagedJobTemplate."""
        found = _managed_template(name, version or MANAGED_VERSION)
        return {**self._managed(found), "documentParameters": found.parameter_members(), "document": found.document}

    def members(self, arn: str) -> Members:
        """What a job of this template begins with. JobError ResourceNotFoundException for an unknown one."""
        managed = _MANAGED_ARN.fullmatch(arn)
        if managed is not None:
            found = _managed_template(managed[1], managed[2])
            return {"document": found.document, "documentParameters": found.parameter_members()}
        kind, template_id = self._ledger.arns.parse(arn) or ("", "")
        if kind != "jobtemplate":
            raise invalid("jobTemplateArn", arn, "Member must be the ARN of a job template of this account")
        return self._find(template_id).members

    def _of_job(self, arn: Json) -> Answer:
        if arn is None:
            return {}
        kind, job_id = self._ledger.arns.parse(str(arn)) or ("", "")
        if kind != "job":
            raise invalid("jobArn", arn, "Member must be the ARN of a job of this account")
        job = self._ledger.job(job_id)
        return {
            **{name: job.spec.given[name] for name in CONFIGURATIONS if name in job.spec.given},
            "document": job.spec.document.text,
        }

    def _find(self, template_id: str) -> _Template:
        found = self._own.get(template_id)
        if found is None:
            raise JobError("ResourceNotFoundException", f"Job template {template_id} does not exist.")
        return found

    def _arn(self, template_id: str) -> str:
        return self._ledger.arns.of("jobtemplate", template_id)

    def _managed(self, template: ManagedTemplate) -> Answer:
        return {
            "templateArn": f"arn:aws:iot:{self._ledger.arns.region}::jobtemplate/{template.name}:{MANAGED_VERSION}",
            "templateName": template.name,
            "description": template.description,
            "environments": ["LINUX"],
            "templateVersion": MANAGED_VERSION,
        }


def _managed_template(name: str, version: str) -> ManagedTemplate:
    for template in MANAGED:
        if (template.name, MANAGED_VERSION) == (name, version):
            return template
    raise JobError("ResourceNotFoundException", f"Managed job template {name}:{version} does not exist.")
