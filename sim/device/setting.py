"""What a device is made of, apart from its name, its flash content and its life: one object for all that are alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sim.boot.bootloader import Trust
from sim.device.identity import Issue, no_papers, nobody
from sim.device.model import ModelSpec
from sim.device.model_file import Generation
from sim.records import record

if TYPE_CHECKING:
    from sim.device.module import Module


class Program(Protocol):
    """What runs after boot: a script runtime or a built-in agent."""

    def start(self) -> None: ...
    def kill(self) -> None:
        """Power is gone: no thread of it may act again."""


@record
class Kind:
    """What many devices have in common. `issue` and `authority` as DeviceIdentity has them; `generation`: of the
    interpreter; None: there is none."""

    model: ModelSpec
    trust: Trust
    seed: int
    issue: Issue = no_papers
    authority: Callable[[], str] = nobody
    generation: Generation | None = None
    program: Callable[[Module], Program] | None = None
    """Makes what runs at each boot."""
