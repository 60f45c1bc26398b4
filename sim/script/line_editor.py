"""One line at the friendly prompt, typed and edited as MicroPython's readline does it, with the lines before it.

Keys: arrows, Home and End (and Ctrl-A, Ctrl-E in a line), Backspace and Delete. History is of one boot of the
interpreter and one line each, also within a statement. Nothing is completed.
"""

from __future__ import annotations

from collections.abc import Callable

HISTORY = 8
"""Lines that are remembered (MicroPython, MICROPY_READLINE_HISTORY_SIZE)."""

CTRL_A, CTRL_C, CTRL_E = 1, 3, 5
BACKSPACE = (0x08, 0x7F)
ENTER = (0x0A, 0x0D)
ESCAPE, TAB, BLANK = 0x1B, 0x09, 0x20

_SEQUENCES = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"}
_NUMBERED = {"1": "home", "7": "home", "4": "end", "8": "end", "3": "delete"}


class LineEditor:
    """`read_key` blocks for the next byte, `write` shows text."""

    def __init__(self, read_key: Callable[[], int], write: Callable[[str], None]) -> None:
        self._read_key = read_key
        self._write = write
        self._history: list[str] = []
        self._begin()

    def read(self, obey: Callable[[int], bool]) -> str | None:
        """The line, when Enter ends it; None when Ctrl-C did, or a key in an empty line that `obey` took."""
        self._begin()
        while True:
            key = self._read_key()
            if key in ENTER:
                self._write("\n")
                self._remember()
                return "".join(self._line)
            if key == CTRL_C:
                self._write("\n")
                return None
            if not self._line and obey(key):
                return None
            self._take(key)

    def _begin(self) -> None:
        self._line: list[str] = []
        self._at = 0
        self._back = 0
        self._bytes = b""

    def _remember(self) -> None:
        text = "".join(self._line)
        if text and (not self._history or self._history[0] != text):
            self._history = [text, *self._history][:HISTORY]

    def _take(self, key: int) -> None:
        if key == ESCAPE:
            self._move(self._sequence())
        elif key == CTRL_A:
            self._move("home")
        elif key == CTRL_E:
            self._move("end")
        elif key in BACKSPACE:
            if self._at:
                self._move("left")
                self._delete()
        elif key >= BLANK or key == TAB:
            self._character(bytes([key]))

    def _character(self, byte: bytes) -> None:
        """A letter counts once all its bytes are there."""
        self._bytes += byte
        try:
            letter = self._bytes.decode()
        except UnicodeDecodeError:
            if len(self._bytes) < 4:
                return
            letter = self._bytes.decode("utf-8", "replace")
        self._bytes = b""
        self._line[self._at : self._at] = list(letter)
        self._write("".join(self._line[self._at :]))
        self._at += len(letter)
        self._left(len(self._line) - self._at)

    def _sequence(self) -> str:
        """What an escape sequence asks for; "" for nothing."""
        if chr(self._read_key()) not in "[O":
            return ""
        parameter = ""
        while not 0x40 <= (key := self._read_key()) <= 0x7E:
            parameter += chr(key)
        return _NUMBERED.get(parameter, "") if chr(key) == "~" else _SEQUENCES.get(chr(key), "")

    def _move(self, to: str) -> None:
        match to:
            case "left" if self._at:
                self._at -= 1
                self._left(1)
            case "right" if self._at < len(self._line):
                self._write(self._line[self._at])
                self._at += 1
            case "home":
                self._left(self._at)
                self._at = 0
            case "end":
                self._write("".join(self._line[self._at :]))
                self._at = len(self._line)
            case "delete" if self._at < len(self._line):
                self._delete()
            case "up" if self._back < len(self._history):
                self._recall(self._back + 1)
            case "down" if self._back:
                self._recall(self._back - 1)

    def _delete(self) -> None:
        """The letter under the cursor."""
        del self._line[self._at]
        rest = "".join(self._line[self._at :])
        self._write(rest + "\x1b[K")
        self._left(len(rest))

    def _recall(self, back: int) -> None:
        """The line that was entered so many before; 0 is an empty one."""
        self._move("home")
        self._back = back
        self._line = list(self._history[back - 1]) if back else []
        self._at = len(self._line)
        self._write("\x1b[K" + "".join(self._line))

    def _left(self, count: int) -> None:
        if count:
            self._write("\b" * count if count <= 4 else f"\x1b[{count}D")
