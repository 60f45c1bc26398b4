"""Loss of power, as the emulated code sees it."""


class PowerLoss(BaseException):
    """Thrown into whatever a device is doing when its power goes or it resets.

    A BaseException, so that a script's `except Exception` cannot swallow it.
    """
