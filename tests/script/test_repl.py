"""The prompt: what a person and what a program type, and what comes back; unhappy paths first."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.script.repl import goes_on

RAW = "raw REPL; CTRL-B to exit\r\n>"


class Line:
    """A terminal at the console of a device."""

    def __init__(self, script):
        self.script = script
        self.console = script.device.console
        self.shown = bytearray()
        self.console.peer = self.shown.extend

    def type(self, keys, seconds=1):
        self.shown.clear()
        self.script.world.clock.handover(self.console.type_in, keys.encode() if isinstance(keys, str) else keys)
        self.script.run(seconds)
        return self.shown.decode()

    def raw(self, source):
        """Output and errors of a program's command."""
        answer = self.type(source + "\x04")
        assert answer.startswith("OK"), answer
        out, error, prompt = answer[2:].split("\x04")
        assert prompt == ">"
        return out, error


@pytest.fixture
def line(run):
    def start(main="", **more):
        return Line(run(main, **more))

    return start


@pytest.fixture
def raw(line):
    made = line("state = 'of main.py'")
    assert made.type("\x01").endswith(RAW)
    return made


def test_what_is_typed_before_the_interpreter_runs_is_lost(line):
    made = line(seconds=1)
    assert made.type("print('early')\r") == ""
    made.script.run(20)
    assert "early" not in made.type("\x02")


def test_an_error_is_told_in_the_devices_words(raw):
    out, error = raw.raw("print('before')\nopen('/usr/none')")
    assert out == "before\r\n"
    assert error.splitlines() == [
        "Traceback (most recent call last):",
        '  File "<stdin>", line 2, in <module>',
        "OSError: [Errno 2] ENOENT",
    ]


def test_syntax_of_newer_pythons_is_refused(raw):
    _, error = raw.raw("x = 1\nprint(f'{x}')")
    assert "line 2" in error
    assert "SyntaxError: invalid syntax" in error


def test_bytes_that_are_no_text_are_refused_and_the_prompt_goes_on(raw):
    assert "SyntaxError" in raw.type(b"x = '\xff'\x04")
    assert raw.raw("print(1)") == ("1\r\n", "")


@pytest.mark.parametrize(
    "busy", ["while True:\n pass", "import utime\nutime.sleep(1000)", "import usys\nusys.stdin.read(1)"]
)
def test_ctrl_c_ends_what_runs(raw, busy):
    assert raw.type(busy + "\x04") == "OK"
    answer = raw.type("\x03")
    assert "KeyboardInterrupt: " in answer
    assert answer.endswith("\x04>")
    assert raw.raw("print(1)") == ("1\r\n", "")


def test_ctrl_c_reaches_a_script_that_hangs(line):
    made = line("while True:\n    pass", seconds=60)
    assert made.script.kinds("hung")
    assert "KeyboardInterrupt" in made.type("\x03")
    assert made.type("1+1\r").endswith("2\r\n>>> ")


def test_ctrl_c_leaves_other_threads_alone(line):
    made = line("""\
        import _thread, utime
        def work():
            while True:
                utime.sleep(1)
                print('still here')
        _thread.start_new_thread(work, ())
        while True:
            utime.sleep(1)
        """)
    before = len(made.script.printed)
    assert "KeyboardInterrupt" in made.type("\x03", seconds=10)
    assert len(made.script.printed) > before


def test_a_script_can_refuse_ctrl_c_as_on_the_device(line):
    made = line("""\
        import utime
        while True:
            try:
                utime.sleep(1)
            except KeyboardInterrupt:
                print('no')
        """)
    assert made.type("\x03") == "no\r\n"


def test_ctrl_c_at_an_idle_prompt_is_only_a_new_prompt(line):
    made = line()
    made.type("\x02")
    assert made.type("abc\x03") == "abc\r\n>>> "
    assert made.type("x = 3\r").endswith(">>> ")
    assert made.type("x\r").endswith("3\r\n>>> ")


def test_the_prompt_has_the_namespace_of_main(raw):
    assert raw.raw("print(state, __name__)") == ("of main.py __main__\r\n", "")


def test_values_of_expressions_are_shown_to_people_only(line):
    made = line()
    assert made.type("6*7\r").endswith("6*7\r\n42\r\n>>> ")
    assert made.type("None\r").endswith("None\r\n>>> ")
    assert made.type("_\r").endswith("_\r\n42\r\n>>> ")
    made.type("\x01")
    assert made.raw("6*7") == ("", "")


def test_blocks_take_lines_until_an_empty_one(line):
    made = line()
    made.type("\x02")
    shown = made.type("for i in range(2):\r  print(i)\r\r")
    assert shown.endswith("... \r\n0\r\n1\r\n>>> ")


def test_keys_of_editing(line):
    made = line()
    made.type("\r")
    assert made.type("'é€\x7f'\r").endswith("'é'\r\n>>> ")
    assert made.type("print(1\x7f2)\r").endswith("\r\n2\r\n>>> ")


UP, DOWN, RIGHT, LEFT, HOME, END, DELETE = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[3~"


@pytest.mark.parametrize(
    ("keys", "runs"),
    [
        (f"print(23){LEFT}{LEFT}{LEFT}1", "123"),
        (f"rint(1){HOME}p{END}#", "1"),
        (f"xprint(1)\x01{DELETE}", "1"),
        (f"print(1)\x01{RIGHT}{RIGHT}{LEFT}{LEFT}\x05\x7f+1)", "2"),
        (f"print(12){LEFT}{LEFT}\x7f", "2"),
        (f"{UP}", "2"),  # the line before
        (f"{UP}{UP}", "1"),
        (f"{UP}{UP}{UP}{UP}", "1"),  # there is none before the first
        (f"{UP}{DOWN}print(9)", "9"),
        (f"{UP}{UP}{DOWN}", "2"),
        (f"{UP}{LEFT}{LEFT}7", "72"),
        (f"print('ä'){LEFT}{LEFT}{LEFT}ö", "öä"),
        ("\x1b[5~\x1bOA" + "\x1b[99;9X" + "\x1bx" + RIGHT + LEFT + DELETE + "\x05)", "2"),
    ],
)
def test_a_line_is_edited_in_its_middle_and_earlier_ones_come_back(line, keys, runs):
    made = line()
    made.type("\r")
    made.type("print(1)\rprint(1)\rprint(2)\r")
    shown = made.type(keys + "\r").splitlines()
    assert shown[-2:] == [runs, ">>> "], shown


def test_eight_lines_are_remembered_and_a_soft_reset_forgets_them(line):
    made = line()
    made.type("\r")
    for number in range(10):
        made.type(f"print({number})\r")
    assert made.type(UP * 20 + "\r").splitlines()[-2] == "2"
    made.type("\x04")
    assert made.type(UP + "\r").splitlines()[-1] == ">>> "


@given(
    st.lists(
        st.sampled_from([*"ab(é", UP, DOWN, RIGHT, LEFT, HOME, END, DELETE, "\x7f", "\x01", "\x05", "\r"]), max_size=40
    )
)
def test_what_a_terminal_shows_is_the_line_that_is_run(keys):
    """A terminal of one row that knows no more than cursor left and erase to the end."""
    from sim.script.line_editor import LineEditor

    waiting = list(b"".join(key.encode() for key in keys) + b"\r")
    row, at, seen = [], 0, []

    def write(text):
        nonlocal row, at
        while text:
            if moved := re.match(r"\x1b\[(\d+)D", text):
                at, text = at - int(moved[1]), text[moved.end() :]
            elif text.startswith("\x1b[K"):
                row, text = row[:at], text[3:]
            else:
                letter, text = text[0], text[1:]
                if letter == "\b":
                    at -= 1
                elif letter == "\n":
                    seen.append("".join(row))
                    row, at = [], 0
                else:
                    row[at : at + 1] = [letter]
                    at += 1
            assert 0 <= at <= len(row)

    editor = LineEditor(lambda: waiting.pop(0), write)
    while waiting:
        assert editor.read(lambda _key: False) == seen[-1]


def test_paste_mode(line):
    made = line()
    made.type("\x02")
    shown = made.type("\x05def f():\r    return 5\r\rprint(f())\r\x04")
    assert "paste mode" in shown
    assert shown.endswith("5\r\n>>> ")
    assert made.type("\x05print(9)\x03").endswith(">>> ")


def test_raw_paste_is_refused_as_newer_versions_refuse_it(raw):
    assert raw.type("\x05A\x01") == "R\x00"
    assert raw.raw("print(1)") == ("1\r\n", "")


def test_a_soft_reset_forgets_the_heap_and_runs_main_again(line):
    made = line("print('main')")
    made.type("x = 1\r")
    shown = made.type("\x04")
    assert "MPY: soft reboot\r\n" in shown
    assert "main\r\n" in shown
    assert "NameError" in made.type("x\r")
    assert made.script.device.boots == 1


def test_a_soft_reset_at_the_raw_prompt_leaves_main_alone(raw):
    boots = raw.script.device.boots
    answer = raw.type("\x04")
    assert "soft reboot\r\n" in answer
    assert answer.endswith(RAW)
    assert "NameError" in raw.raw("state")[1]
    assert raw.script.device.boots == boots
    assert raw.script.device.radio.attached


def test_a_soft_reset_ends_timers_and_threads(line):
    made = line("""\
        import _thread, osTimer, utime
        def work():
            while True:
                utime.sleep(1)
                print('ghost')
        _thread.start_new_thread(work, ())
        timer = osTimer()
        timer.start(1000, 1, lambda _: print('ghost'))
        """)
    made.type("\x01")
    assert "ghost" not in made.type("\x04", seconds=30)


def test_exit_at_the_prompt_is_a_soft_reset(line):
    made = line()
    made.type("\x02")
    assert "MicroPython" in made.type("import usys\rusys.exit()\r")


def test_a_hard_reset_brings_the_friendly_prompt(raw):
    raw.type("import misc\nmisc.Power.powerRestart()\x04", seconds=30)
    assert raw.type("1+1\r").endswith("2\r\n>>> ")


def test_a_prompt_whose_thread_was_stopped_comes_back_with_the_next_key(line):
    made = line()
    made.type("\x02")
    made.type("import _thread\r_thread.stop_thread(0)\r")
    assert made.type("1+1\r").endswith("2\r\n>>> ")


def test_a_script_reads_what_is_typed(line):
    made = line("import usys\nprint(repr(usys.stdin.readline()))")
    assert made.type("hello\r").startswith("'hello\\n'")


def test_only_a_program_at_the_raw_prompt_can_import_os(line):
    made = line("try:\n    import os\nexcept ImportError:\n    print('no os')", files={"a.py": "import os"})
    assert made.script.printed == ["no os"]
    assert "ImportError" in made.type("import os\r")
    made.type("\x01")
    assert made.raw("import os\nprint(os.listdir('/'))") == ("['bak', 'usr']\r\n", "")
    assert "ImportError" in made.raw("import usr.a")[1]


def test_same_keys_same_trace(run):
    def trace():
        made = Line(run("import utime\nwhile True:\n    utime.sleep_ms(7)"))
        made.type("\x03")
        made.type("\x01import urandom\nprint(urandom.getrandbits(9))\x04")
        return made.script.world.trace.digest()

    assert trace() == trace()


@given(st.text(alphabet="ab:#\"'()[]{}\\\n ", max_size=30))
def test_asking_for_more_never_fails_and_an_empty_line_ends_a_block(text):
    goes_on(text)
    assert not goes_on("if a:\n  b\n")
    assert goes_on(f"'''{text.replace(chr(39), '').replace(chr(92), '')}")
