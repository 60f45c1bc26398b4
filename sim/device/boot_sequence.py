"""From power-on to the program: the bootloader, then a reset, the end, the mini system or the firmware.

Stories of one life, which end wherever power goes. They say where the module stands (`state`, `phase`, `version`) and
keep nothing: the next boot begins from flash alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.boot.bootloader import BootStep
from sim.device.start import start_interpreter
from sim.kernel.clock import Story
from sim.update.mini_system import run_mini_system

if TYPE_CHECKING:
    from sim.device.module import Module

SOFT_RESET_US = 100_000
"""ESTIMATE: the interpreter's heap is set up anew in a tenth of a second; no public figure."""


def boot(module: Module) -> Story:
    """All of it, after a power-on or a reset."""
    yield module.model.timings.bootloader_us
    outcome = yield from module.storage.boot(
        module.trust, lambda step: _stepped(module, step), module.followed_from("apply")
    )
    if outcome.code:
        module.trace("update.refused", code=outcome.code, reason=outcome.reason)
    if outcome.action == "reset":
        module.life.after(0, module.reset, "update applied")
    elif outcome.action == "bricked":
        module.state = "bricked"
        module.trace("bricked", reason=outcome.reason)
    elif outcome.action == "mini":
        yield from _run_mini_system(module, outcome.version)
    else:
        yield from _run_firmware(module, outcome.version)


def start_again(module: Module) -> Story:
    """The interpreter alone, after a soft reset."""
    yield SOFT_RESET_US
    yield from start_interpreter(module)
    module.state = "running"
    module.run_program()


def _stepped(module: Module, step: BootStep) -> None:
    if step.kind == "package" or module.phase == "apply":
        module.enter_phase("apply", step.progress)


def _run_mini_system(module: Module, version: str) -> Story:
    """The small system with its own network stack: no file system, no application."""
    mini = module.model.mini
    assert mini is not None, "the bootloader found a mini system that the model does not have"
    module.state = "mini"
    module.version = version
    module.trace("mini.boot", version=version)
    module.radio.power_on(mini.attach_us)
    yield mini.boot_us
    yield from run_mini_system(module)
    module.life.after(0, module.reset, "mini system")


def _run_firmware(module: Module, version: str) -> Story:
    """The interpreter's start, then the program."""
    timings = module.model.timings
    module.enter_phase("idle")
    module.version = version
    module.radio.power_on(timings.attach_us)
    yield timings.boot_us
    yield from start_interpreter(module)
    module.boots += 1
    module.state = "running"
    module.trace("boot", version=version, boot=module.boots)
    module.run_program()
