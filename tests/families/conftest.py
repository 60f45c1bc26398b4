"""One device of any model, upgraded by a job: by the built-in agent, or by our demo application."""

from pathlib import Path

import pytest

from sim.device.catalogue import load_model
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import end_when_finished
from sim.scenario.world import World

DEMO = Path(__file__).parents[2] / "scenarios" / "apps" / "aws_ota"
THING = "QuecPython_OTA"
HOST = "https://firmware.s3.us-west-2.amazonaws.com"

SCENARIO = """\
version: 1
name: family
seed: 5
duration: {duration}
fleet:
  - {{name: {thing}, model: {model}, firmware: {old}, {program}}}
packages:
  update: {package}
cloud:
  public: [firmware]
  buckets:
    firmware:
{objects}
jobs:
  - jobId: jobfota
    targets: [{thing}]
    document:
      - operation: FOTA
        files:
{files}
faults: {faults}
"""


class Upgrade:
    """One run. `run()` lets time pass until the job has ended or the scenario is over."""

    def __init__(self, scenario, options):
        self.world = World(scenario, options)
        self.device = self.world.devices[THING]
        self.records = []
        self.world.trace.observe(self.records.append)
        self.world.trace.observe(lambda record: end_when_finished(self.world, record))
        self.world.start()

    def run(self):
        self.world.clock.run(self.world.scenario.duration_us)
        return self

    @property
    def status(self):
        return self.world.account.jobs.executions("jobfota")[0].status.value

    def kinds(self, kind):
        return [record.data for record in self.records if record.kind == kind]

    @property
    def reboots(self):
        return len(self.kinds("reset"))


@pytest.fixture
def upgrade(tmp_path):
    """Factory: `upgrade(model, method, old, new, program="agent"|"demo", …)`. `names` are the package's keys in the
    bucket; `asked` the files that the job document names, if others."""
    made = []

    def make(
        model, method, old, new, program="agent", transport="memory", base=None, faults="[]", duration="2h",
        names=None, asked=None,
    ):  # fmt: skip
        base = f"from: {base or old}, " if method != "full" else ""
        names = names or list(load_model(model).packages[method])
        names = [name.replace("*", "update") for name in names]
        text = SCENARIO.format(
            thing=THING,
            model=model,
            old=old,
            duration=duration,
            program="agent: modelled" if program == "agent" else f"script: {DEMO}",
            package=f"{{method: {method}, {base}to: {new}}}",
            objects="".join(f"      {name}: {{package: update}}\n" for name in names).rstrip("\n"),
            files="".join(
                f"          - {{fileName: {name}, fileVersion: {new}, fileSource: {{url: '{HOST}/{name}'}}}}\n"
                for name in asked or names
            ).rstrip("\n"),
            faults=faults,
        )
        path = tmp_path / "family.yaml"
        path.write_text(text)
        made.append(Upgrade(load_scenario(path), RunOptions(transport=transport)))
        return made[-1]

    yield make
    for one in made:
        one.world.close()
