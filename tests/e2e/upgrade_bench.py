"""A whole run from parts: scripts in a scenario of one device, and how to let its time pass."""

from pathlib import Path

from sim.scenario.runner import end_when_finished
from sim.scenario.world import World

ROOT = Path(__file__).parents[2]

OLD = "EG915UEUABR03A20M08_OCPU_QPY"
NEW = "EG915UEUABR03A21M08_OCPU_QPY"
DEVICE = "QuecPython_OTA"

SCENARIO = """\
version: 1
name: test
seed: 7
duration: {duration}
fleet:
  - {{name: {device}, model: EG915U, firmware: {old}, script: ./device, umqtt: {umqtt}, generation: {generation}}}
packages:
  delta: {{method: differential, from: {base}, to: {new}}}
cloud:
  buckets:
    qpyota:
      EG915UEUAB_V0002-V0003.pack: {{package: delta}}
      fota.json: {{file: ./fota.json}}
      app_fota.json: {{file: ./app_fota.json}}
      a.py: {{text: "{a_new}"}}
      b.py: {{text: "{b_new}"}}
jobs:
  - jobId: jobfota
    targets: [{device}]
    documentSource: https://qpyota.s3.us-west-2.amazonaws.com/fota.json
    presignedUrlConfig: {{expiresInSec: 3600}}
  - jobId: jobappota
    targets: [{device}]
    documentSource: https://qpyota.s3.us-west-2.amazonaws.com/app_fota.json
    presignedUrlConfig: {{expiresInSec: 3600}}
faults: {faults}
"""


class Bench:
    """One world under test, its records, and how to let time pass."""

    def __init__(self, scenario, options):
        self.records = []
        self.scenario = scenario
        self.world = World(scenario, options)
        self.world.trace.observe(self.records.append)
        self.device = self.world.devices[DEVICE]
        self.world.start()

    def run(self, until_s):
        self.world.clock.run(until_s * 1_000_000)
        return self

    def run_until_finished(self):
        """As `qpyota run`: to the end of the last execution and a little more, or to the scenario's end."""
        self.world.trace.observe(lambda record: end_when_finished(self.world, record))
        self.world.clock.run(self.scenario.duration_us)
        return self

    def status(self, job):
        return self.world.account.jobs.executions(job)[0].status.value

    def kinds(self, kind):
        return [record.data for record in self.records if record.kind == kind]

    def power_cycle(self, seconds=60):
        """Off and on again, and let it boot."""
        self.device.power_cut()
        self.device.power_on()
        return self.run(self.world.clock.now_us // 1_000_000 + seconds)
