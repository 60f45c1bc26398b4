"""`cellLocator`: see `locators`."""

from sim.script.modules.locators import cell_locator as make

__all__ = ["make"]
