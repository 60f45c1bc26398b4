"""The prompt of the interpreter: the friendly one for people, the raw one for programs such as mpremote.

Rules: it reads bytes of the console and prints there; what it evaluates runs on the main thread, in the namespace that
main.py had, by the runtime's own way of running code. It starts when somebody types and main.py has ended, so that a
fleet that nobody talks to has none. Keys and answers are MicroPython's. Raw-paste, which came after the firmware's
MicroPython, is refused as newer versions refuse it. Nothing is completed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from sim.script.line_editor import ENTER, LineEditor
from sim.script.loader import RAW_PATH, REPL_PATH

if TYPE_CHECKING:
    from sim.script.terminal import Terminal

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = 1, 2, 3, 4, 5
_OPENING, _CLOSING = "([{", ")]}"
_COMPOUND = ("if", "while", "for", "try", "with", "def", "class", "async")
_RAW_BANNER = "raw REPL; CTRL-B to exit\n"
_PROMPT, _MORE, _PASTE = ">>> ", "... ", "=== "


class Repl:
    """One prompt. `run` does not return; a soft reset or the end of the thread ends it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._write = terminal.write
        self._editor = LineEditor(terminal.read_key, terminal.write)

    def run(self) -> None:
        while True:
            if self._terminal.raw:
                self._raw()
            else:
                self._friendly()

    # -- for programs

    def _raw(self) -> None:
        self._write(_RAW_BANNER + ">")
        line = bytearray()
        while True:
            match self._terminal.read_key():
                case 1:
                    line.clear()
                    self._write(_RAW_BANNER + ">")
                case 2:
                    self._terminal.raw = False
                    self._write("\n")
                    return
                case 3:
                    line.clear()
                case 4 if not line:
                    self._soft_reset()
                case 4:
                    self._run_raw(bytes(line))
                    line.clear()
                case 5 if not line:
                    self._refuse_paste()
                case key:
                    line.append(key)

    def _run_raw(self, source: bytes) -> None:
        self._write("OK")
        self._terminal.run(source, RAW_PATH, before_error=lambda: self._write("\x04"))
        self._write("\x04>")

    def _refuse_paste(self) -> None:
        """`A Ctrl-A` asks for it; two bytes say that it is known and cannot be had."""
        self._terminal.read_key()
        self._terminal.read_key()
        self._write("R\x00")

    # -- for people

    def _friendly(self) -> None:
        self._greet()
        while not self._terminal.raw:
            self._statement()

    def _statement(self) -> None:
        """One statement, over as many lines as it takes."""
        text, prompt = "", _PROMPT
        while True:
            line = self._line(prompt, empty=not text)
            if line is None:
                return
            text = f"{text}\n{line}" if text else line
            if not goes_on(text):
                break
            prompt = _MORE
        if text.strip():
            self._terminal.run(text.encode(), REPL_PATH)

    def _line(self, prompt: str, *, empty: bool) -> str | None:
        """A line, typed and echoed; None when a control key came instead, which was obeyed."""
        self._write(prompt)
        return self._editor.read(self._obey if empty else lambda _key: False)

    def _obey(self, key: int) -> bool:
        """Whether it is a key for the prompt itself."""
        if key not in self._commands:
            return False
        self._write("\n")
        self._commands[key](self)
        return True

    def _echo(self, line: bytearray) -> None:
        """The last character, once all its bytes are there."""
        start = len(line) - 1
        while start > 0 and line[start] & 0xC0 == 0x80:
            start -= 1
        character = bytes(line[start:]).decode("utf-8", "ignore")
        self._write(character)

    def _enter_raw(self) -> None:
        self._terminal.raw = True

    def _greet(self) -> None:
        self._write(f"MicroPython v1.13.0; {self._terminal.variant} with QUECTEL\n")

    def _paste(self) -> None:
        self._write("paste mode; Ctrl-C to cancel, Ctrl-D to finish\n" + _PASTE)
        text = bytearray()
        while True:
            key = self._terminal.read_key()
            if key in (CTRL_C, CTRL_D):
                self._write("\n")
                break
            text.append(0x0A if key in ENTER else key)
            if key in ENTER:
                self._write("\n" + _PASTE)
            else:
                self._echo(text)
        if key == CTRL_D:
            self._terminal.run(bytes(text), REPL_PATH)

    def _soft_reset(self) -> None:
        self._write("\nMPY: soft reboot\n")
        self._terminal.soft_reset()

    _commands: ClassVar[dict[int, Callable[[Repl], None]]] = {
        CTRL_A: _enter_raw,
        CTRL_B: _greet,
        CTRL_D: _soft_reset,
        CTRL_E: _paste,
    }


def goes_on(text: str) -> bool:
    """Whether a statement typed so far wants another line: something is open, or its block has not ended."""
    depth, quote = 0, ""
    at = 0
    while at < len(text):
        if quote:
            if text[at] == "\\":
                at += 1
            elif text.startswith(quote, at):
                at += len(quote) - 1
                quote = ""
        elif text[at] in "'\"":
            quote = text[at] * 3 if text.startswith(text[at] * 3, at) else text[at]
            at += len(quote) - 1
        elif text[at] == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text[at] in _OPENING:
            depth += 1
        elif text[at] in _CLOSING:
            depth -= 1
        at += 1
    if len(quote) == 3 or (depth > 0 and not quote) or text.endswith("\\"):
        return True
    first = text.lstrip().partition(" ")[0].partition(":")[0].partition("(")[0]
    is_block = first in _COMPOUND or text.startswith("@")
    return is_block and not text.endswith("\n")
