"""Values on their way to the host and back, and which of the script's objects the host knows. Runs in MicroPython.

What is plain goes by value. Of the rest the host knows a number, and says when it has forgotten it. What the host has,
host.py makes: its forms are added to `FORMS` there.
"""

import binascii
import builtins
import io
import sys

refs, numbers, counter = {}, {}, [0]

ERRORS = (
    KeyError, IndexError, LookupError, ZeroDivisionError, OverflowError, ArithmeticError, UnicodeError, ValueError,
    NotImplementedError, RuntimeError, IndentationError, SyntaxError, AssertionError, AttributeError, EOFError,
    ImportError, MemoryError, NameError, OSError, StopAsyncIteration, StopIteration, TypeError, Exception, SystemExit,
    KeyboardInterrupt, GeneratorExit, BaseException,
)  # fmt: skip
"""Each before its bases: the first that fits is what the host makes of an error."""


class Thing:
    """What lives in the host."""


def change(kept, content):
    """The host has changed a list, dict or buffer that it was given."""
    if isinstance(kept, dict):
        kept.clear()
        kept.update(content)
    else:
        kept[:] = content


def keep(value):
    """The number under which the host knows an object of the script; it says when it has forgotten it."""
    number = numbers.get(id(value))
    if number is None:
        counter[0] += 1
        number = numbers[id(value)] = counter[0]
        refs[number] = [value, 0]
    refs[number][1] += 1
    return number


def let_go(number, uses):
    kept = refs[number]
    kept[1] -= uses
    if not kept[1]:
        del refs[number]
        del numbers[id(kept[0])]


def pack(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else {"f": str(value)}
    if isinstance(value, bytes):
        return {"b": text_of(value)}
    if isinstance(value, (bytearray, memoryview)):
        return {"B": text_of(value), "r": keep(value)}
    if isinstance(value, list):
        return {"l": [pack(item) for item in value], "r": keep(value)}
    if isinstance(value, tuple):
        return {"t": [pack(item) for item in value]}
    if isinstance(value, dict):
        return {"d": [[pack(key), pack(value[key])] for key in value], "r": keep(value)}
    if isinstance(value, (set, frozenset)):
        return {"s": [pack(item) for item in value]}
    if isinstance(value, Thing):
        return {"h": value._host_}
    if isinstance(value, BaseException):
        return packed_error(value)
    if isinstance(value, type) and hasattr(value, "_class_"):
        return {"h": value._class_}
    return {"r": keep(value), "c": callable(value)}


def packed_error(error):
    printed = io.StringIO()
    sys.print_exception(error, printed)
    base = next(kind for kind in ERRORS if isinstance(error, kind))
    return {
        "x": type(error).__name__,
        "base": getattr(error, "_class_", base.__name__),
        "args": [pack(item) for item in error.args],
        "text": str(error),
        "printed": printed.getvalue(),
        "r": keep(error),
    }


def text_of(data):
    return binascii.b2a_base64(data, newline=False).decode()


def packed_call(values, words):
    return [pack(value) for value in values], [[name, pack(words[name])] for name in words]


def unpack(value):
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if isinstance(value, dict):
        for form in value:
            if form in FORMS:
                return FORMS[form](value[form], value)
    return value


def unpacked_error(args, value):
    kind = value["base"]
    kind = getattr(builtins, kind) if isinstance(kind, str) else FORMS["class"](kind, value)
    return kind(*[unpack(item) for item in args])


FORMS = {
    "f": lambda text, _: float(text),
    "b": lambda text, _: binascii.a2b_base64(text),
    "B": lambda text, _: bytearray(binascii.a2b_base64(text)),
    "t": lambda items, _: tuple([unpack(item) for item in items]),
    "s": lambda items, _: {unpack(item) for item in items},
    "d": lambda items, _: {unpack(key): unpack(item) for key, item in items},
    "r": lambda number, _: refs[number][0],
    "args": unpacked_error,
}
