"""What tests of rigs share: the application that upgrades."""

from sim.shipped import scenarios_dir

AWS_OTA = scenarios_dir() / "apps" / "aws_ota"
"""It calls itself QuecPython_OTA."""
