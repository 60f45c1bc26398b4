"""How S3 says no: an error with its HTTP status, code and text, and the XML around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(eq=False)
class Fault(Exception):  # noqa: N818 - the word S3's own answers use is Error
    """An S3 error answer: status, code, text and further XML members. Nothing has been changed when it is raised."""

    status: int
    code: str
    message: str
    members: Mapping[str, str] = field(default_factory=dict)

    def xml(self, request_id: str, host_id: str) -> bytes:
        members = {"Code": self.code, "Message": self.message, **self.members}
        members |= {"RequestId": request_id, "HostId": host_id}
        inner = "".join(leaf(name, value) for name, value in members.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


def bad_request(code: str, message: str) -> Fault:
    """A 400."""
    return Fault(400, code, message)


def not_implemented(what: str) -> Fault:
    """A 501: S3 has it, this emulation has not."""
    return Fault(501, "NotImplemented", f"{what} is not emulated")


def document(root: str, parts: Iterable[str]) -> bytes:
    """A whole XML answer; `parts` are elements already written."""
    inner = "".join(parts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{inner}</{root}>'.encode()


def element(name: str, parts: Iterable[str]) -> str:
    """An element of elements."""
    return f"<{name}>{''.join(parts)}</{name}>"


def leaf(name: str, value: str | int | bool) -> str:
    """An element of text."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(_xml_text(text))}</{name}>"


def _xml_text(value: str) -> str:
    """XML 1.0 has no control characters; a device may well send them in a key."""
    return "".join(char if char.isprintable() or char in "\t\n" else "\ufffd" for char in value)
