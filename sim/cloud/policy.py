"""Policy documents of AWS IoT Core: what they may say, and what follows for one action on one resource.

Rules, from the developer guide ("AWS IoT Core policies", "policy variables"). A Deny that matches wins, else an Allow
that matches, else nobody has said anything, which is a no. `*` stands for any characters and `?` for one; what a
variable puts in is literal, and so are the wildcards of a topic filter that is asked for. A resource with a variable
that has no value matches nothing. A condition that is not emulated is refused when the policy is made, never skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

DOCUMENT_MAX_CHARS = 2048
"""AWS IoT Core quotas, policies; white space does not count."""
PARSED_MAX = 1024
"""Documents kept parsed, least recently used first to go."""

_MEMBERS = ("Sid", "Effect", "Action", "Resource", "Condition")
_ANY, _ONE = "\0*", "\0?"  # no text of MQTT or JSON that we take holds a NUL
_TOKEN = re.compile(r"\$\{(?P<name>[^}]*)\}|(?P<wild>[*?])")
_ATTRIBUTE = re.compile(r"iot:Connection\.Thing\.Attributes\[([a-zA-Z0-9_.,@/:#-]{1,128})\]")
_PLAIN_ID = re.compile(r"[^\x00-\x20\x7f+#/$*?]+")
_ATTACHED = "iot:Connection.Thing.IsAttached"
_CLIENT_ID = "iot:ClientId"


class PolicyError(ValueError):
    """A document that is no policy, or says something that is not emulated."""


class Verdict(Enum):
    """What policies say to one question. SILENT: none of them said anything."""

    ALLOWED = "allowed"
    DENIED = "denied"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Asker:
    """A connection, as policies see it. `thing` "" when its certificate is not attached to the thing of its name."""

    client_id: str
    thing: str = ""
    type_name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    common_name: str = ""

    def value(self, variable: str) -> str | None:
        """The value of a policy variable, None when it has none here.

        A client chooses its id: one with a character that means something in a topic or a pattern gives no value.
        """
        if variable == _CLIENT_ID:
            return self.client_id if _PLAIN_ID.fullmatch(self.client_id) else None
        if variable == _ATTACHED:
            return "true" if self.thing else "false"
        if match := _ATTRIBUTE.fullmatch(variable):
            return self.attributes.get(match[1]) if self.thing else None
        return {
            "iot:Connection.Thing.ThingName": self.thing,
            "iot:Connection.Thing.ThingTypeName": self.type_name if self.thing else "",
            "iot:Certificate.Subject.CommonName": self.common_name,
        }[variable] or None


class _Pattern:
    """A text with wildcards and variables."""

    __slots__ = ("_parts",)

    def __init__(self, text: str, *, wildcards: bool = True) -> None:
        parts: list[tuple[str, str]] = []  # literal text, and the variable behind it
        literal, at = "", 0
        for token in _TOKEN.finditer(text):
            literal, at = literal + text[at : token.start()], token.end()
            if token["wild"]:
                literal += f"\0{token[0]}" if wildcards else token[0]
            elif token["name"] in ("*", "?", "$"):
                literal += token["name"]
            else:
                parts.append((literal, _known(token["name"])))
                literal = ""
        self._parts = (*parts, (literal + text[at:], ""))

    @property
    def varies(self) -> bool:
        """Whether it depends on who asks."""
        return any(variable for _, variable in self._parts)

    def matches(self, text: str, asker: Asker) -> bool:
        if len(self._parts) == 1:
            return _fits(self._parts[0][0], text)
        resolved = ""
        for literal, variable in self._parts:
            value = asker.value(variable) if variable else ""
            if value is None:
                return False
            resolved += literal + value.replace("\0", "")
        return _fits(resolved, text)


Condition = Callable[[Asker], bool]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, ready to be asked."""

    allows: bool
    actions: tuple[_Pattern, ...]
    resources: tuple[_Pattern, ...]
    conditions: tuple[Condition, ...]

    def speaks_of(self, asker: Asker, action: str, resource: str) -> bool:
        """Whether it has something to say."""
        return (
            any(it.matches(action, asker) for it in self.actions)
            and any(it.matches(resource, asker) for it in self.resources)
            and all(condition(asker) for condition in self.conditions)
        )


def decide(documents: Iterable[str], asker: Asker, action: str, resource: str) -> Verdict:
    """What documents together say to `action`, e.g. `iot:Publish`, on the ARN `resource`."""
    verdict, folded = Verdict.SILENT, action.casefold()
    for document in documents:
        for statement in _about(document, folded):
            if statement.speaks_of(asker, folded, resource):
                if not statement.allows:
                    return Verdict.DENIED
                verdict = Verdict.ALLOWED
    return verdict


@lru_cache(maxsize=PARSED_MAX)
def _about(document: str, action: str) -> tuple[Statement, ...]:
    """The statements of a document whose actions are this one, or depend on who asks."""
    nobody = Asker("")
    return tuple(
        [
            statement
            for statement in parse(document)
            if any(it.varies or it.matches(action, nobody) for it in statement.actions)
        ]
    )


@lru_cache(maxsize=PARSED_MAX)
def parse(text: str) -> tuple[Statement, ...]:
    """The statements of a document; PolicyError says what is wrong with it."""
    if len("".join(text.split())) > DOCUMENT_MAX_CHARS:
        raise PolicyError(f"it has more than {DOCUMENT_MAX_CHARS} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise PolicyError("it is not JSON") from None
    if not isinstance(document, dict):
        raise PolicyError("it is not a JSON object")
    if document.get("Version") not in (None, "2012-10-17", "2008-10-17"):
        raise PolicyError("Version must be 2012-10-17")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("it has no Statement")
    return tuple(map(_statement, statements))


def _statement(given: Any) -> Statement:
    if not isinstance(given, dict) or given.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("a statement has no Effect of Allow or Deny")
    for member in given:
        if member not in _MEMBERS:
            raise PolicyError(f"{member[:60]} is not emulated in a statement; known are {', '.join(_MEMBERS)}")
    return Statement(
        allows=given["Effect"] == "Allow",
        actions=tuple(_Pattern(text.casefold()) for text in _texts(given, "Action")),
        resources=tuple(map(_Pattern, _texts(given, "Resource"))),
        conditions=tuple(_conditions(given.get("Condition", {}))),
    )


def _texts(given: Mapping[str, Any], member: str) -> list[str]:
    """One text or a list of some."""
    value = given.get(member)
    items = value if isinstance(value, list) else [value]
    texts = [item for item in items if isinstance(item, str) and item and "\0" not in item]
    if not texts or len(texts) < len(items):
        raise PolicyError(f"a statement has no {member}")
    return texts


def _conditions(given: Any) -> Iterable[Condition]:
    """All must hold; of several values of a key any may."""
    if not isinstance(given, dict):
        raise PolicyError("Condition is not an object")
    for operator, keys in given.items():
        if not isinstance(keys, dict) or not keys:
            raise PolicyError(f"the condition {operator[:60]} has no keys")
        for key in keys:
            values = _texts(keys, key)
            if operator == "Bool" and key == _ATTACHED and set(map(str.lower, values)) <= {"true", "false"}:
                yield _holds(key, values=[text.lower() for text in values], wildcards=False)
            elif operator in ("StringEquals", "StringLike") and key == _CLIENT_ID:
                yield _holds(key, values=values, wildcards=operator == "StringLike")
            else:
                raise PolicyError(
                    f"the condition {operator[:60]} on {key[:60]} is not emulated; "
                    f"Bool on {_ATTACHED} (true, false) and StringEquals, StringLike on {_CLIENT_ID} are"
                )


def _holds(key: str, *, values: list[str], wildcards: bool) -> Condition:
    wanted = [_Pattern(text, wildcards=wildcards) for text in values]

    def holds(asker: Asker) -> bool:
        seen = asker.client_id if key == _CLIENT_ID else asker.value(key)
        return any(pattern.matches(seen or "", asker) for pattern in wanted)

    return holds


def _known(variable: str) -> str:
    try:
        Asker("").value(variable)
    except KeyError:
        raise PolicyError(f"the variable ${{{variable[:60]}}} is not emulated") from None
    return variable


def _fits(pattern: str, text: str) -> bool:
    """Whether the text matches; the pieces between two wildcards are found leftmost, which is enough."""
    first, *rest = pattern.split(_ANY)
    if not rest:
        return _length(first) == len(text) and _is_at(first, text, 0)
    last = rest.pop()
    end = len(text) - _length(last)
    at = _length(first)
    if end < at or not _is_at(first, text, 0) or not _is_at(last, text, end):
        return False
    for piece in rest:
        at = _find(piece, text, at, end)
        if at < 0:
            return False
    return True


def _find(piece: str, text: str, start: int, end: int) -> int:
    """Where the leftmost match of a piece ends, inside `start`..`end`; -1 when there is none."""
    if _ONE not in piece:
        found = text.find(piece, start, end)
        return found if found < 0 else found + len(piece)
    length = _length(piece)
    return next((at + length for at in range(start, end - length + 1) if _is_at(piece, text, at)), -1)


def _is_at(piece: str, text: str, at: int) -> bool:
    if _ONE not in piece:
        return text.startswith(piece, at)
    for part in piece.split(_ONE):
        if not text.startswith(part, at):
            return False
        at += len(part) + 1
    return at - 1 <= len(text)


def _length(piece: str) -> int:
    return len(piece) - piece.count(_ONE)
