"""The tables are also played over MQTT and REST, with the rigs of tests/cloud."""

from __future__ import annotations

import sys
from pathlib import Path

CLOUD = str(Path(__file__).parents[1] / "cloud")
if CLOUD not in sys.path:
    sys.path.append(CLOUD)
