"""The two sides of the network without sockets in two processes: what is said travels as values.

There a connection is its device and its number. Each process keeps something that stands for the ends of the other one,
until the last word on a connection was said or has arrived; what comes for one that is not known any more is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sim.kernel.clock import Clock
from sim.net.memory_cloud import CloudEnd, CloudSide, Receive
from sim.net.numbered import Connections
from sim.ports import Closed, HttpFailure, HttpResponse

_FIRST_WORDS = ("open", "http")
_LAST_WORD = "gone"


class Call(NamedTuple):
    """What a device says on its connection of this number; `what` and `args` as `CloudEnd.say` takes them."""

    at_us: int
    device: str
    number: int
    what: str
    args: tuple[Any, ...]


Hand = Callable[[str, int, Any], None]
"""An arrival for a connection of a device, now: to be sent to where the device is."""


class FarCloud:
    """The cloud, where the devices are: what they say goes to `send`, and what they get comes in through `arrive`."""

    def __init__(self, clock: Clock, send: Callable[[Call], None]) -> None:
        self.clock = clock
        self.send = send
        self.lines: Connections[_Line] = Connections()

    def dial(self, device: str, number: int, receive: Receive) -> _Line:
        """A new connection."""
        line = _Line(self, device, number, receive)
        self.lines.add(line)
        return line

    def arrive(self, device: str, number: int, arrival: Any) -> None:
        """To the connection of this number, if it is still there."""
        line = self.lines.get(device, number)
        if line is not None:
            if _is_last(arrival):
                self.lines.drop(line)
            line.receive(arrival)


class _Line:
    """Stands for the cloud's end of one connection."""

    __slots__ = ("_cloud", "device", "number", "receive")

    def __init__(self, cloud: FarCloud, device: str, number: int, receive: Receive) -> None:
        self._cloud = cloud
        self.device = device
        self.number = number
        self.receive = receive

    def say(self, what: str, args: tuple[Any, ...]) -> None:
        if what == _LAST_WORD:
            self._cloud.lines.drop(self)
        self._cloud.send(Call(self._cloud.clock.now_us, self.device, self.number, what, args))


class FarDevices:
    """The devices, where the cloud is: what they get goes to `hand`, and what they say comes in through `take`."""

    def __init__(self, cloud: CloudSide, hand: Hand) -> None:
        self._cloud = cloud
        self._hand = hand
        self.ends: Connections[CloudEnd] = Connections()

    def take(self, call: Call) -> None:
        """A device says this now."""
        end = self.ends.get(call.device, call.number)
        if end is None:
            if call.what not in _FIRST_WORDS:
                return
            end = self._open(call.device, call.number)
        if call.what == _LAST_WORD:
            self.ends.drop(end)
        end.say(call.what, call.args)

    def _open(self, device: str, number: int) -> CloudEnd:
        def receive(arrival: Any) -> None:
            if _is_last(arrival):
                self.ends.drop(end)
            self._hand(device, number, arrival)

        end = self._cloud.dial(device, number, receive)
        self.ends.add(end)
        return end


def _is_last(arrival: Any) -> bool:
    """Whether nothing more arrives on that connection."""
    return isinstance(arrival, Closed | HttpResponse | HttpFailure)
