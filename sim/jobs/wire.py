"""How the answers and notifications of the service are written for MQTT.

A job document is JSON already, the same for many devices: it is put into the text of what it belongs to, not written
anew. Half of a surrogate pair, which a device may send, goes back escaped, as it came.
"""

from __future__ import annotations

import json
from typing import Any

from sim.json_text import text_of

_TEXT, _ASCII = text_of(), text_of(ensure_ascii=True)
_NO_DOCUMENT = '"jobDocument":null'


def encode(body: Any) -> bytes:
    """The JSON of an object of the service's own."""
    holder = body.get("execution", body)
    document = holder.get("jobDocument")
    if document is None:
        text = _TEXT(body)
    else:  # No other member is null, and a quote inside a string has a backslash before it.
        holder["jobDocument"] = None
        text = _TEXT(body).replace(_NO_DOCUMENT, f'"jobDocument":{document}', 1)
        holder["jobDocument"] = document
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _ASCII(json.loads(text)).encode()
