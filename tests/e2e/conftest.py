"""A factory of benches that run the vendor sample."""

import pytest
from upgrade_bench import DEVICE, NEW, OLD, SCENARIO, Bench

from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions


@pytest.fixture
def bench(tmp_path, sample):
    """Factory: `bench(transport=…, umqtt=…, faults=…)`; every world is taken down at the end."""
    made = []

    def make(transport="memory", files=None, tls=True, speed=None, seed=None, path=None, runtime=None, **fields):
        folder = path or tmp_path
        scripts, documents = sample
        device = folder / "device"
        device.mkdir(exist_ok=True)
        content = {
            **scripts,
            "main.py": "import usr.aws_ota_test\n",
            "a.py": "def getversion():\n    return '1.0'\n",
            "b.py": "VERSION = '1.0'\n",
            **(files or {}),
        }
        for name, text in content.items():
            (device / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        (folder / "fota.json").write_text(documents[0])
        (folder / "app_fota.json").write_text(documents[1])
        values = {
            "device": DEVICE, "old": OLD, "new": NEW, "base": OLD, "umqtt": "current", "generation": "G25",
            "duration": "30m",
            "faults": "[]",
            "a_new": "def getversion():\\n    return '2.0'\\n", "b_new": "VERSION = '2.0'\\n", **fields,
        }  # fmt: skip
        source = folder / "scenario.yaml"
        source.write_text(SCENARIO.format(**values))
        scenario = load_scenario(source)
        made.append(Bench(scenario, RunOptions(transport=transport, tls=tls, speed=speed, seed=seed, runtime=runtime)))
        return made[-1]

    yield make
    for one in made:
        one.world.close()
