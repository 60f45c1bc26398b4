"""What one more built-in device adds to a run: objects and their bytes, counted and not measured.

Flash contents are left out, since equal flashes share theirs; so are tables of more than a hundred entries, whose sizes
jump.
"""

import gc
import sys
import types
from collections import Counter

import pytest

from sim.flash.cells import Chunk
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World

SCENARIO = """
version: 1
name: memory
duration: 1h
fleet:
  - {{ group: g, count: {count}, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled,
      start: {{ ramp: 2m }} }}
packages:
  p: {{ method: differential, from: EG915UEUABR03A20M08_OCPU_QPY, to: EG915UEUABR03A21M08_OCPU_QPY }}
cloud:
  buckets: {{ firmware: {{ p.pack: {{ package: p }} }} }}
  rules: {{ mqtt: relaxed }}
jobs:
  - jobId: j
    at: 10m
    targets: [g]
    presignedUrlConfig: {{ expiresInSec: 3600 }}
    document:
      - operation: FOTA
        files:
          - fileName: p.pack
            fileVersion: EG915UEUABR03A21M08_OCPU_QPY
            fileSource:
              url: "${{aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/p.pack}}"
expect: []
"""
FEW, MANY = 110, 330
MOMENTS = {"off": 0, "at rest": 9, "upgraded": 59}  # minutes
NOT_OURS = (
    types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type, types.CodeType, types.FrameType, Chunk
)  # fmt: skip
TABLE = 100


def held(root):
    """Objects and bytes by type of all that can be reached from it."""
    seen, todo, count, size = set(), [root], Counter(), Counter()
    kept = []  # so that no id is used twice
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, NOT_OURS):
            continue
        seen.add(id(one))
        kept.append(one)
        if not (isinstance(one, dict | list) and len(one) > TABLE):
            count[type(one).__name__] += 1
            size[type(one).__name__] += sys.getsizeof(one)
        todo += gc.get_referents(one)
    return count, size


def counted(count, folder):
    source = folder / f"{count}.yaml"
    source.write_text(SCENARIO.format(count=count))
    world = World(load_scenario(source), RunOptions(transport="memory"))
    world.start()
    found = {}
    for moment, minutes in MOMENTS.items():
        world.clock.run(minutes * 60_000_000)
        found[moment] = held(world)
    assert {str(status): number for status, number in world.account.jobs.counts().items() if number} == {
        "SUCCEEDED": count
    }
    world.close()
    return found


@pytest.fixture(scope="module")
def one_more(tmp_path_factory):
    """By moment: objects and bytes of one more device, by type."""
    folder = tmp_path_factory.mktemp("memory")
    few, many = counted(FEW, folder), counted(MANY, folder)
    return {
        moment: [
            {name: (more[name] - less[name]) / (MANY - FEW) for name in more}
            for less, more in zip(few[moment], many[moment], strict=True)
        ]
        for moment in MOMENTS
    }


@pytest.mark.parametrize(
    ("moment", "objects", "size_bytes"), [("off", 14, 1270), ("at rest", 28, 2220), ("upgraded", 30, 2830)]
)
def test_one_more_device_adds_little(one_more, moment, objects, size_bytes):
    count, size = one_more[moment]
    listing = sorted(((size[name], count[name], name) for name in size if size[name] > 1), reverse=True)
    assert sum(size.values()) <= size_bytes, listing
    assert sum(count.values()) <= objects, listing


def test_a_device_at_rest_has_no_story_no_timer_and_no_old_connection(one_more):
    for moment in ("at rest", "upgraded"):
        count, _ = one_more[moment]
        for name in ("generator", "_Run", "Rest", "HttpLink", "Region", "FileSystem", "Playback", "method", "list"):
            assert round(count.get(name, 0), 1) == 0, name
        assert [round(count[name], 1) for name in ("MqttLink", "_Channel", "CloudEnd", "Session")] == [1, 1, 1, 1]
