"""A connection at rest: a PINGREQ each period, and nothing else.

Where the network can (`MqttChannel.rest`), pings are accounted for and not stepped: nothing happens until something
else does, and then everything is what it would be had each ping been sent: draws of the air, what the broker has heard,
a ping that is just on its way. Rules: an accounted rest is settled before anything else moves on the connection; once
settled it goes on step by step. Where packets get lost every ping is sent: one may come too late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from sim.kernel.clock import Timer
from sim.ports import Pingresp

if TYPE_CHECKING:
    from sim.device.mqtt_link import MqttLink

PINGREQ_BYTES, PINGRESP_BYTES = 2, 4
"""What the air counts for them; an answer of any sort but a message counts 4."""


class Resting(Protocol):
    """Who lets a connection rest."""

    rest_period_us: ClassVar[int]
    """A ping each of these."""
    rest_patience_us: ClassVar[int]
    """How long its answer may take."""

    def unanswered(self) -> None:
        """A ping was not answered in time."""


class Rest:
    """Of `link`, since then. It is stepped: the link makes one, from what it noted at its begin, as soon as an
    accounted rest is over."""

    __slots__ = ("_due", "_give_up", "_link", "_owner", "_pings", "_since_us")

    def __init__(self, link: MqttLink, owner: Resting, since_us: int) -> None:
        self._link = link
        self._owner = owner
        self._since_us = since_us
        self._pings = 0
        self._due: Timer | None = None
        self._give_up: Timer | None = None

    def begin(self) -> None:
        """Nothing was accounted for."""
        self._wait()

    def catch_up(self, *, late: bool) -> None:
        """It was accounted for until now. A ping of this very instant is yet to come, unless this is the `late` part of
        it, in which networks hand over."""
        link, now_us = self._link, self._link.radio.clock.now_us
        self._pings = max(0, now_us - self._since_us - (not late)) // self._owner.rest_period_us
        heard_us = None
        if self._pings:
            if self._pings > 1:
                link.skip_pairs(self._pings - 2, PINGREQ_BYTES, PINGRESP_BYTES)
                heard_us = self._sent_us(self._pings - 1) + link.way_us(PINGREQ_BYTES, up=True)
                link.way_us(PINGRESP_BYTES, up=False)
            heard_us = self._replay_last(heard_us, now_us)
        link.channel_heard(heard_us)
        self._wait()

    def pong(self) -> None:
        """A PINGRESP came."""
        if self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None

    def end(self) -> None:
        """No ping is sent any more."""
        self.pong()
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _replay_last(self, heard_us: int | None, now_us: int) -> int | None:
        """The last ping, which may be on its way; when the broker last heard one."""
        link, sent_us = self._link, self._sent_us(self._pings)
        reached_us = sent_us + link.way_us(PINGREQ_BYTES, up=True)
        if link.radio.doze is not None:
            link.radio.doze.heard(sent_us)
        if reached_us > now_us:
            link.on_its_way_up(reached_us)
            self._await_pong(sent_us)
            return heard_us
        answered_us = reached_us + link.way_us(PINGRESP_BYTES, up=False)
        if link.radio.doze is not None:
            link.radio.doze.heard(answered_us if answered_us <= now_us else reached_us)
        if answered_us > now_us:
            link.on_its_way_down(answered_us, Pingresp())
            self._await_pong(sent_us)
        return reached_us

    def _sent_us(self, number: int) -> int:
        return self._since_us + number * self._owner.rest_period_us

    def _wait(self) -> None:
        clock = self._link.radio.clock
        self._due = clock.after(self._sent_us(self._pings + 1) - clock.now_us, self._ping)

    def _ping(self) -> None:
        self._pings += 1
        self._link.ping()
        if self._give_up is None:
            self._await_pong(self._link.radio.clock.now_us)
        self._wait()

    def _await_pong(self, sent_us: int) -> None:
        clock = self._link.radio.clock
        self._give_up = clock.after(sent_us + self._owner.rest_patience_us - clock.now_us, self._gave_up)

    def _gave_up(self) -> None:
        self._give_up = None
        self.end()
        self._owner.unanswered()
