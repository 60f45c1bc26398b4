"""What tests of the plugin share: how pytest runs inside pytest.

pytester forgets what was first imported inside it, so what is used there is imported here. hypothesis is left out
since it would be imported anew in each run.
"""

import boto3  # noqa: F401

import sim.pytest_plugin.scenario_file
import sim.rig.artifacts
import sim.rig.run
import sim.script.runtime  # noqa: F401

STRICT = (
    "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--strict-markers", "--strict-config", "-W", "error"
)  # fmt: skip
