from sim.ports import *  # noqa: F403
