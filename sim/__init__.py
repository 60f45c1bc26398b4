"""qpyota: a device emulator for Quectel QuecPython modules and their over-the-air upgrades.

For pytest, whose plugin is in here: PYTEST_DONT_REWRITE.
"""

__version__ = "0.1.0"
