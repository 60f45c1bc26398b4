"""Checks of one member at a time, refused in AWS's words.

A member that is null counts as absent. Every refusal of a member is a JobError InvalidRequestException.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from fractions import Fraction

from sim.jobs.documents import JobError
from sim.jobs.messages import Json

_SHOWN_CHARS = 64

Members = Mapping[str, Json]


def invalid(name: str, value: Json, constraint: str) -> JobError:
    """The error for a member that fails a constraint."""
    shown = "null" if value is None else "'" + str(value)[:_SHOWN_CHARS] + "'"
    return JobError(
        "InvalidRequestException",
        f"1 validation error detected: Value {shown} at '{name}' failed to satisfy constraint: {constraint}",
    )


def members(value: Json, name: str) -> Members | None:
    """A structure; None when absent."""
    if value is not None and not isinstance(value, Mapping):
        raise invalid(name, value, "Member must be a structure")
    return value


def items(given: Members, name: str) -> list[Json]:
    """A list; empty when absent."""
    value = given.get(name)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise invalid(name, value, "Member must be a list")
    return list(value)


def entries(given: Members, name: str) -> list[Members]:
    """A required list of structures, at least one."""
    found = items(given, name)
    if not found or not all(isinstance(entry, Mapping) for entry in found):
        raise invalid(name, None, "Member must have at least one entry, each a structure")
    return found


def text(given: Members, name: str, longest: int | None = None, *, shortest: int = 1) -> str | None:
    """A string without control characters; None when absent. Without `longest` only its type is checked."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid(name, value, "Member must be a string")
    if longest is not None:
        if not shortest <= len(value) <= longest:
            raise invalid(name, value, f"Member must have length between {shortest} and {longest}")
        if not value.isprintable() and any(unicodedata.category(char)[0] == "C" for char in value):
            raise invalid(name, value, "Member must not contain control characters")
    return value


def text_map(given: Members, name: str) -> dict[str, str]:
    """A map of strings; empty when absent."""
    value = members(given.get(name), name) or {}
    for key, entry in value.items():
        if not isinstance(entry, str):
            raise invalid(f"{name}.{key}", entry, "Member must be a string")
    return dict(value)


def one_of(given: Members, name: str, allowed: tuple[str, ...], default: str | None) -> str:
    """One of the `allowed` words; `default` when absent, which is refused when there is none."""
    value = given.get(name)
    if value is None and default is not None:
        return default
    if value not in allowed:
        raise invalid(name, value, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    return str(value)


def whole(given: Members, name: str, least: int, most: int | None = None) -> int | None:
    """A whole number in a range; None when absent."""
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(name, value, "Member must be a whole number")
    if value < least or (most is not None and value > most):
        most_text = "" if most is None else f" and at most {most}"
        raise invalid(name, value, f"Member must be at least {least}{most_text}")
    return value


def number(given: Members, name: str, least: Fraction, most: Fraction, *, places: int) -> Fraction | None:
    """A number in a range with at most `places` decimals, exact; None when absent."""
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(name, value, "Member must be a number")
    try:
        exact = Fraction(repr(value))
    except ValueError:
        raise invalid(name, value, "Member must be a finite number") from None
    if not least <= exact <= most:
        raise invalid(name, value, f"Member must be at least {float(least)} and at most {float(most)}")
    if (exact * 10**places).denominator != 1:
        raise invalid(name, value, f"Member must have at most {places} decimals")
    return exact


def json_inner(value: str) -> str:
    """A text as it stands inside the quotes of a JSON string."""
    return json.dumps(value)[1:-1]


def check_quota(used: int, quota: int, what: str) -> None:
    """Raises JobError LimitExceededException when one more would be too many."""
    if used >= quota:
        raise JobError("LimitExceededException", f"This account may have no more than {quota} {what}.")
