"""A shrunk scenario as files: YAML that loads and fails identically, and a test that runs it until it is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sim.errors import MachineError, SpecError
from sim.lab.parts import moved
from sim.lab.shrink import Shrunk, summary
from sim.scenario.document import Document

TEST = '''"""{name}, shrunk to {devices} of {devices_before} devices by `qpyota shrink`; passes once mended."""

from pathlib import Path

from sim.fleet.run import run_judged
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions


def test_{word}() -> None:
    scenario = load_scenario(Path(__file__).with_name({file!r}))
    result = run_judged(scenario, RunOptions(transport="memory"))
    failing = [f"{{expect.expr}}: {{expect.detail}}" for expect in result.expects if not expect.passed]
    failing += [f"{{one.metric}}: {{one.expr}}: {{one.shown}}" for one in result.thresholds if not one.passed]
    assert result.passed, "\\n".join([*result.problems, *failing, result.replay])
'''


def write(shrunk: Shrunk, source: Path, target: Path) -> Path:
    """Write the YAML to `target` and the test beside it; the path of the test. MachineError, SpecError."""
    if target.exists() and target.samefile(source):
        raise SpecError(f"{target} is the scenario itself; name another file with -o")
    data = moved(shrunk.data, source.parent, target.parent)
    told = summary(shrunk)
    head = (
        f"# Shrunk from {source.name}: {told['devices']} of {told['devices_before']} devices, "
        f"{told['faults']} of {told['faults_before']} faults. It fails at\n#   {told['fails']}\n"
    )
    word = "".join(letter if letter.isalnum() else "_" for letter in target.stem.lower())
    test = target.with_name(f"test_{word}.py")
    text = TEST.format(name=shrunk.data["name"], word=word, file=target.name, **told)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(head + as_yaml(data), encoding="utf-8")
        test.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{target} cannot be written: {error.strerror}") from None
    return test


def as_yaml(data: dict[str, Any]) -> str:
    """YAML that our loader reads as exactly this data. PyYAML writes for YAML 1.1, so what it leaves without quotes
    may be a number to YAML 1.2; then everything gets them."""
    plain = yaml.dump(data, Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=110)
    if Document("", plain).read() == data:
        return plain
    quoted = yaml.dump(data, Dumper=_Quoted, sort_keys=False, allow_unicode=True, width=110)
    assert Document("", quoted).read() == data, "the scenario cannot be written"
    return quoted


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


class _Quoted(_NoAliases):
    pass


_Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
