"""A device that runs the script of a test: `run(main_source, seconds)` gives its printed lines and its records.

Other words (`generation="G21"`) are keys of its fleet entry.
"""

import textwrap

import pytest

from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World

SCENARIO = """\
version: 1
name: script
seed: 3
fleet:
  - {name: dut, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./device, KNOBS}
cloud:
  buckets:
    files:
      hello.txt: {text: "hello from the cloud"}
"""


class Script:
    def __init__(self, world):
        self.world = world
        self.device = world.devices["dut"]
        self.records = []
        world.trace.observe(self.records.append)
        world.start()

    def run(self, seconds):
        self.world.clock.run(self.world.clock.now_us + seconds * 1_000_000)
        return self

    def kinds(self, kind):
        return [record.data for record in self.records if record.kind == kind]

    @property
    def printed(self):
        return [data["text"] for data in self.kinds("print")]

    @property
    def tracebacks(self):
        return [(data["thread"], data["error"], data["text"]) for data in self.kinds("traceback")]


@pytest.fixture
def run(tmp_path):
    made = []

    def start(main, seconds=60, files=None, **knobs):
        folder = tmp_path / "device"
        folder.mkdir(exist_ok=True)
        for name, text in {"main.py": main, **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        given = ", ".join(f"{name}: {value}" for name, value in knobs.items())
        (tmp_path / "s.yaml").write_text(SCENARIO.replace(", KNOBS", f", {given}" if given else ""))
        world = World(load_scenario(tmp_path / "s.yaml"), RunOptions(transport="memory"))
        made.append(world)
        return Script(world).run(seconds)

    yield start
    for world in made:
        world.close()
