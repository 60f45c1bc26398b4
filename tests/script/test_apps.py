"""Applications as people write them, run unchanged to their end: every folder of `apps` with a scenario is one.

`scenario.yaml` is complete, and `qpyota run` plays it; `expect` lines judge it. `end.yaml` says what else must be true:
`files` on the device that equal files of the folder, `gone` ones, and `records` of the device's trace, `times` so
often or `at_least` so often. Each runs with both generations of the firmware, on a family whose `fota` blocks and on
one where it does not; some run over sockets as well, to the same trace.
"""

from pathlib import Path

import pytest
import yaml

from sim.device.peek import read_file
from sim.scenario.expect import evaluate
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import _problems, namespace
from sim.scenario.world import World

APPS = Path(__file__).parent / "apps"
NAMES = sorted(path.parent.name for path in APPS.glob("*/scenario.yaml"))
FAMILIES = {
    "EG915U": ("EG915U", "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"),
    "EC600NCNLC": ("EC600NCNLC", "EC600NCNLCR01A20M16_OCPU_QPY", "EC600NCNLCR01A21M16_OCPU_QPY"),
    "EC800G": ("EC800G", "EC800GCNLAR01A20M08_OCPU_QPY", "EC800GCNLAR01A21M08_OCPU_QPY"),
    "EC800M": ("EC800M", "EC800MCNLAR01A20M08_OCPU_QPY", "EC800MCNLAR01A21M08_OCPU_QPY"),
}
"""Model, its firmware before, and after. EG915U and EC800G block, the others do not."""

USUAL = ("EG915U", "EC600NCNLC")
OTHERS = {"mini": ("EC600NCNLC", "EC800M"), "tracker": ("EC800G", "EC800M")}
"""Applications that need what not every family has."""

WIRED = ("dtu", "tracker", "assets", "shadow", "server")
"""Applications that run over sockets, too."""


def families(name):
    return OTHERS.get(name, USUAL)


NEEDS_HASHES = ("assets", "settings", "targz")
"""Applications that import uhashlib, which the firmware of 2021 lacks on the 8910."""

CASES = [
    (name, family, generation)
    for name in NAMES
    for family in families(name)
    for generation in ("G21", "G25")
    if (family, generation) != ("EG915U", "G21") or name not in NEEDS_HASHES
]


class Run:
    """An application on one family and generation, from start to end."""

    def __init__(self, tmp_path, name, family, options):
        written = families(name)[0]
        for entry in (APPS / name).iterdir():
            if not (tmp_path / entry.name).exists():
                (tmp_path / entry.name).symlink_to(entry)
        text = (APPS / name / "scenario.yaml").read_text()
        for old, new in zip(reversed(FAMILIES[written]), reversed(FAMILIES[family]), strict=True):
            text = text.replace(old, new)
        source = tmp_path / f"{family}.yaml"
        source.write_text(text)
        self.world = World(load_scenario(source), options)
        self.records = []
        try:
            self.world.trace.observe(lambda record: self.records.append((record.track, record.kind, dict(record.data))))
            self.world.start()
            self.world.clock.run(self.world.scenario.duration_us)
            self.digest = self.world.trace.digest()
            self.problems = list(_problems(self.world))
            names = namespace(self.world)
            self.expects = [evaluate(line, names) for line in self.world.scenario.expect]
            self.files = {path: read_file(self.world.devices["dut"], path) for path in self._paths(name)}
        finally:
            self.world.close()

    def _paths(self, name):
        end = _end(name)
        return [*end.get("files", {}), *end.get("gone", ())]

    def count(self, wanted):
        return sum(
            track == "dut"
            and kind == wanted["kind"]
            and all(data.get(key) == value for key, value in wanted.items() if key != "kind")
            for track, kind, data in self.records
        )

    def tail(self):
        shown = ("log", "print", "traceback", "execution", "reset", "boot", "hung")
        return "\n".join(f"{track} {kind} {data}" for track, kind, data in self.records if kind in shown)[-6000:]


def _end(name):
    return yaml.safe_load((APPS / name / "end.yaml").read_text())


@pytest.mark.parametrize(("name", "family", "generation"), CASES)
def test_application(tmp_path, name, family, generation):
    done = Run(tmp_path, name, family, RunOptions(transport="memory", generation=generation))
    assert done.problems == []
    assert [result for result in done.expects if not result.passed] == [], done.tail()
    end = _end(name)
    for path, beside in end.get("files", {}).items():
        assert done.files[path] == (APPS / name / beside).read_bytes(), path
    assert [path for path in end.get("gone", ()) if done.files[path] is not None] == []
    for wanted in end["records"]:
        wanted = dict(wanted)
        times, at_least = wanted.pop("times", None), wanted.pop("at_least", 1)
        found = done.count(wanted)
        assert found == times if times is not None else found >= at_least, f"{wanted}: {found}\n{done.tail()}"


@pytest.mark.parametrize("name", WIRED)
def test_application_over_sockets(tmp_path, name):
    family = families(name)[0]
    memory, wire = (
        Run(tmp_path, name, family, RunOptions(transport=transport, tls=False)) for transport in ("memory", "virtual")
    )
    assert wire.problems == []
    assert wire.digest == memory.digest
