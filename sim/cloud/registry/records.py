"""Records of the registry: things, types, groups, certificates, policies. Values only; a change makes a new one.

Ids are hashes of what was created as the how-manieth, never chance, so that runs repeat. Attributes follow one rule
everywhere: given without `merge` they replace all, with `merge` they are added, and an empty value removes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from uuid import UUID

from sim.cloud.refusals import invalid

ATTRIBUTES_MAX = 50
UNTYPED_ATTRIBUTES_MAX = 3
"""Attributes of a thing with and without a type (AWS IoT Core quotas, thing management)."""

Attributes = Mapping[str, str]
NO_ATTRIBUTES: Attributes = {}


@dataclass(frozen=True, slots=True)
class Thing:
    """A cloud identity. `type_name` "" for none."""

    name: str
    born: int
    """The how-manieth thing with an id it is."""
    type_name: str = ""
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    version: int = 1

    @property
    def thing_id(self) -> str:
        """Made when somebody asks: nobody does of most of a fleet."""
        return id_of(self.born)


@dataclass(frozen=True, slots=True)
class ThingType:
    """A kind of thing. `deprecated_s` None while things may get it."""

    name: str
    type_id: str
    description: str
    searchable: tuple[str, ...]
    created_s: int
    deprecated_s: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A thing group; with a `query` it is dynamic and has no members of its own. `parent` "" at the root."""

    name: str
    group_id: str
    created_s: int
    parent: str = ""
    description: str = ""
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    version: int = 1
    query: str = ""
    index: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate; its id is the SHA-256 of its DER."""

    certificate_id: str
    pem: str = field(repr=False)
    status: str
    created_s: int
    modified_s: int
    valid_from_s: int
    valid_until_s: int
    ca_id: str = ""
    version: int = 1
    common_name: str = ""


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a policy's document."""

    version: str
    document: str = field(repr=False)
    created_s: int


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy: its versions, oldest first, and which of them counts."""

    name: str
    versions: tuple[PolicyVersion, ...]
    default: str
    created_s: int
    modified_s: int
    given: int = 1

    def version(self, which: str) -> PolicyVersion | None:
        """A version by its number, None when there is none."""
        return next((it for it in self.versions if it.version == which), None)


class Ids:
    """Ids that look like UUIDs, in the same order in every run."""

    def __init__(self) -> None:
        self._given = 0

    def number(self) -> int:
        """That of the next one; `id_of` makes it."""
        self._given += 1
        return self._given

    def new(self) -> str:
        return id_of(self.number())


def id_of(number: int) -> str:
    """The id given as the how-manieth."""
    digest = blake2b(f"qpyota registry\x1f{number}".encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


def merged(old: Attributes, given: Attributes | None, merge: bool) -> Attributes:
    """Attributes after an update; `given` None changes nothing."""
    if given is None:
        return old
    both = {**old, **given} if merge else given
    return {name: value for name, value in both.items() if value != ""} or NO_ATTRIBUTES


def check_attributes(attributes: Attributes, *, typed: bool) -> None:
    """Refuse more attributes than a thing may have."""
    limit = ATTRIBUTES_MAX if typed else UNTYPED_ATTRIBUTES_MAX
    if len(attributes) > limit:
        kind = "with" if typed else "without"
        raise invalid(f"A thing {kind} a thing type has at most {limit} attributes; {len(attributes)} were given")
