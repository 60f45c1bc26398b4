"""Shapes of what a request brings: types, lengths, ranges, patterns and enumerations, as the API reference has them.

Clients check little: boto3 looks at types, required members and least lengths. So everything is checked here, and told
in AWS's words. A pattern is kept in Amazon's spelling, because the refusal quotes it, beside a test that Python
understands. A member that is null counts as absent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sim.cloud.refusals import invalid
from sim.jobs.documents import JobError
from sim.jobs.messages import Json

_SHOWN_CHARS = 64
_WHOLE = re.compile(r"-?[0-9]{1,18}")  # fits a 64-bit long


class Shape(Protocol):
    """A kind of value. `check` refuses what does not fit; `read` makes a value of the text in a URL or header."""

    def check(self, name: str, value: Json) -> Json: ...
    def read(self, name: str, text: str) -> Json: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `least` to `most` characters. `pattern` in Amazon's spelling; `test` where Python's differs."""

    least: int = 0
    most: int | None = None
    pattern: str | None = None
    test: Callable[[str], object] | None = None

    def check(self, name: str, value: Json) -> Json:
        if not isinstance(value, str):
            raise failed(name, value, "Member must be a string")
        if len(value) < self.least:
            raise failed(name, value, f"Member must have length greater than or equal to {self.least}")
        if self.most is not None and len(value) > self.most:
            raise failed(name, value, f"Member must have length less than or equal to {self.most}")
        test = self.test or (None if self.pattern is None else re.compile(self.pattern).fullmatch)
        if test is not None and not test(value):
            raise failed(name, value, f"Member must satisfy regular expression pattern: {self.pattern}")
        return value

    def read(self, name: str, text: str) -> Json:
        return self.check(name, text)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def check(self, name: str, value: Json) -> Json:
        if value not in self.words:
            raise failed(name, value, f"Member must satisfy enum value set: [{', '.join(self.words)}]")
        return value

    def read(self, name: str, text: str) -> Json:
        return self.check(name, text)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range."""

    least: int | None = None
    most: int | None = None

    def check(self, name: str, value: Json) -> Json:
        if isinstance(value, bool) or not isinstance(value, int):
            raise failed(name, value, "Member must be a whole number")
        if self.least is not None and value < self.least:
            raise failed(name, value, f"Member must have value greater than or equal to {self.least}")
        if self.most is not None and value > self.most:
            raise failed(name, value, f"Member must have value less than or equal to {self.most}")
        return value

    def read(self, name: str, text: str) -> Json:
        if not _WHOLE.fullmatch(text):
            raise failed(name, text, "Member must be a whole number")
        return self.check(name, int(text))


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def check(self, name: str, value: Json) -> Json:
        if not isinstance(value, bool):
            raise failed(name, value, "Member must be a boolean")
        return value

    def read(self, name: str, text: str) -> Json:
        if text.lower() not in ("true", "false"):
            raise failed(name, text, "Member must be a boolean")
        return text.lower() == "true"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of things of one shape."""

    item: Shape
    least: int = 0

    def check(self, name: str, value: Json) -> Json:
        if not isinstance(value, list):
            raise failed(name, value, "Member must be a list")
        if len(value) < self.least:
            raise failed(name, value, f"Member must have length greater than or equal to {self.least}")
        return [self.item.check(f"{name}.{at}.member", entry) for at, entry in enumerate(value, 1)]

    def read(self, name: str, text: str) -> Json:
        raise failed(name, text, "Member must be in the body")


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from texts of one shape to values of another."""

    key: Shape
    value: Shape

    def check(self, name: str, value: Json) -> Json:
        if not isinstance(value, dict):
            raise failed(name, value, "Member must be a map")
        for key in value:
            self.key.check(f"{name}.key", key)
        return {key: self.value.check(f"{name}.{key}.member", entry) for key, entry in value.items()}

    def read(self, name: str, text: str) -> Json:
        raise failed(name, text, "Member must be in the body")


@dataclass(frozen=True, slots=True)
class Structure:
    """Members of their own shapes. Unknown members are dropped, as AWS does."""

    members: Mapping[str, Shape]
    required: tuple[str, ...] = ()

    def check(self, name: str, value: Json) -> Json:
        if not isinstance(value, dict):
            raise failed(name, value, "Member must be a structure")
        for member in self.required:
            if value.get(member) is None:
                raise failed(f"{name}.{member}", None, "Member must not be null")
        return {
            member: shape.check(f"{name}.{member}", value[member])
            for member, shape in self.members.items()
            if value.get(member) is not None
        }

    def read(self, name: str, text: str) -> Json:
        raise failed(name, text, "Member must be in the body")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Any value: its own service checks it, the Jobs service above all."""

    def check(self, name: str, value: Json) -> Json:  # noqa: ARG002 - the port's names
        return value

    def read(self, name: str, text: str) -> Json:  # noqa: ARG002 - the port's names
        return text


@dataclass(frozen=True, slots=True)
class Member:
    """One input of an operation. `place`: uri, querystring, header, body, or payload (the raw body)."""

    place: str
    name: str
    shape: Shape
    required: bool = field(default=False)


def label(name: str, shape: Shape) -> Member:
    """A part of the path."""
    return Member("uri", name, shape, required=True)


def query(name: str, shape: Shape, *, required: bool = False) -> Member:
    """A parameter of the query."""
    return Member("querystring", name, shape, required)


def header(name: str, shape: Shape, *, required: bool = False) -> Member:
    """A header, by its name in lower case."""
    return Member("header", name, shape, required)


def member(name: str, shape: Shape, *, required: bool = False) -> Member:
    """A member of the JSON body."""
    return Member("body", name, shape, required)


def failed(name: str, value: Json, constraint: str) -> JobError:
    """InvalidRequestException, worded as AWS words a failed constraint."""
    shown = "null" if value is None else f"'{str(value)[:_SHOWN_CHARS]}'"
    return invalid(f"1 validation error detected: Value {shown} at '{name}' failed to satisfy constraint: {constraint}")


def no_control(text: str) -> bool:
    """`[^\\p{C}]+`: at least one character, and none of control, format, private or unassigned ones."""
    return bool(text) and (text.isprintable() or not any(unicodedata.category(char)[0] == "C" for char in text))


NAME = Text(1, 128, "[a-zA-Z0-9:_-]+")
"""Of things, types and groups."""
POLICY_NAME = Text(1, 128, r"[\w+=,.@-]+", re.compile(r"[a-zA-Z0-9_+=,.@-]+").fullmatch)
POLICY_DOCUMENT = Text(0, 404600, r"[\s\S]*")
POLICY_VERSION = Text(0, None, "[0-9]+")
CERTIFICATE_ID = Text(64, 64, "(0x)?[a-fA-F0-9]+")
CERTIFICATE_STATUS = Choice(
    ("ACTIVE", "INACTIVE", "REVOKED", "PENDING_TRANSFER", "REGISTER_INACTIVE", "PENDING_ACTIVATION")
)
PEM = Text(1, 65536, r"[\s\S]*")
PRINCIPAL_TYPE = Choice(("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"))
JOB_ID = Text(1, 64, "[a-zA-Z0-9_-]+")
COMMENT = Text(0, 2028, r"[^\p{C}]+", no_control)
REASON = Text(0, 128, r"[\p{Upper}\p{Digit}_]+", re.compile("[A-Z0-9_]+").fullmatch)
EXECUTION_STATUS = Choice(
    ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")
)
JOB_STATUS = Choice(("IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"))
SELECTION = Choice(("CONTINUOUS", "SNAPSHOT"))
NAMESPACE = Text(0, None, "[a-zA-Z0-9_-]+")
ATTRIBUTE_NAME = Text(0, 128, "[a-zA-Z0-9_.,@/:#-]+")
ATTRIBUTE_VALUE = Text(0, 800, r"[a-zA-Z0-9_.,@/:#=\[\]-]*")
ATTRIBUTES = Structure({"attributes": MapOf(ATTRIBUTE_NAME, ATTRIBUTE_VALUE), "merge": Flag()})
DESCRIPTION = Text(0, 2028, r"[\p{Graph}\x20]*", re.compile(r"[\x20-\x7e]*").fullmatch)
TAG_KEY = Text(1, 128, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", re.compile(r"[\w\s.:/=+\-@]*").fullmatch)
TAG = Structure({"Key": TAG_KEY, "Value": Text(0, 256)}, required=("Key",))
TAGS = ListOf(TAG)
PAGE_SIZE = Whole(1, 250)
MARKER = Text(0, 1024, "[A-Za-z0-9+/]+={0,2}")
TOKEN = Text()
ARN = Text()
