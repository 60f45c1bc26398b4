"""A YAML text as plain data that remembers where each part of it stands.

Rules: YAML 1.2 scalars, text keys, no duplicate keys, no tags. Everything that is wrong becomes a Problem
with its place; nothing raises, whatever the text holds. The plain data is made here from PyYAML's nodes,
because PyYAML's own constructor lets duplicate keys pass and reads `on`, `yes` and `1:30` as YAML 1.1 did.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from sim.errors import Problem

if TYPE_CHECKING:
    from sim.scenario.settings import Setting

NODES = 100_000  # with aliases followed, so that a small file cannot become a huge one

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what PyYAML counts as the end of a line
Place = tuple[str | int, ...]  # the way to a part of the data: `("jobs", 0, "at")`


class _Yaml12(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema: `on`, `yes`, `1:30` and dates are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), list(_first))


class _TooLarge(Exception):  # noqa: N818 - a finding, not a defect
    def __init__(self, mark: yaml.Mark) -> None:
        super().__init__()
        self.mark = mark


@dataclass
class Document:
    """One YAML text: its plain data, where each part of it stands, and the problems found so far."""

    file: str
    text: str
    what: str = "a scenario is a mapping of keys, e.g. 'version: 1'"
    problems: list[Problem] = field(default_factory=list, init=False)
    unreadable: bool = field(default=False, init=False)
    base: Document | None = field(default=None, init=False)
    """What this one extends: whatever it does not say itself stands there."""
    settings: Mapping[Place, Setting] = field(default_factory=dict, init=False)
    """What has been put in place of the text's own values; a problem there is the setting's."""
    _marks: dict[Place, yaml.Node] = field(default_factory=dict, init=False)
    _keys: dict[Place, yaml.Node] = field(default_factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def read(self) -> Any:
        """The plain data; `unreadable` is set when there is none."""
        try:
            root = yaml.compose(self.text, Loader=_Yaml12)
            if isinstance(root, yaml.MappingNode):
                return self._plain(root, ())
            self._fail(1, 1, self.what)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self._fail(line, column, f"this is not YAML: {error.problem or error.context}")
        except yaml.reader.ReaderError as error:
            before = _BREAK.split(self.text[: error.position])
            self._fail(len(before), len(before[-1]) + 1, f"this is not YAML: {error.reason}")
        except _TooLarge as error:
            self._fail(error.mark.line + 1, error.mark.column + 1, "what is here is too large or contains itself")
        except RecursionError:
            self._fail(1, 1, "this is nested too deeply")
        return None

    def report(self, path: Place, message: str, *, on_key: bool = False, offset: int = 0) -> None:
        """A problem at the data's place; the nearest enclosing place if `path` itself is not in the file.

        `offset` is a character inside the scalar at `path`.
        """
        for place, setting in self.settings.items():
            if path[: len(place)] == place:
                self.problems.append(setting.problem(message, ".".join(map(str, path))))
                return
        within = [str(setting) for place, setting in self.settings.items() if place[: len(path)] == path]
        if within and path:
            message = f"{message} (with {', '.join(within)})"
        if self.base is not None and self._stands_below(path):
            self.base.report(path, message, on_key=on_key, offset=offset)
            return
        while path not in self._marks and path:
            path, on_key = path[:-1], True
        node = self._marks[path]
        if on_key or node.start_mark.index == node.end_mark.index:  # an empty value has no place of its own
            node = self._keys.get(path, node)
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if offset and isinstance(node, yaml.ScalarNode) and node.start_mark.line == node.end_mark.line:
            source = self._line(line)[column - 1 :]
            begin = source.find(node.value)
            column += begin + offset if begin >= 0 else 0
        self._add(line, column, message, ".".join(map(str, path)))

    def sorted_problems(self) -> list[Problem]:
        """All problems in the order of the file, one for each place and message; of what it extends first."""
        below = self.base.sorted_problems() if self.base is not None else []
        return below + sorted(set(self.problems), key=lambda p: (p.line, p.column, p.message))

    def _stands_below(self, path: Place) -> bool:
        """Whether the value at `path`, or what is nearest around it, came from what this one extends."""
        own = next(path[:size] for size in range(len(path), -1, -1) if path[:size] in self._marks)
        assert self.base is not None, "there is something below"
        is_open = isinstance(self._marks[own], yaml.MappingNode)
        return is_open and len(own) < len(path) and path[: len(own) + 1] in self.base.all_marks

    @property
    def all_marks(self) -> Collection[Place]:
        """Places of this text and of all that it extends."""
        below = self.base.all_marks if self.base is not None else ()
        return {**self._marks, **dict.fromkeys(below)}

    def _plain(self, node: yaml.Node, path: Place, above: tuple[int, ...] = ()) -> Any:
        self._count += 1
        if self._count > NODES or id(node) in above:
            raise _TooLarge(node.start_mark)
        self._marks[path] = node
        above = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return {key: self._plain(value, (*path, key), above) for key, value in self._entries(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*path, index), above) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _entries(self, node: yaml.MappingNode, path: Place) -> Iterator[tuple[str, yaml.Node]]:
        """Keys (always text) and value nodes; of duplicate keys the first counts."""
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(line, column, "a key must be plain text", ".".join(map(str, path)))
            elif key in first:
                where = ".".join(map(str, (*path, key)))
                self._add(line, column, f"duplicate key {key!r}; it is already on line {first[key]}", where)
            else:
                first[key] = line
                self._keys[(*path, key)] = key_node
                yield key, value_node

    def _scalar(self, node: yaml.Node, path: Place) -> Any:
        text, kind = node.value, node.tag.removeprefix("tag:yaml.org,2002:")
        try:
            match kind:
                case "str":
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text, 10 if text.lstrip("+-").isdigit() else 0)
                case "float":
                    return float(text)
        except ValueError:
            self.report(path, f"{text[:20]!r} is not a number that can be read")
            return 0
        self.report(path, f"the tag {node.tag!r} is not allowed here")
        return text

    def _fail(self, line: int, column: int, message: str) -> None:
        self.unreadable = True
        self._add(line, column, message, "")

    def _add(self, line: int, column: int, message: str, path: str) -> None:
        self.problems.append(Problem(self.file, line, column, message, path, self._line(line)))

    def _line(self, line: int) -> str:
        lines = _BREAK.split(self.text)
        return lines[line - 1] if line <= len(lines) else ""
