"""Thing groups: static ones with members and a place in a tree, dynamic ones with a query instead.

Membership of a dynamic group is never stored: it is the query, asked when somebody wants to know. Limits are those of
the AWS IoT Core quotas. A thing is in at most one group of a tree, as AWS has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sim.cloud.refusals import exists, invalid, not_found, version_conflict
from sim.cloud.registry import queries
from sim.cloud.registry.records import Group, Ids, merged
from sim.cloud.registry.things import ThingRecords

GROUPS_OF_A_THING_MAX = 10
DEPTH_MAX = 7
CHILDREN_MAX = 100
DYNAMIC_MAX = 100
"""AWS IoT Core quotas, thing groups."""
INDEX = "AWS_Things"
"""The one index dynamic groups can query."""


class Groups:
    """All groups by name. `revision` grows with every change of who is in which group."""

    def __init__(self, ids: Ids, things: ThingRecords) -> None:
        self.revision = 0
        self._ids = ids
        self._things = things
        self.by_name: dict[str, Group] = {}
        self._members: dict[str, dict[str, None]] = {}
        self._of_thing: dict[str, tuple[str, ...]] = {}
        self._alone: dict[str, tuple[str]] = {}  # by group, for the things that are in no other
        self._children: dict[str, dict[str, None]] = {}
        self._matches: dict[str, queries.Match] = {}

    def __getstate__(self) -> dict[str, object]:
        """Queries are kept as their texts, which groups have, and parsed again."""
        return self.__dict__ | {"_matches": list(self._matches)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._matches = {name: queries.parse(self.by_name[name].query) for name in state["_matches"]}

    def get(self, name: str) -> Group:
        """The group; JobError when there is none."""
        group = self.by_name.get(name)
        if group is None:
            raise not_found("Thing group", name)
        return group

    def create(self, wanted: Group) -> Group:
        """CreateThingGroup and its dynamic twin: `wanted` without its id. The same group again is as good."""
        wanted = replace(wanted, attributes=merged({}, wanted.attributes, merge=False))
        old = self.by_name.get(wanted.name)
        if old is not None:
            if replace(wanted, group_id=old.group_id, created_s=old.created_s, version=old.version) != old:
                raise exists("Thing group", wanted.name)
            return old
        if wanted.parent:
            self._check_parent(wanted.parent)
        if wanted.query:
            match = queries.parse(wanted.query)
            if len(self._matches) >= DYNAMIC_MAX:
                raise invalid(f"At most {DYNAMIC_MAX} dynamic thing groups are allowed")
            self._matches[wanted.name] = match
        made = replace(wanted, group_id=self._ids.new())
        self.by_name[made.name] = made
        self._children.setdefault(made.parent, {})[made.name] = None
        return made

    def update(self, changed: Group, expected: int | None, *, merge: bool) -> Group:
        """UpdateThingGroup: `changed` with its new description, attributes and query."""
        old = self.get(changed.name)
        if expected is not None and expected != old.version:
            raise version_conflict("Thing group", old.name, expected, old.version)
        match = queries.parse(changed.query) if changed.query else None
        attributes = merged(old.attributes, changed.attributes, merge)
        made = replace(changed, attributes=attributes, version=old.version + 1)
        if match is not None:
            self._matches[made.name] = match
        self.by_name[made.name] = made
        return made

    def delete(self, name: str, expected: int | None) -> list[str]:
        """DeleteThingGroup; the things that were in it. One that is not there is as good as deleted."""
        group = self.by_name.get(name)
        if group is None:
            return []
        if expected is not None and expected != group.version:
            raise version_conflict("Thing group", name, expected, group.version)
        if self._children.get(name):
            raise invalid(f"Thing group {name} cannot be deleted: it has child groups")
        things = list(self.members(name))
        for thing in self._members.pop(name, {}):
            self._leave(thing, name)
        self._matches.pop(name, None)
        self._children[group.parent].pop(name)
        del self.by_name[name]
        self._alone.pop(name, None)
        self.revision += 1
        return things

    def check_addition(self, thing: str, name: str) -> None:
        """Refuse what AddThingToThingGroup would refuse."""
        if self.get(name).query:
            raise invalid(f"{name} is a dynamic thing group: its query decides who is in it")
        self._things.get(thing)
        mine = self._of_thing.get(thing, ())
        if name in mine:
            return
        if len(mine) >= GROUPS_OF_A_THING_MAX:
            raise invalid(f"Thing {thing} is in {GROUPS_OF_A_THING_MAX} thing groups already")
        root = self.ancestry(name)[0]
        other = next((group for group in mine if self.ancestry(group)[0] == root), None)
        if other is not None:
            raise invalid(f"Thing {thing} is in group {other} of the same hierarchy as {name} already")

    def add(self, thing: str, name: str) -> None:
        """AddThingToThingGroup, repeatable."""
        self.check_addition(thing, name)
        self._members.setdefault(name, {})[thing] = None
        mine = self._of_thing.get(thing, ())
        if not mine:
            self._of_thing[thing] = self._alone.setdefault(name, (name,))
        elif name not in mine:
            self._of_thing[thing] = (*mine, name)
        self.revision += 1

    def remove(self, thing: str, name: str) -> None:
        """RemoveThingFromThingGroup; a thing that is not in it is as good as removed."""
        if self.get(name).query:
            raise invalid(f"{name} is a dynamic thing group: its query decides who is in it")
        self._members.get(name, {}).pop(thing, None)
        self._leave(thing, name)
        self.revision += 1

    def forget(self, thing: str) -> None:
        """The thing was deleted."""
        for name in self._of_thing.pop(thing, ()):
            self._members[name].pop(thing, None)
        self.revision += 1

    def children(self, parent: str) -> list[str]:
        """Names of the groups right below one; "" for the roots."""
        return list(self._children.get(parent, {}))

    def below(self, parent: str) -> Iterator[str]:
        """Names of all groups below one, depth first."""
        for child in self._children.get(parent, {}):
            yield child
            yield from self.below(child)

    def ancestry(self, name: str) -> list[str]:
        """A group and its parents, root first."""
        found = [name]
        while parent := self.by_name[found[-1]].parent:
            found.append(parent)
        return found[::-1]

    def members(self, name: str) -> Iterator[str]:
        """Things right in a group, in the order they came."""
        match = self._matches.get(name)
        if match is None:
            yield from list(self._members.get(name, {}))
        else:
            yield from [thing.name for thing in self._things if match(self.document(thing.name))]

    def members_below(self, name: str) -> Iterator[str]:
        """Things in a group and in all groups below it, each once."""
        found = dict.fromkeys(self.members(name))
        for child in self.below(name):
            found |= dict.fromkeys(self.members(child))
        yield from found

    def lineage(self, thing: str) -> list[str]:
        """The static groups a thing is in, each followed by those above it."""
        return [name for group in self._of_thing.get(thing, ()) for name in reversed(self.ancestry(group))]

    def of_thing(self, thing: str) -> list[str]:
        """Groups a thing is right in, static ones first."""
        static = list(self._of_thing.get(thing, ()))
        if not self._matches or thing not in self._things:
            return static
        seen = self.document(thing)
        return static + [name for name, match in self._matches.items() if match(seen)]

    def document(self, thing: str) -> queries.Document:
        """A thing as queries see it: of its groups the static ones."""
        found = self._things.by_name[thing]
        return queries.Document(thing, found.type_name, found.attributes, list(self._of_thing.get(thing, ())))

    @property
    def dynamic(self) -> bool:
        """Whether any change of a thing could change who is in which group."""
        return bool(self._matches)

    def _leave(self, thing: str, name: str) -> None:
        if thing in self._of_thing:
            self._of_thing[thing] = tuple([it for it in self._of_thing[thing] if it != name])

    def _check_parent(self, parent: str) -> None:
        if self.get(parent).query:
            raise invalid(f"{parent} is a dynamic thing group and cannot have children")
        if len(self.ancestry(parent)) >= DEPTH_MAX:
            raise invalid(f"Thing groups nest at most {DEPTH_MAX} deep")
        if len(self._children.get(parent, {})) >= CHILDREN_MAX:
            raise invalid(f"A thing group has at most {CHILDREN_MAX} children")
