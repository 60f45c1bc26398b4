"""A cloud and devices in the hands of a program: a test, a notebook. Their time passes only while the program waits."""

from sim.rig.rig import Rig
from sim.rig.unmet import Unmet

__all__ = ["Rig", "Unmet"]
