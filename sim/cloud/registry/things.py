"""Things and thing types of an account.

CreateThing and CreateThingType may be repeated with the same content. A type must be deprecated for a while before it
can be deleted, and no thing may have it any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sim.cloud.refusals import exists, invalid, not_found, version_conflict
from sim.cloud.registry.records import (
    NO_ATTRIBUTES,
    Attributes,
    Ids,
    Thing,
    ThingType,
    check_attributes,
    merged,
)

TYPE_DELETION_WAIT_S = 300
"""A type can be deleted five minutes after it was deprecated (AWS IoT API reference, DeleteThingType)."""


class ThingRecords:
    """All things by name, and their types. `revision` grows with every change of a thing."""

    def __init__(self, ids: Ids) -> None:
        self.revision = 0
        self._ids = ids
        self.by_name: dict[str, Thing] = {}
        self.types: dict[str, ThingType] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[Thing]:
        return iter(self.by_name.values())

    def get(self, name: str) -> Thing:
        """The thing; JobError when there is none."""
        thing = self.by_name.get(name)
        if thing is None:
            raise not_found("Thing", name)
        return thing

    def create(self, name: str, type_name: str = "", attributes: Attributes = NO_ATTRIBUTES) -> Thing:
        """CreateThing. The same thing again is as good; another one of this name is refused."""
        attributes = merged(NO_ATTRIBUTES, attributes, merge=False)
        old = self.by_name.get(name)
        if old is not None:
            if (old.type_name, old.attributes) != (type_name, attributes):
                raise exists("Thing", name)
            return old
        if type_name:
            self._usable_type(type_name)
        check_attributes(attributes, typed=bool(type_name))
        thing = Thing(name, self._ids.number(), type_name, attributes)
        self.by_name[name] = thing
        self.revision += 1
        return thing

    def update(
        self,
        name: str,
        expected: int | None,
        type_name: str | None,
        attributes: Attributes | None,
        *,
        merge: bool,
    ) -> Thing:
        """UpdateThing. `type_name` "" takes the type away, None leaves it."""
        thing = self.get(name)
        if expected is not None and expected != thing.version:
            raise version_conflict("Thing", name, expected, thing.version)
        if type_name:
            self._usable_type(type_name)
        kind = thing.type_name if type_name is None else type_name
        kept = merged(thing.attributes, attributes, merge)
        check_attributes(kept, typed=bool(kind))
        changed = replace(thing, type_name=kind, attributes=kept, version=thing.version + 1)
        self.by_name[name] = changed
        self.revision += 1
        return changed

    def delete(self, name: str) -> None:
        """DeleteThing, once nothing hangs on it."""
        del self.by_name[name]
        self.revision += 1

    def type(self, name: str) -> ThingType:
        """The type; JobError when there is none."""
        found = self.types.get(name)
        if found is None:
            raise not_found("Thing type", name)
        return found

    def create_type(self, name: str, description: str, searchable: tuple[str, ...], now_s: int) -> ThingType:
        """CreateThingType, repeatable with the same content."""
        old = self.types.get(name)
        if old is not None:
            if (old.description, old.searchable) != (description, searchable):
                raise exists("Thing type", name)
            return old
        _check_searchable(searchable)
        made = ThingType(name, self._ids.new(), description, searchable, now_s)
        self.types[name] = made
        return made

    def update_type(self, name: str, description: str | None, searchable: tuple[str, ...] | None) -> None:
        """UpdateThingType."""
        old = self.type(name)
        _check_searchable(searchable or ())
        self.types[name] = replace(
            old,
            description=old.description if description is None else description,
            searchable=old.searchable if searchable is None else searchable,
        )

    def deprecate_type(self, name: str, now_s: int | None) -> None:
        """DeprecateThingType; None takes it back."""
        old = self.type(name)
        if now_s is None or old.deprecated_s is None:
            self.types[name] = replace(old, deprecated_s=now_s)

    def delete_type(self, name: str, now_s: int) -> None:
        """DeleteThingType."""
        old = self.type(name)
        if old.deprecated_s is None or now_s < old.deprecated_s + TYPE_DELETION_WAIT_S:
            minutes = TYPE_DELETION_WAIT_S // 60
            raise invalid(f"Thing type {name} can be deleted {minutes} minutes after it was deprecated")
        if any(thing.type_name == name for thing in self):
            raise invalid(f"Thing type {name} cannot be deleted while things have it")
        del self.types[name]

    def _usable_type(self, name: str) -> None:
        if self.type(name).deprecated_s is not None:
            raise invalid(f"Can not create new thing with type {name}: the thing type is deprecated")


def _check_searchable(searchable: tuple[str, ...]) -> None:
    if len(searchable) > 3:
        raise invalid("A thing type has at most 3 searchable attributes")
