"""Fleet indexing queries, the simple part: which things a dynamic group has, and what a search finds.

`field:value` with the wildcards * and ?, `field>number` and its kin, AND (also by juxtaposition), OR, NOT, parentheses
and quotes. Fields: thingName, thingTypeName, thingGroupNames, attributes.NAME; a bare value is a thing name. A field
that AWS has and this has not (shadow, connectivity) is refused by its name: silence would make an empty group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sim.jobs.documents import JobError

QUERY_MAX_CHARS = 1000
"""Longest query (AWS IoT Core quotas, fleet indexing)."""
TERMS_MAX = 12
"""Terms of one query (AWS IoT Core quotas, fleet indexing)."""
NESTING_MAX = 12

_TOKEN = re.compile(r'\s*(?:([()])|((?:[^\s()"\\:<>=]|\\.)+(?::|>=|<=|>|<))?("(?:[^"\\]|\\.)*"|(?:[^\s()"\\]|\\.)+))')
_OPERATOR = re.compile(r"(.*?)(:|>=|<=|>|<)", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


@dataclass(frozen=True, slots=True)
class Document:
    """A thing as the index sees it."""

    name: str
    type_name: str
    attributes: Mapping[str, str]
    groups: Sequence[str]


Match = Callable[[Document], bool]


def parse(query: str) -> Match:
    """The query as a test of one thing. JobError InvalidQueryException when it cannot be read."""
    if len(query) > QUERY_MAX_CHARS:
        raise _bad(f"the query has {len(query)} characters; at most {QUERY_MAX_CHARS} are allowed")
    if query.strip() == "*":
        return lambda _: True
    parser = _Parser(_tokens(query))
    match = parser.alternatives(0)
    if parser.more:
        raise _bad("a closing parenthesis has no opening one")
    return match


def _tokens(query: str) -> list[tuple[str, str]]:
    """Pairs of (field and operator, value); parentheses have the pair ("", "(")."""
    found, at = [], 0
    while query[at:].strip():
        match = _TOKEN.match(query, at)
        if match is None:
            raise _bad(f"cannot be read from {query[at : at + 20]!r}")
        paren, field, value = match.groups()
        found.append(("", paren) if paren else (field or "", value))
        at = match.end()
    if sum(value not in ("(", ")", "AND", "OR", "NOT") for _, value in found) > TERMS_MAX:
        raise _bad(f"a query has at most {TERMS_MAX} terms")
    return found


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens

    @property
    def more(self) -> bool:
        return bool(self._tokens)

    def alternatives(self, depth: int) -> Match:
        if depth > NESTING_MAX:
            raise _bad("too many parentheses")
        options = [self._all(depth)]
        while self._take("OR"):
            options.append(self._all(depth))
        return lambda it: any(option(it) for option in options)

    def _all(self, depth: int) -> Match:
        terms = [self._one(depth)]
        while self._tokens and self._tokens[0] not in (("", ")"), ("", "OR")):
            self._take("AND")
            terms.append(self._one(depth))
        return lambda it: all(term(it) for term in terms)

    def _one(self, depth: int) -> Match:
        if depth > NESTING_MAX or not self._tokens:
            raise _bad("it ends where a term was expected")
        if self._take("NOT"):
            negated = self._one(depth + 1)
            return lambda it: not negated(it)
        if self._take("("):
            inner = self.alternatives(depth + 1)
            if not self._take(")"):
                raise _bad("a parenthesis is not closed")
            return inner
        field, value = self._tokens.pop(0)
        if not field and value in (")", "AND", "OR"):
            raise _bad(f"{value} stands where a term was expected")
        return _term(field, value)

    def _take(self, word: str) -> bool:
        if self._tokens and self._tokens[0] == ("", word):
            self._tokens.pop(0)
            return True
        return False


def _term(field_and_operator: str, value: str) -> Match:
    match = _OPERATOR.fullmatch(field_and_operator)
    name, operator = (_plain(match[1]), match[2]) if match else ("thingName", ":")
    read = _reader(name)
    if operator != ":":
        wanted = _plain(value)
        if not _NUMBER.fullmatch(wanted):
            raise _bad(f"{name}{operator} needs a number and not {wanted[:40]!r}")
        compare = _COMPARE[operator]
        return lambda it: any(_NUMBER.fullmatch(text) and compare(float(text), float(wanted)) for text in read(it))
    pattern = _pattern(value)
    return lambda it: any(pattern.fullmatch(text) for text in read(it))


def _reader(field: str) -> Callable[[Document], Sequence[str]]:
    """The values of a field."""
    if field == "thingName":
        return lambda it: (it.name,)
    if field == "thingTypeName":
        return lambda it: (it.type_name,) if it.type_name else ()
    if field == "thingGroupNames":
        return lambda it: it.groups
    prefix, _, attribute = field.partition(".")
    if prefix == "attributes" and attribute:
        return lambda it: (it.attributes[attribute],) if attribute in it.attributes else ()
    raise _bad(f"{field[:60]!r} is no field that is indexed here")


def _pattern(value: str) -> re.Pattern[str]:
    """A value as an expression. Wildcards are bare * and ?; runs of * are one, so that matching stays cheap."""
    if value.startswith(("[", "{")):
        raise _bad("ranges are not emulated; write field>=a AND field<=b")
    quoted = value.startswith('"') and value.endswith('"') and len(value) > 1
    text = value[1:-1] if quoted else value
    parts = re.findall(r"\\.|\*+|[^\\*]", text, re.DOTALL)
    if sum(part[0] == "*" for part in parts) > 2:
        raise _bad("a value has at most two wildcards *")
    spelled = {"*": ".*", "?": "."}
    return re.compile(
        "".join(re.escape(part[1]) if part[0] == "\\" else spelled.get(part[0], re.escape(part)) for part in parts),
        re.DOTALL,
    )


def _plain(text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text.startswith('"') and text.endswith('"') else text
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def _bad(why: str) -> JobError:
    return JobError("InvalidQueryException", f"The query is not valid: {why}")
