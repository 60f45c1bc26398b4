"""What of a trace must not depend on the runtime: everything, but for the order of keys, which no device promises."""

import json
import re

_DICT = re.compile(r"\{([^{}]*)\}")


def per_device(records):
    """Track → its records as (time, kind, data), with keys of dicts and JSON texts in one order."""
    told = {}
    for record in records:
        told.setdefault(record.track, []).append((record.at_us, record.kind, _ordered(record.data)))
    return told


def _ordered(value):
    match value:
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [_ordered(item) for item in value]
        case str():
            return _text(value)
    return value


def _text(text):
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return _DICT.sub(lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", text)
