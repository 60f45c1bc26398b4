"""`wifilocator`: see `locators`."""

from sim.script.modules.locators import wifi_locator as make

__all__ = ["make"]
