"""A device that runs the script of a test: `run(main_source, seconds)` gives its printed lines and its records.

`model` chooses the device, `objects` fills the bucket `open`, which everybody may read, `faults` and `steps` are
lines of a scenario. Other words (`generation="G21"`) are keys of its fleet entry. The tests of the modules in `TWICE`
run in both runtimes; where these differ, `runtime_differences.py` says so, and the test must fail in MicroPython.
"""

import textwrap

import pytest
from runtime_differences import DIFFERENT
from script_rig import FIRMWARE

from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World
from sim.script.micropython import interpreter

TWICE = frozenset(
    {
        "test_runtime", "test_modules", "test_data_modules", "test_network_modules", "test_peripherals", "test_dialect",
        "test_generation", "test_dialect_words", "test_facts_2_5_request", "test_sockets", "test_small_modules",
        "test_secure_data", "test_facts_2_2_app_fota", "test_facts_2_3_umqtt", "test_facts_2_6_network",
        "test_facts_2_9_small_modules", "test_uasyncio", "test_facts_2_1_fota", "test_facts_4_failures",
    }
)  # fmt: skip


SCENARIO = """\
version: 1
name: script
seed: 3
fleet:
  - {{name: dut, script: ./device, {entry}}}
cloud:
  public: [open]
  buckets:
    files:
      hello.txt: {{text: "hello from the cloud"}}
    open: {{hello.txt: {{text: "hello everybody"}}{names}}}
faults: [{faults}]
steps: [{steps}]
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

    def times_us(self, kind):
        return [record.at_us for record in self.records if record.kind == kind]

    @property
    def printed(self):
        return [data["text"] for data in self.kinds("print")]

    @property
    def tracebacks(self):
        return [(data["thread"], data["error"], data["text"]) for data in self.kinds("traceback")]


def pytest_generate_tests(metafunc):
    if "run" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in TWICE:
        metafunc.parametrize("runtime", ["greenlet", "micropython"], indirect=True)


def pytest_collection_modifyitems(items):
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("runtime") == "micropython":
            case = callspec.id.replace("micropython", "").strip("-")
            name = item.originalname
            reason = DIFFERENT.get(name, DIFFERENT.get(f"{name}[{case}]"))
            if reason is not None:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture
def runtime(request, monkeypatch):
    """What interprets the script."""
    name = getattr(request, "param", None)
    if name == "micropython":
        request.getfixturevalue("micropython")
        monkeypatch.setattr(interpreter, "GUARD_S", 0.3)
    return name


@pytest.fixture
def run(tmp_path, runtime):
    made = []

    def start(main, seconds=60, files=None, objects=None, faults="", steps="", hosts="", model="EG915U", **knobs):
        folder = tmp_path / "device"
        folder.mkdir(exist_ok=True)
        for name, text in {"main.py": main, **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        entry = {"model": model, "firmware": FIRMWARE.get(model), **knobs}
        text = SCENARIO.format(
            entry=", ".join(f"{name}: {value}" for name, value in entry.items()),
            names="".join(f", {name}: {{text: x}}" for name in objects or ()),
            faults=faults,
            steps=steps,
        )
        text += "\nhosts:\n" + textwrap.indent(textwrap.dedent(hosts), "  ") if hosts else ""
        (tmp_path / "s.yaml").write_text(text)
        world = World(load_scenario(tmp_path / "s.yaml"), RunOptions(transport="memory", runtime=runtime))
        made.append(world)
        for name, data in (objects or {}).items():
            world.account.artifacts.put("open", name, data)
        return Script(world).run(seconds)

    yield start
    for world in made:
        world.close()


@pytest.fixture
def upgrade():
    """`upgrade(model)`: (the packages that lead from a model's firmware to its next version, that version)."""
    from sim.scenario.packages import build

    def make(model, method="differential"):
        old = FIRMWARE[model]
        new = old.replace("A20M", "A21M").replace("A01M", "A09M").replace("A02M", "A09M").replace("A03", "A09")
        return build(model, method, old, new), new

    return make
