"""The device's language is not CPython's: facts runtime §2.5 (last paragraph), quecpython §2.8 and §2.9."""

import ast
import textwrap
from functools import partial
from pathlib import Path

import pytest

from sim.scenario import fleet
from sim.script.dialect import refused
from sim.script.lint.dialect import syntax
from sim.script.lint.finding import Source
from sim.script.loader import compile_script
from sim.script.runtime import ScriptProfile

REFUSED = [
    ("x = 1\nprint(f'{x}')\n", 2),
    ("def f(a, /, b):\n    pass\n", 1),
    ("x = 1\nmatch x:\n    case 1:\n        pass\n", 2),
    ("try:\n    pass\nexcept* ValueError:\n    pass\n", 1),
    ("a = {}\n\nb = {**a}\n", 3),
    ("a = []\nb = [*a]\n", 2),
    ("a = []\nb = (*a, 1)\n", 2),
    ("a = []\nb = {*a}\n", 2),
    ("a = []\nprint(*a, *a)\n", 2),
    ("d = {}\nprint(**d, **d)\n", 2),
    ("async def f(a):\n    return [\n        x async for x in a\n    ]\n", 3),
]


def _lines(run, source, **options):
    script = run(source, **options)
    assert script.tracebacks == []
    return script.printed


def _caught(run, statement, before=""):
    """What a script sees of the error that a statement raises: class and text."""
    source = (
        f"{textwrap.dedent(before)}\ntry:\n    {statement}\n    print('nothing')\n"
        "except Exception as e:\n    print(type(e).__name__, '|', e)\n"
    )
    return _lines(run, source)[0]


# -- syntax


@pytest.mark.parametrize(("source", "line"), REFUSED)
def test_syntax_that_the_compiler_does_not_know_is_a_syntax_error_at_its_line(source, line):
    with pytest.raises(SyntaxError, match="invalid syntax: ") as caught:
        compile_script("/usr/main.py", source.encode())
    assert (caught.value.filename, caught.value.lineno) == ("/usr/main.py", line)


def test_the_trace_says_why_the_device_refuses_a_file(run):
    script = run("import utime\nprint(f'{utime}')\n")
    assert script.printed == []
    assert script.tracebacks == [
        (
            "main",
            "SyntaxError",
            "invalid syntax: an f-string is a syntax error here; use % or format() (main.py, line 2)",
        )
    ]


def test_a_module_that_is_refused_fails_at_its_import_alone(run):
    printed = _lines(
        run, "try:\n    import usr.new\nexcept SyntaxError:\n    print('no')\n", files={"new.py": "x = f'{1}'"}
    )
    assert printed == ["no"]


def test_text_that_a_script_evaluates_is_held_to_the_same_language(run):
    assert _lines(
        run, "try:\n    eval(\"f'{1}'\")\nexcept SyntaxError as e:\n    print('no')\nprint(eval('1 + 1'))"
    ) == ["no", "2"]
    assert _caught(run, "eval(' 1 + 1')").startswith("IndentationError | ")


def test_syntax_errors_have_the_devices_words_on_every_python(run):
    assert run("if True print(1)\n").tracebacks == [("main", "SyntaxError", "invalid syntax (main.py, line 1)")]


@pytest.mark.parametrize("source", ["x: int = 1", "(y := 3)", "async def f():\n    pass", "print(*[1], **{})", "1_000"])
def test_what_the_compiler_knows_passes(source):
    compile_script("/usr/main.py", source.encode())


def test_odd_escapes_and_comparisons_are_the_scripts_business(run):
    assert _lines(run, "print('\\d' == '\\\\d', 1 is 1)") == ["True True"]


def test_loading_changes_neither_text_nor_lines(run):
    script = run("""
        def outer():
            '''A docstring.'''
            x = (lambda: {}['gone'])
            return x()
        print(outer.__name__)
        outer()
    """)
    assert script.printed == ["outer"]
    assert script.kinds("traceback")[0]["where"] == [
        "/usr/main.py:7 in <module>",
        "/usr/main.py:5 in outer",
        "/usr/main.py:4 in <lambda>",
    ]


# -- errors


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("{}['execution']", "KeyError | execution"),
        ("raise KeyError('x')", "KeyError | x"),
        ("raise OSError(2)", "OSError | [Errno 2] ENOENT"),
        ("raise OSError(110)", "OSError | [Errno 110] ETIMEDOUT"),
        ("raise OSError(28)", "OSError | 28"),
        ("raise OSError('text')", "OSError | text"),
        ("open('/usr/missing')", "OSError | [Errno 2] ENOENT"),
        ("uos.remove('/usr/missing')", "OSError | [Errno 2] ENOENT"),
        ("ujson.loads('{bad')", "ValueError | syntax error in JSON"),
        ("ujson.loads('NaN')", "ValueError | syntax error in JSON"),
        ("b'\\xff'.decode()", "UnicodeError | "),
        ("[1].index(2) if False else 1 // 0", "ZeroDivisionError | divide by zero"),
    ],
)
def test_errors_read_as_on_the_device(run, statement, seen):
    assert _caught(run, statement, before="import ujson, uos") == seen


def test_an_oserror_has_its_number_as_errno_and_first_argument(run):
    source = "try:\n    open('/usr/no')\nexcept OSError as e:\n    print(e.errno, e.args, e.args[0] == 2)"
    assert _lines(run, source) == ["2 (2,) True"]
    assert _lines(run, "e = OSError(5)\nprint(e.errno, str(e), OSError().errno)") == ["5 [Errno 5] EIO None"]


def test_a_keyerror_that_was_never_raised_reads_the_same(run):
    assert _lines(run, "print(str(KeyError('x')), KeyError('a', 'b'), isinstance(KeyError(), LookupError))") == [
        "x ('a', 'b') True"
    ]


def test_classes_of_errors_still_match(run):
    printed = _lines(
        run,
        """
        class Mine(KeyError):
            pass
        class Other(Exception):
            def __init__(self, m):
                self.m = m
        def which(fn):
            try:
                fn()
            except Mine as e:
                return 'mine', str(e)
            except (ValueError, KeyError) as e:
                return 'key', isinstance(e, KeyError), str(e)
            except Other as e:
                return 'other', e.m
            except OSError as e:
                return 'os', isinstance(e, OSError)
        def mine():
            raise Mine('q')
        def other():
            raise Other(3)
        print(which(mine), which(lambda: {}[1]), which(other), which(lambda: open('/usr/none')))
        """,
    )
    assert printed == ["('mine', 'q') ('key', True, '1') ('other', 3) ('os', True)"]


def test_raising_again_keeps_the_place_of_the_error(run):
    script = run("def f():\n    {}['k']\ntry:\n    f()\nexcept KeyError as e:\n    print(e)\n    raise\n")
    assert (script.printed, script.tracebacks) == (["k"], [("main", "KeyError", "k")])
    assert script.kinds("traceback")[0]["where"] == ["/usr/main.py:4 in <module>", "/usr/main.py:2 in f"]


def test_the_name_of_a_caught_error_is_gone_after_its_handler(run):
    script = run("try:\n    {}['k']\nexcept KeyError as e:\n    pass\nprint(e)\n")
    assert script.tracebacks == [("main", "NameError", "name 'e' isn't defined")]


# -- methods, arguments, attributes


@pytest.mark.parametrize(
    "call",
    ["'1'.zfill(3)", "'a b'.title()", "'a'.ljust(3)", "'a'.rjust(3)", "'a'.isidentifier()", "'A'.casefold()",
     "'ab'.removeprefix('a')", "b'a'.hex()", "bytes.fromhex('00')", "str.zfill('1', 2)", "(5).bit_length()"],
)  # fmt: skip
def test_methods_that_the_device_lacks_are_attribute_errors(run, call):
    assert "has no attribute '" in _caught(run, call)


def test_asking_for_a_missing_method_says_no(run):
    printed = _lines(run, "print(hasattr('', 'zfill'), getattr('', 'zfill', 7), hasattr('', 'strip'))")
    assert printed == ["False 7 True"]


def test_a_method_of_ones_own_of_that_name_works(run):
    printed = _lines(
        run,
        """
        class Book:
            title = 'T'
            def hex(self):
                return 'h'
        class Text(str):
            def zfill(self, n):
                return 'z'
        print(Book().title, Book().hex(), Text('a').zfill(1))
        """,
    )
    assert printed == ["T h z"]


@pytest.mark.parametrize(
    "call",
    ["b'a'.decode(encoding='utf-8')", "'a'.encode(encoding='utf-8')", "int.from_bytes(b'a', byteorder='big')",
     "(1).to_bytes(2, byteorder='big')", "'a b'.split(maxsplit=1)"],
)  # fmt: skip
def test_methods_that_take_no_keywords_are_type_errors(run, call):
    assert _caught(run, call) == "TypeError | function doesn't take keyword arguments"


def test_keywords_to_a_method_of_ones_own_are_fine(run):
    assert _lines(
        run, "class A:\n    def decode(self, encoding):\n        return encoding\nprint(A().decode(encoding=4))"
    ) == ["4"]


def test_print_has_no_flush(run):
    assert _caught(run, "print('x', flush=True)") == "TypeError | extra keyword arguments given"


def test_print_to_a_stream(run):
    assert _lines(run, "import uio\ns = uio.StringIO()\nprint('a', 1, file=s)\nprint(repr(s.getvalue()))") == [
        "'a 1\\n'"
    ]


@pytest.mark.parametrize("value", ["'abcdef'", "b'abcdef'", "bytearray(b'abcdef')", "(1, 2, 3)"])
def test_a_slice_of_text_with_a_step_is_not_implemented(run, value):
    seen = _caught(run, f"{value}[::2]")
    assert seen == "NotImplementedError | only slices with step=1 (aka None) are supported"


def test_a_slice_of_a_list_takes_a_step(run):
    assert _lines(run, "print([1, 2, 3][::-1], [1, 2, 3, 4][1:4:2], 'abc'[::1], list(range(9))[::4])") == [
        "[3, 2, 1] [2, 4] abc [0, 4, 8]"
    ]


@pytest.mark.parametrize("statement", ["f.count = 1", "setattr(f, 'count', 1)"])
def test_functions_have_no_attributes_of_their_own(run, statement):
    seen = _caught(run, statement, before="def f():\n    pass")
    assert seen == "AttributeError | 'function' object has no attribute 'count'"


def test_attributes_of_other_things_are_set_as_ever(run):
    assert _lines(
        run, "def f():\n    pass\nclass A:\n    pass\nf = A()\nf.x = 1\nf.x += 1\nsetattr(f, 'y', 2)\nprint(f.x, f.y)"
    ) == ["2 2"]


def test_arithmetic_is_unharmed(run):
    printed = _lines(
        run,
        """
        x = 3
        x **= 2
        x <<= x
        n = 4
        print(x, 2 ** 0.5 > 1.41, 2 ** -1, 1 << n, b'ab' * 2, [0] * 3, 2 * (1, 2), pow(2, 5, 7))
        """,
    )
    assert printed == ["4608 True 0.5 16 b'abab' [0, 0, 0] (1, 2, 1, 2) 4"]


def test_builtins_that_take_everything_give_what_they_always_gave(run):
    printed = _lines(
        run,
        """
        big = range(3000)
        print(sum(big), max(big), min(3, 1), sum([1, 2], 3), any(x > 2998 for x in big), all(iter(big)))
        print(sorted([2, 1], reverse=True), len(list(big)), max([], default=5), len(set(map(str, big))))
        print(dict(a=1), dict([(1, 2)]), dict({3: 4}), bytes(2), bytearray([1]), tuple({5: 6}.items()))
        """,
    )
    assert printed == [
        "4498500 2999 1 6 True False",
        "[2, 1] 3000 5 3000",
        "{'a': 1} {1: 2} {3: 4} b'\\x00\\x00' bytearray(b'\\x01') ((5, 6),)",
    ]


def test_scrambled_json_has_an_order_of_its_own_and_always_the_same(run, monkeypatch):
    source = (
        "import ujson\nprint(ujson.dumps({'status': 1, 'statusDetails': {'b': 1, 'a': [{'z': 1, 'c': 2}]}, 'x': 3}))"
    )
    written = _lines(run, source)[0]
    monkeypatch.setattr(fleet, "ScriptProfile", partial(ScriptProfile, dict_order="scrambled"))
    scrambled = [_lines(run, source)[0] for _ in range(2)]
    assert scrambled[0] == scrambled[1] != written
    assert sorted(scrambled[0]) == sorted(written)


def test_the_check_and_the_loader_refuse_by_one_table():
    for text, _line in REFUSED:
        tree = ast.parse(text)
        found = list(syntax(Source(Path("a.py"), tree, frozenset())))
        assert [finding.message for finding in found] == [why for _node, _rule, why in refused(tree)] != []
