"""JSON as text, by an encoder that is made once.

`json.JSONEncoder.encode` makes the encoder in C anew for each text, which costs more than most of our texts. Where
there is none in C, the standard library's does it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder as standard


def text_of(*, sort_keys: bool = False, ensure_ascii: bool = False) -> Callable[[object], str]:
    """A function from a value to its shortest JSON, keys as they come or sorted; as `json.dumps` has it.

    The value must not contain itself.
    """
    plain = json.JSONEncoder(
        sort_keys=sort_keys, separators=(",", ":"), ensure_ascii=ensure_ascii, check_circular=False
    )
    make = getattr(standard, "c_make_encoder", None)
    if make is None:
        return plain.encode
    strings = standard.encode_basestring_ascii if ensure_ascii else standard.encode_basestring
    pieces = make(None, plain.default, strings, None, ":", ",", sort_keys, False, True)

    def text(value: object) -> str:
        return "".join(pieces(value, 0))

    return text
