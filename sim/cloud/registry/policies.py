"""Policies with their versions, and what they hang on: certificates and thing groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sim.cloud.policy import PolicyError, parse
from sim.cloud.refusals import delete_conflict, limit_exceeded, not_found
from sim.cloud.registry.records import Policy, PolicyVersion
from sim.jobs.documents import JobError

VERSIONS_MAX = 5
ATTACHED_MAX = 10
"""AWS IoT Core quotas, policies."""


class Policies:
    """All policies by name; targets are ARNs. `revision` grows with every change."""

    def __init__(self) -> None:
        self.revision = 0
        self.by_name: dict[str, Policy] = {}
        self._attached: dict[str, dict[str, None]] = {}

    def get(self, name: str) -> Policy:
        """The policy; JobError when there is none."""
        policy = self.by_name.get(name)
        if policy is None:
            raise not_found("Policy", name)
        return policy

    def create(self, name: str, document: str, now_s: int) -> Policy:
        """CreatePolicy; not repeatable."""
        if name in self.by_name:
            message = f"Policy cannot be created - name already exists (name={name})"
            raise JobError("ResourceAlreadyExistsException", message)
        check_document(document)
        policy = Policy(name, (PolicyVersion("1", document, now_s),), "1", now_s, now_s)
        self._keep(policy)
        return policy

    def add_version(self, name: str, document: str, now_s: int, *, default: bool) -> PolicyVersion:
        """CreatePolicyVersion."""
        policy = self.get(name)
        check_document(document)
        if len(policy.versions) >= VERSIONS_MAX:
            message = f"The policy {name} already has the maximum number of versions ({VERSIONS_MAX})"
            raise JobError("VersionsLimitExceededException", message)
        made = PolicyVersion(str(policy.given + 1), document, now_s)
        self._keep(
            replace(
                policy,
                versions=(*policy.versions, made),
                default=made.version if default else policy.default,
                modified_s=now_s,
                given=policy.given + 1,
            )
        )
        return made

    def version(self, name: str, which: str) -> PolicyVersion:
        """One version; JobError when there is none."""
        found = self.get(name).version(which)
        if found is None:
            raise not_found(f"Policy {name} version", which)
        return found

    def set_default(self, name: str, which: str, now_s: int) -> None:
        """SetDefaultPolicyVersion."""
        self.version(name, which)
        self._keep(replace(self.get(name), default=which, modified_s=now_s))

    def delete_version(self, name: str, which: str, now_s: int) -> None:
        """DeletePolicyVersion; the default one goes with the policy only."""
        self.version(name, which)
        policy = self.get(name)
        if which == policy.default:
            raise delete_conflict(f"Cannot delete the default version of policy {name}")
        left = tuple(it for it in policy.versions if it.version != which)
        self._keep(replace(policy, versions=left, modified_s=now_s))

    def delete(self, name: str) -> None:
        """DeletePolicy, once nothing hangs on it."""
        policy = self.get(name)
        if self.targets(name):
            raise delete_conflict(
                f"The policy cannot be deleted as the policy is attached to one or more targets ({name})"
            )
        if len(policy.versions) > 1:
            raise delete_conflict(
                f"Cannot delete the policy because it has one or more policy versions attached ({name})"
            )
        del self.by_name[name]
        self.revision += 1

    def attach(self, name: str, target: str) -> None:
        """AttachPolicy, repeatable. Whether the target is there is the registry's to know."""
        self.get(name)
        mine = self._attached.get(target, {})
        if name not in mine and len(mine) >= ATTACHED_MAX:
            raise limit_exceeded(f"A target has at most {ATTACHED_MAX} policies")
        self._attached.setdefault(target, {})[name] = None
        self.revision += 1

    def detach(self, name: str, target: str) -> None:
        """DetachPolicy; one that is not attached is as good as detached."""
        self.get(name)
        self._attached.get(target, {}).pop(name, None)
        self.revision += 1

    @property
    def attached(self) -> bool:
        """Whether any policy hangs on anything."""
        return any(self._attached.values())

    def of(self, targets: Iterable[str]) -> list[str]:
        """Names of the policies on any of the targets, each once."""
        return list(dict.fromkeys(name for target in targets for name in self._attached.get(target, {})))

    def targets(self, name: str) -> list[str]:
        """What a policy hangs on."""
        return [target for target, names in self._attached.items() if name in names]

    def forget(self, target: str) -> None:
        """The target was deleted."""
        self._attached.pop(target, None)
        self.revision += 1

    def document(self, name: str) -> str:
        """The document of the default version; JobError when there is no such policy."""
        policy = self.get(name)
        return self.version(name, policy.default).document

    def _keep(self, policy: Policy) -> None:
        self.by_name[policy.name] = policy
        self.revision += 1


def check_document(text: str) -> None:
    """Refuse a document that cannot be evaluated."""
    try:
        parse(text)
    except PolicyError as fault:
        raise JobError("MalformedPolicyException", f"Policy document is Malformed: {fault}") from None
