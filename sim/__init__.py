"""qpyota: a device emulator for Quectel QuecPython modules and their over-the-air upgrades."""

__version__ = "0.1.0"
