"""What errors say: each line was seen in a real MicroPython, which says it again here, and greenlets say the same.

`UNLIKE` names the statements where they do not, and why that is left. Runs in both runtimes, see conftest.
"""

import pytest

SAID = {
    # names and attributes
    "nowhere": "NameError | name 'nowhere' isn't defined",
    "local()": "NameError | local variable referenced before assignment",
    "None.foo": "AttributeError | 'NoneType' object has no attribute 'foo'",
    "[].foo": "AttributeError | 'list' object has no attribute 'foo'",
    "str.zfill('1', 2)": "AttributeError | type object 'str' has no attribute 'zfill'",
    "setattr(object(), 'x', 1)": "AttributeError | 'object' object has no attribute 'x'",
    # arithmetic
    "1 // 0": "ZeroDivisionError | divide by zero",
    "1 % 0": "ZeroDivisionError | divide by zero",
    "1.0 / 0": "ZeroDivisionError | divide by zero",
    "divmod(1, 0)": "ZeroDivisionError | divide by zero",
    "0 ** -1": "ZeroDivisionError | divide by zero",
    "1 << -1": "ValueError | negative shift count",
    "'a' + 1": "TypeError | unsupported types for __add__: 'str', 'int'",
    "1 + 'a'": "TypeError | unsupported types for __add__: 'int', 'str'",
    "[1] + 1": "TypeError | unsupported types for __add__: 'list', 'int'",
    "None + 1": "TypeError | unsupported types for __add__: 'NoneType', 'int'",
    "{} - 1": "TypeError | unsupported types for __sub__: 'dict', 'int'",
    "1 < 'a'": "TypeError | unsupported types for __lt__: 'int', 'str'",
    "'a' >= 1": "TypeError | unsupported types for __ge__: 'str', 'int'",
    "pow(2, 'a')": "TypeError | unsupported types for __pow__: 'int', 'str'",
    "sum(['a'])": "TypeError | unsupported types for __add__: 'int', 'str'",
    "-'a'": "TypeError | unsupported type for __neg__: 'str'",
    "abs('a')": "TypeError | unsupported type for __abs__: 'str'",
    # containers
    "[1][5]": "IndexError | list index out of range",
    "[1].pop(9)": "IndexError | list index out of range",
    "b'a'[3]": "IndexError | bytes index out of range",
    "{}['a']": "KeyError | a",
    "[].remove(3)": "ValueError | object not in sequence",
    "[1].index(3)": "ValueError | object not in sequence",
    "(1,).index(3)": "ValueError | object not in sequence",
    "'abc'.index('z')": "ValueError | substring not found",
    "[1]['a']": "TypeError | list indices must be integers, not str",
    "'a'['b']": "TypeError | string indices must be integers, not str",
    "{[]: 1}": "TypeError | unsupported type for __hash__: 'list'",
    "set([[]])": "TypeError | unsupported type for __hash__: 'list'",
    "None[0]": "TypeError | 'NoneType' object isn't subscriptable",
    "len(5)": "TypeError | object of type 'int' has no len()",
    "list(5)": "TypeError | 'int' object isn't iterable",
    "max([])": "ValueError | arg is an empty sequence",
    "store()": "TypeError | 'tuple' object doesn't support item assignment",
    "unpack_many()": "ValueError | too many values to unpack (expected 2)",
    "unpack_few()": "ValueError | need more than 1 values to unpack",
    "unpack_none()": "TypeError | 'int' object isn't iterable",
    # conversions and text
    "int('q')": "ValueError | invalid syntax for integer with base 10: 'q'",
    "int('')": "ValueError | invalid syntax for integer with base 10: ''",
    "int(None)": "TypeError | can't convert NoneType to int",
    "float('q')": "ValueError | invalid syntax for number",
    "float(None)": "TypeError | can't convert NoneType to float",
    "int(float('nan'))": "ValueError | can't convert NaN to int",
    "'%d' % 'a'": "TypeError | can't convert str to int",
    "'%x' % 1.5": "TypeError | can't convert float to int",
    "'%s %s' % (1,)": "TypeError | format string needs more arguments",
    "'%s' % (1, 2)": "TypeError | format string didn't convert all arguments",
    "'{}'.format()": "IndexError | tuple index out of range",
    "'a'.join([1])": "TypeError | join expects a list of str/bytes objects consistent with self object",
    "range(0, 1, 0)": "ValueError | zero step",
    "hex('a')": "TypeError | can't convert str to int",
    # calls and imports
    "5()": "TypeError | 'int' object isn't callable",
    "(lambda: 1)(1)": "TypeError | <lambda>() takes 0 positional arguments but 1 were given",
    "A().m(1)": "TypeError | m() takes 1 positional arguments but 2 were given",
    "wanted()": "ImportError | can't import name nothing",
    "__import__('nothing')": "ImportError | no module named 'nothing'",
    # packing and mathematics
    "ustruct.pack('>H', 'a')": "TypeError | can't convert str to int",
    "ustruct.pack('?', 1)": "ValueError | bad typecode",
    "ustruct.unpack('>I', b'1')": "ValueError | buffer too small",
    "math.exp(1000)": "ValueError | math domain error",
    "math.sqrt(-1)": "ValueError | math domain error",
    # where they are unlike
    "(lambda a: a)()": "TypeError | <lambda>() takes 1 positional arguments but 0 were given",
    "sorted([1, 'a'])": "TypeError | unsupported types for __lt__: 'int', 'str'",
    "'a'.replace(1, 2)": "TypeError | can't convert 'int' object to str implicitly",
    "len(1, 2)": "TypeError | function takes 1 positional arguments but 2 were given",
    "bytes([300])": "ValueError | bytes value out of range",
    "dict([1])": "TypeError | 'int' object isn't iterable",
}
UNLIKE = {
    "(lambda a: a)()": "CPython does not say how many were wanted",
    "sorted([1, 'a'])": "another algorithm compares in another order",
    "'a'.replace(1, 2)": "rare",
    "len(1, 2)": "rare",
    "bytes([300])": "newer than 1.13, which takes the low bits",
    "dict([1])": "rare",
}
BEFORE = """
import math, ustruct
class A:
    def m(self):
        pass
def local():
    x = y
    y = 1
def store():
    (1,)[0] = 2
def unpack_many():
    a, b = 1, 2, 3
def unpack_few():
    a, b = 1,
def unpack_none():
    a, b = 5
def wanted():
    from uos import nothing
"""


def test_each_error_says_what_micropython_says(run, runtime):
    tries = "".join(
        f"try:\n    {statement}\nexcept Exception as e:\n    print(type(e).__name__, '|', e)\n" for statement in SAID
    )
    script = run(BEFORE + tries)
    assert script.tracebacks == []
    unlike = UNLIKE if runtime != "micropython" else {}
    said = dict(zip(SAID, script.printed, strict=True))
    assert {statement for statement in SAID if said[statement] != SAID[statement]} == set(unlike)


def test_the_words_are_those_of_a_traceback_and_of_the_clients_warning_too(run):
    script = run("{}['a'] if False else 1 % 0")
    assert script.tracebacks == [("main", "ZeroDivisionError", "divide by zero")]


def test_the_words_of_a_scripts_own_error_stay(run):
    script = run("""
        class Mine(NameError):
            pass
        for error in (Mine("name 'x' is not defined"), ValueError('5 is odd')):
            try:
                raise error
            except Exception as e:
                print(e, e is error)
    """)
    assert script.printed == ["name 'x' is not defined True", "5 is odd True"]


@pytest.mark.parametrize(
    ("layout", "values", "packed"),
    [
        ("B", "300", "b','"), ("b", "-200", "b'8'"), (">h", "40000", "b'\\x9c@'"), (">H", "", "b'\\x00\\x00'"),
        (">H", "1, 2", "b'\\x00\\x01'"), ("4s", "'ab'", "b'ab\\x00\\x00'"),
        ("BB4sB", "1", "b'\\x01\\x00\\x00\\x00\\x00\\x00\\x00'"), ("<q", "-1", "b'" + 8 * "\\xff" + "'"),
    ],
)  # fmt: skip
def test_ustruct_makes_do_with_what_it_gets(run, layout, values, packed):
    assert run(f"import ustruct\nprint(ustruct.pack('{layout}', {values}))").printed == [packed]
