"""Which firmware generation a script sees: the model's own, the fleet entry's, or that of the command line."""

from pathlib import Path
from typing import Any

import pytest

from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World
from sim.script.runtime import ScriptRuntime

MODELS = {"EG915U": "EG915UEUABR03A20M08_OCPU_QPY", "BG95": "BG95M3LAR02A03_OCPU_QPY"}


def profile(folder: Path, model: str, entry: str = "", **options: Any) -> tuple[str, str]:
    (folder / "device").mkdir()
    (folder / "device" / "main.py").write_text("pass\n")
    fleet = f"{{name: dut, model: {model}, firmware: {MODELS[model]}, script: ./device{entry}}}"
    (folder / "s.yaml").write_text(f"version: 1\nname: generation\nfleet:\n  - {fleet}\n")
    world = World(load_scenario(folder / "s.yaml"), RunOptions(transport="memory", **options))
    try:
        device = world.devices["dut"]
        program = device.kind.program(device)
        assert isinstance(program, ScriptRuntime)
        return program.profile.generation, program.profile.mqtt_client
    finally:
        world.close()


@pytest.mark.parametrize(
    ("model", "entry", "options", "seen"),
    [
        ("EG915U", "", {}, ("G25", "current")),
        ("BG95", "", {}, ("G21", "2021")),
        ("EG915U", ", generation: G21", {}, ("G21", "2021")),
        ("BG95", ", generation: G25", {}, ("G25", "current")),
        ("EG915U", ", generation: G21, umqtt: current", {}, ("G21", "current")),
        ("EG915U", ", generation: G21", {"generation": "G25"}, ("G25", "current")),
        ("EG915U", ", generation: UNI", {}, ("UNI", "current")),
        ("EG915U", ", umqtt: upstream", {"generation": "G21"}, ("G21", "upstream")),
        ("EG915U", "", {"umqtt": "2021"}, ("G25", "2021")),
    ],
)
def test_the_nearest_word_counts_and_the_client_follows_the_generation(
    tmp_path: Path, model: str, entry: str, options: dict[str, Any], seen: tuple[str, str]
) -> None:
    assert profile(tmp_path, model, entry, **options) == seen
