"""The registry of an account: things, groups, certificates, policies, tags, and the rules between them.

Sans-IO: each call that needs the time brings it. Rules inside one kind of record are in its own file; here is what
crosses them: what may be deleted while something hangs on it, which ARN names what, and whose groups a change
concerns (such calls return the things, because jobs that follow groups want to know). Implements the `Targets` port of
the Jobs service.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.cloud.refusals import delete_conflict, invalid, limit_exceeded, not_found
from sim.cloud.registry.certificates import Certificates
from sim.cloud.registry.groups import Groups
from sim.cloud.registry.policies import Policies
from sim.cloud.registry.records import Attributes, Certificate, Group, Ids, Thing
from sim.cloud.registry.things import ThingRecords
from sim.jobs.targets import Arns

TAGS_MAX = 50
"""Tags of one resource (AWS General Reference)."""
EVENT_TYPES = (
    "THING",
    "THING_GROUP",
    "THING_TYPE",
    "THING_GROUP_MEMBERSHIP",
    "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION",
    "JOB",
    "JOB_EXECUTION",
    "POLICY",
    "CERTIFICATE",
    "CA_CERTIFICATE",
)


class Registry:
    """Everything an account knows of its things but their jobs."""

    def __init__(self, arns: Arns) -> None:
        ids = Ids()
        self.arns = arns
        self.things = ThingRecords(ids)
        self.groups = Groups(ids, self.things)
        self.certificates = Certificates()
        self.policies = Policies()
        self.events = dict.fromkeys(EVENT_TYPES, False)
        self.events_changed_s: int | None = None
        self._tags: dict[str, dict[str, str]] = {}

    # The port of the Jobs service

    def exists(self, arn: str) -> bool:
        """Whether there is a thing group of this ARN."""
        return self._group_name(arn) in self.groups.by_name

    def members(self, arn: str) -> Iterable[str]:
        """Names of the things in a group and in all groups below it."""
        return self.groups.members_below(self._group_name(arn) or "")

    def groups_of(self, thing: str) -> Iterable[str]:
        """ARNs of the groups a thing is in, with all groups above them."""
        for group in self.groups.of_thing(thing):
            yield from (self.arns.group(name) for name in self.groups.ancestry(group))

    # Things

    def update_thing(
        self,
        name: str,
        expected: int | None,
        type_name: str | None,
        attributes: Attributes | None,
        *,
        merge: bool,
    ) -> list[str]:
        """UpdateThing; the things whose groups may have changed."""
        self.things.update(name, expected, type_name, attributes, merge=merge)
        return [name] if self.groups.dynamic else []

    def delete_thing(self, name: str, expected: int | None) -> Thing | None:
        """DeleteThing; None when there was none, which is as good. Its principals must be detached before."""
        thing = self.things.by_name.get(name)
        if thing is None:
            return None
        if expected is not None and expected != thing.version:
            self.things.update(name, expected, None, None, merge=False)  # refuses with the conflict
        if next(self.certificates.of_thing(name), None) is not None:
            raise invalid(f"Cannot delete. Thing {name} is still attached to one or more principals")
        self.groups.forget(name)
        self.things.delete(name)
        return thing

    def thing_name(self, name: str | None, arn: str | None) -> str:
        """A thing by its name or ARN; one of them is needed."""
        return self._name_of("thing", name, arn)

    def group_name(self, name: str | None, arn: str | None) -> str:
        """A thing group by its name or ARN; one of them is needed."""
        return self._name_of("thinggroup", name, arn)

    # Groups

    def update_group(self, changed: Group, expected: int | None, *, merge: bool) -> tuple[Group, list[str]]:
        """UpdateThingGroup; the group and the things that joined or left it."""
        before = set(self.groups.members(changed.name)) if changed.query else set()
        made = self.groups.update(changed, expected, merge=merge)
        after = set(self.groups.members(made.name)) if made.query else set()
        return made, sorted(before ^ after)

    def delete_group(self, name: str, expected: int | None, *, dynamic: bool) -> list[str]:
        """DeleteThingGroup or its dynamic twin; the things that were in it."""
        group = self.groups.by_name.get(name)
        if group is not None and bool(group.query) is not dynamic:
            kind = "dynamic" if group.query else "static"
            raise invalid(f"{name} is a {kind} thing group; use the operation for those")
        things = self.groups.delete(name, expected)
        self.forget_resource(self.arns.group(name))
        return things

    def change_groups(self, thing: str, add: Iterable[str], remove: Iterable[str]) -> None:
        """UpdateThingGroupsForThing: all of it or nothing."""
        self.things.get(thing)
        added, removed = list(add), list(remove)
        saved = self.groups.of_thing(thing)
        for name in [*added, *removed]:
            if self.groups.get(name).query:
                raise invalid(f"{name} is a dynamic thing group: its query decides who is in it")
        gone = [name for name in removed if name in saved]
        for name in gone:
            self.groups.remove(thing, name)
        done: list[str] = []
        try:
            for name in added:
                self.groups.check_addition(thing, name)
                if name not in self.groups.of_thing(thing):
                    self.groups.add(thing, name)
                    done.append(name)
        except BaseException:
            for name in done:
                self.groups.remove(thing, name)
            for name in gone:
                self.groups.add(thing, name)
            raise

    # Certificates and policies

    def certificate_of(self, principal: str) -> Certificate:
        """The certificate a principal's ARN names; other principals are not emulated."""
        found = self.arns.parse(principal)
        if found is None or found[0] != "cert":
            raise invalid(f"Invalid principal ARN {principal[:200]}; certificates are the principals emulated")
        return self.certificates.get(found[1])

    def delete_certificate(self, certificate_id: str, *, force: bool) -> None:
        """DeleteCertificate; with force its policies are detached first."""
        certificate = self.certificates.check_deletion(certificate_id)
        arn = self.arns.of("cert", certificate.certificate_id)
        if self.policies.of([arn]) and not force:
            message = f"Certificate policies must be detached before deletion (certificate id={certificate_id})"
            raise delete_conflict(message)
        self.policies.forget(arn)
        self.certificates.delete(certificate_id)

    def policy_target(self, target: str) -> str:
        """The ARN a policy may hang on: a certificate or a thing group that is there."""
        found = self.arns.parse(target)
        if found is None or found[0] not in ("cert", "thinggroup"):
            raise invalid(f"Invalid target {target[:200]}; certificates and thing groups are the targets emulated")
        kind, name = found
        if kind == "cert":
            return self.arns.of("cert", self.certificates.get(name).certificate_id)
        return self.arns.group(self.groups.get(name).name)

    def policies_of(self, target: str, *, recursive: bool) -> list[str]:
        """Names of the policies on a target; `recursive` takes those of the groups above a group along."""
        arn = self.policy_target(target)
        kind, name = self.arns.parse(arn) or ("", "")
        if recursive and kind == "thinggroup":
            return self.policies.of(self.arns.group(group) for group in reversed(self.groups.ancestry(name)))
        return self.policies.of([arn])

    def documents_for(self, certificates: Iterable[str], thing: str) -> list[str]:
        """The policy documents of active certificates (ids) and of a thing's static groups; "" for no thing."""
        targets = [self.arns.of("cert", it) for it in certificates if self.certificates.counts(it)]
        if thing:
            targets += [self.arns.group(name) for name in self.groups.lineage(thing)]
        return [self.policies.document(name) for name in self.policies.of(targets)]

    # Tags and events

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a resource, none for one without."""
        return dict(self._tags.get(arn, {}))

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        """TagResource: add tags, replace those of the same key."""
        both = self.check_tags(arn, tags)
        if both:
            self._tags[arn] = both

    def check_tags(self, arn: str, tags: dict[str, str]) -> dict[str, str]:
        """Refuse what `tag` would refuse; all tags the resource would have. For those that create one."""
        if any(key.lower().startswith("aws:") for key in tags):
            raise invalid("Tag keys that start with aws: are reserved")
        both = self.tags(arn) | tags
        if len(both) > TAGS_MAX:
            raise limit_exceeded(f"A resource has at most {TAGS_MAX} tags")
        return both

    def untag(self, arn: str, keys: Iterable[str]) -> None:
        """UntagResource; keys that are not there are ignored."""
        gone = frozenset(keys)
        self._tags[arn] = {key: value for key, value in self.tags(arn).items() if key not in gone}

    def forget_resource(self, arn: str) -> None:
        """A resource was deleted: its tags and policies go with it."""
        self._tags.pop(arn, None)
        self.policies.forget(arn)

    def has_resource(self, arn: str) -> bool:
        """Whether a resource of the registry that can be tagged has this ARN."""
        kind, name = self.arns.parse(arn) or ("", "")
        homes: dict[str, Iterable[str]] = {
            "thinggroup": self.groups.by_name,
            "thingtype": self.things.types,
            "policy": self.policies.by_name,
        }
        return name in homes.get(kind, ())

    def set_events(self, changes: dict[str, bool], now_s: int) -> None:
        """UpdateEventConfigurations."""
        self.events |= changes
        self.events_changed_s = now_s

    def _group_name(self, arn: str) -> str | None:
        kind, name = self.arns.parse(arn) or ("", "")
        return name if kind == "thinggroup" else None

    def _name_of(self, kind: str, name: str | None, arn: str | None) -> str:
        if arn is not None:
            found = self.arns.parse(arn)
            if found is None or found[0] != kind:
                raise not_found(kind, arn)
            if name is not None and name != found[1]:
                raise invalid(f"The name {name} and the ARN {arn} differ")
            return found[1]
        if name is None:
            raise invalid(f"Either the name or the ARN of a {kind} must be given")
        return name
