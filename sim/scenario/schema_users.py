"""Users with passwords, who come without a certificate: in a scenario, or in a file of their own for `qpyota up`.

Rules: a user is one thing, and connects under its name only. Where there are users, nobody comes without a certificate
or a password. A scenario's passwords are no secret, as its keys are none: its scripts hold them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr, TypeAdapter

from sim.cloud.gate import Login
from sim.scenario.values import Spec, ThingName, matching

TEXT_MAX_BYTES = 65_535
"""Of a user name or password in CONNECT (MQTT 3.1.1, 1.5.3)."""


def _sendable(text: str) -> str:
    if not text or "\0" in text or len(text.encode()) > TEXT_MAX_BYTES:
        raise ValueError("a password has 1 to 65,535 bytes, none of them NUL")
    return text


UserName = Annotated[str, AfterValidator(matching(r"[^\x00-\x1f\x7f]{1,256}", "a user name"))]


class User(Spec):
    """The thing that a client is which knows this password."""

    thing: ThingName
    password: Annotated[StrictStr, AfterValidator(_sendable)] = Field(repr=False)


Users = Mapping[UserName, User]
USERS: TypeAdapter[dict[str, User]] = TypeAdapter(dict[UserName, User])


def logins(users: Mapping[str, User]) -> dict[str, Login]:
    """What the gate goes by."""
    return {name: Login(user.thing, user.password) for name, user in users.items()}
