"""An operation of a REST plane: its route, what it takes, and the plain function behind it.

A request is read into `Ask`: every input checked, nothing else let through. Handlers see names as on the wire. A
handler checks everything before it changes anything, so that a refused call leaves no trace.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from sim.cloud.api.services import Services
from sim.cloud.api.shapes import Member, failed
from sim.cloud.refusals import invalid
from sim.cloud.registry.pages import RESULTS_MAX, Span
from sim.cloud.registry.registry import TAGS_MAX
from sim.jobs.documents import JobError
from sim.jobs.messages import Json
from sim.jobs.paging import Page
from sim.ports import HttpRequest

BODY_MAX_BYTES = 1024 * 1024
"""ESTIMATE: largest JSON body; the largest member of any operation, a policy document, has 404600 characters."""
NESTING_MAX = 32
"""ESTIMATE: no operation nests deeper than six."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A checked request. The getters give None for a member that is absent."""

    given: Mapping[str, Json]
    now_s: int
    host: str = ""
    body: bytes = field(default=b"", repr=False)

    def text(self, name: str) -> str:
        """A required text."""
        return str(self.given[name])

    def maybe(self, name: str) -> str | None:
        """An optional text."""
        value = self.given.get(name)
        return None if value is None else str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """An optional boolean."""
        value = self.given.get(name)
        return default if value is None else value is True

    def whole(self, name: str) -> int | None:
        """An optional whole number."""
        value = self.given.get(name)
        return value if isinstance(value, int) else None

    def mapping(self, name: str) -> dict[str, Json]:
        """An optional structure or map, empty when absent."""
        value = self.given.get(name)
        return dict(value) if isinstance(value, dict) else {}

    def texts(self, name: str) -> list[str]:
        """An optional list of texts, empty when absent."""
        value = self.given.get(name)
        return [str(item) for item in value] if isinstance(value, list) else []

    def tags(self) -> dict[str, str]:
        """The tags of a resource, by key."""
        value = self.given.get("tags")
        rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
        return {str(row["Key"]): str(row.get("Value", "")) for row in rows}

    def new_tags(self) -> dict[str, str]:
        """The tags of a resource to be made, for operations whose only word for too many is InvalidRequestException."""
        tags = self.tags()
        if len(tags) > TAGS_MAX:
            raise invalid(f"A resource has at most {TAGS_MAX} tags")
        return tags

    def span(self) -> Span:
        """The page of a registry list that is wanted, in either of AWS's two dialects."""
        size = self.whole("maxResults") or self.whole("pageSize") or RESULTS_MAX
        descending = self.given.get("isAscendingOrder") is False
        return Span(size, self.maybe("nextToken") or self.maybe("marker"), descending)

    def page(self) -> Page:
        """The page of a Jobs list that is wanted."""
        return Page(self.whole("maxResults"), self.maybe("nextToken"))


Handler = Callable[[Services, Ask], Mapping[str, Json] | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `route` as `METHOD /path/{label}`. A label that ends in + may hold slashes."""

    name: str
    route: str
    handler: Handler
    inputs: tuple[Member, ...] = ()

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.route.partition(" ")[2].strip("/").split("/"))

    def match(self, method: str, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The labels of a path whose raw segments are given; None when the route is another one."""
        mine = self.segments
        if method != self.method:
            return None
        if mine[-1].endswith("+}") and len(segments) > len(mine):
            segments = (*segments[: len(mine) - 1], "/".join(segments[len(mine) - 1 :]))
        if len(segments) != len(mine):
            return None
        labels = {}
        for wanted, got in zip(mine, segments, strict=True):
            if wanted.startswith("{"):
                labels[wanted.strip("{+}")] = got
            elif unquote(got) != wanted:
                return None
        return labels

    def read(self, request: HttpRequest, labels: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Json]:
        """Every input of the request, checked. JobError InvalidRequestException for the first that does not fit."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        texts: Mapping[str, Mapping[str, str]] = {
            "uri": {name: _decoded(name, text) for name, text in labels.items()},
            "querystring": query,
            "header": headers,
        }
        wants_body = any(it.place == "body" for it in self.inputs)
        body = parse_body(request.body) if wants_body else {}
        found: dict[str, Json] = {}
        for wanted in self.inputs:
            if wanted.place == "payload":
                continue  # the raw body, which `Ask` has anyway
            if wanted.place == "body":
                value = body.get(wanted.name)
                checked = None if value is None else wanted.shape.check(wanted.name, value)
            else:
                text = texts[wanted.place].get(wanted.name)
                checked = None if text is None else wanted.shape.read(wanted.name, text)
            if checked is not None:
                found[wanted.name] = checked
            elif wanted.required:
                raise failed(wanted.name, None, "Member must not be null")
        return found


def parse_body(body: bytes) -> dict[str, Json]:
    """The JSON object of a body; an empty one is `{}`."""
    if not body:
        return {}
    if len(body) > BODY_MAX_BYTES:
        raise invalid(f"The body has more than {BODY_MAX_BYTES} bytes")
    try:
        value = json.loads(body.decode(), parse_constant=_no_constant)
        _check_nesting(value, 0)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair cannot be stored
    except (ValueError, RecursionError):
        raise _serialization() from None
    if not isinstance(value, dict):
        raise _serialization()
    return value


def _check_nesting(value: Json, depth: int) -> None:
    if depth > NESTING_MAX:
        raise ValueError("nested too deep")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _check_nesting(item, depth + 1)


def _decoded(name: str, text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise failed(name, text, "Member must be UTF-8") from None


def _serialization() -> JobError:
    return invalid("The body is not a JSON object")


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")
