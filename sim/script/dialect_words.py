"""What MicroPython says where CPython says something else: words of errors that CPython itself raises.

Applications log them and send them to their cloud, and CPython's change from version to version. Each was taken from a
run of MicroPython 1.29 (ADR 0081); what is not here keeps CPython's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "** or pow()": "pow", "**": "pow",
    "<<": "lshift", ">>": "rshift", "&": "and", "|": "or", "^": "xor", "<": "lt", ">": "gt", "<=": "le", ">=": "ge",
    "~": "invert",
}  # fmt: skip


def _operands(found: re.Match[str]) -> str:
    sign, left, right = found.groups()
    name = _OPERATORS.get(sign) or _OPERATORS.get(sign.removesuffix("="), sign)
    return f"unsupported types for __{name}__: '{left}', '{right}'"


def _operand(found: re.Match[str]) -> str:
    name = {"-": "neg", "+": "pos", "~": "invert", "abs()": "abs"}.get(found[1], found[1])
    return f"unsupported type for __{name}__: '{found[2]}'"


_Words = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]

_WORDS: dict[type[BaseException], _Words] = {
    NameError: ((r"name '(\w+)' is not defined.*", r"name '\1' isn't defined"),
                (r"cannot access .*", "local variable referenced before assignment")),
    ZeroDivisionError: ((r".*", "divide by zero"),),
    AttributeError: ((r"('\w+' object has no attribute '\w+') and .*", r"\1"),),
    IndexError: (
        (r"pop index out of range", "list index out of range"),
        (r"index out of range", "bytes index out of range"),
        (r"Replacement index \d+ out of range for positional args tuple", "tuple index out of range"),
    ),
    OverflowError: ((r"cannot convert float infinity to integer", "can't convert inf to int"),),
    ImportError: ((r"cannot import name '(\w+)' from .*", r"can't import name \1"),),
    ValueError: (
        (r"list\.remove\(x\): x not in list|.* is not in list|(?:list|tuple)\.index\(x\): x not in (?:list|tuple)",
         "object not in sequence"),
        (r"invalid literal for int\(\) with base (\d+): (.*)", r"invalid syntax for integer with base \1: \2"),
        (r"could not convert string to float: .*", "invalid syntax for number"),
        (r"cannot convert float NaN to integer", "can't convert NaN to int"),
        (r"not enough values to unpack \(expected .*, got (\d+)\)", r"need more than \1 values to unpack"),
        (r"(?:max|min)\(\) (?:arg is an empty sequence|iterable argument is empty)", "arg is an empty sequence"),
        (r"range\(\) arg 3 must not be zero", "zero step"),
    ),
    TypeError: (
        (r"'(\w+)' object is not (callable|iterable|subscriptable)", r"'\1' object isn't \2"),
        (r"cannot unpack non-iterable (\w+) object", r"'\1' object isn't iterable"),
        (r"'(\w+)' object does not support item assignment", r"'\1' object doesn't support item assignment"),
        (r"unsupported operand type\(s\) for (.+): '(\w+)' and '(\w+)'", _operands),
        (r"'([<>]=?)' not supported between instances of '(\w+)' and '(\w+)'", _operands),
        (r'can only concatenate (\w+) \(not "(\w+)"\) to \w+', r"unsupported types for __add__: '\1', '\2'"),
        (r"bad operand type for (?:unary )?(.+): '(\w+)'", _operand),
        (r"(?:cannot use '\w+' as a \w+ (?:key|element) \()?unhashable type: '(\w+)'\)?",
         r"unsupported type for __hash__: '\1'"),
        (r"(list|string|tuple|bytes) indices must be integers(?: or slices)?, not '?(\w+)'?",
         r"\1 indices must be integers, not \2"),
        (r"(?:\w+\.)*([\w<>]+)\(\) takes (\d+) positional arguments? but (\d+) (?:was|were) given",
         r"\1() takes \2 positional arguments but \3 were given"),
        (r"%[diu] format: a real number is required, not (\w+)", r"can't convert \1 to int"),
        (r"%[xXo] format: an integer is required, not (\w+)", r"can't convert \1 to int"),
        (r"'(\w+)' object cannot be interpreted as an integer", r"can't convert \1 to int"),
        (r"int\(\) argument must be .*, not '(\w+)'", r"can't convert \1 to int"),
        (r"float\(\) argument must be .*, not '(\w+)'", r"can't convert \1 to float"),
        (r"not enough arguments for format string", "format string needs more arguments"),
        (r"not all arguments converted during string formatting", "format string didn't convert all arguments"),
        (r"sequence item \d+: expected str instance, \w+ found",
         "join expects a list of str/bytes objects consistent with self object"),
    ),
}  # fmt: skip
_COMPILED = {kind: [(re.compile(theirs), ours) for theirs, ours in words] for kind, words in _WORDS.items()}


def device_words(error: BaseException) -> str | None:
    """What the device says of this error; None when it says the same or nobody knows."""
    for theirs, ours in _COMPILED.get(type(error), ()):
        found = theirs.fullmatch(str(error))
        if found is not None:
            return ours(found) if callable(ours) else found.expand(ours)
    return None
