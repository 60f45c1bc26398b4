"""A rollout of a few built-in agents, in which as many fail as one likes, and what it is judged by."""

from pathlib import Path

from sim.scenario.loader import load_scenario
from sim.scenario.schema import Scenario

ROLLOUT = """version: 1
name: small_rollout
duration: 20m
fleet:
  - {{ group: good, count: {good}, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled }}
  - {{ group: bad, count: {bad}, model: EG915U, firmware: EG915UEUABR03A19M08_OCPU_QPY, agent: modelled }}
packages:
  a21: {{ method: differential, from: EG915UEUABR03A20M08_OCPU_QPY, to: EG915UEUABR03A21M08_OCPU_QPY }}
cloud:
  buckets: {{ firmware: {{ a21.pack: {{ package: a21 }} }} }}
jobs:
  - jobId: wave
    at: 10s
    targets: [good, bad]
    presignedUrlConfig: {{ expiresInSec: 3600 }}
    document:
      - operation: FOTA
        files:
          - fileName: a21.pack
            fileVersion: EG915UEUABR03A21M08_OCPU_QPY
            fileSource:
              url: ${{aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/a21.pack}}
{more}
"""


def rollout(folder: Path, more: str = "", good: int = 3, bad: int = 2) -> Path:
    """The file of a rollout, with `more` keys."""
    source = folder / "small_rollout.yaml"
    source.write_text(ROLLOUT.format(good=good, bad=bad, more=more))
    return source


def load_rollout(folder: Path, more: str = "", good: int = 3, bad: int = 2) -> Scenario:
    """The same, loaded."""
    return load_scenario(rollout(folder, more, good, bad))
