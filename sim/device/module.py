"""One emulated module: power, flash, radio, and the program that runs on it. How it boots: `boot_sequence.py`.

State lives in flash and in the current life only. A reset or a power cut ends the life at once; the next one
starts from flash alone, so starting and resuming are the same path. The module does not know which transport
carries its radio, nor whether its program is a script or built in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sim.boot.bootloader import BootLayout, Trust
from sim.device.board import Board
from sim.device.boot_sequence import boot, start_again
from sim.device.console import Console
from sim.device.fuel import Fuel
from sim.device.http_link import HttpLink
from sim.device.identity import DeviceIdentity
from sim.device.keeping_link import KeepingLink
from sim.device.life import Life
from sim.device.model import ModelSpec, Regions, url_limits
from sim.device.radio import Radio
from sim.device.setting import Kind, Program
from sim.device.sim_card import SimSlot, make_sim
from sim.device.storage import Storage
from sim.flash.mounts import Mounts
from sim.flash.nor import Nor
from sim.kernel.clock import Clock, Timer
from sim.kernel.shared import one
from sim.ports import Network
from sim.trace import Track

RESET_US = 200_000
"""ESTIMATE: time from a reset request to the first instruction of the bootloader; no public figure."""

REASON_POWER_KEY, REASON_RESET, REASON_ALARM, REASON_WATCHDOG = 1, 2, 4, 5
"""`Power.powerOnReason()`; no value says "after an upgrade"."""

DOWN_UNKNOWN, DOWN_NORMAL, DOWN_WATCHDOG = 0, 1, 5
"""`Power.powerDownReason()`: how the module went off the last time. ESTIMATE that a restart counts as normal."""

WATCHDOG = "watchdog"
"""Reason of a reset that the program did not ask for."""


class Module:
    """A device of this `kind`, which tells what it does on its `track`."""

    __slots__ = (
        "_alarm", "_board", "_console", "_life", "_phase_watchers", "_program", "_sim",
        "between_lives", "boots", "clock", "kind", "phase", "power_down_reason", "power_on_reason", "power_returns_us",
        "progress", "radio", "resets", "state", "storage", "track", "version",
    )  # fmt: skip

    def __init__(self, clock: Clock, track: Track, network: Network, kind: Kind) -> None:
        self.clock = clock
        self.kind = kind
        self.track = track
        self.storage = Storage(clock, kind, track)
        self.radio = Radio(clock, kind.model.radio, network, track, kind.seed)
        self._board: Board | None = None
        self._console: Console | None = None
        self._sim: SimSlot | None = None
        self.state = "off"
        self.phase = "idle"
        self.progress = 0.0
        self.boots = 0
        self.resets = 0
        self.version = ""
        self.power_on_reason = REASON_POWER_KEY
        self.power_down_reason = DOWN_UNKNOWN
        self._phase_watchers: tuple[tuple[str | None, float, Callable[[str, float], None]], ...] = ()
        self.power_returns_us: int | None = None
        self.between_lives: Callable[[], object] | None = None
        """Called once, as soon as this life is over."""
        self._program: Program | None = None
        self._life: Life | None = None
        self._alarm: Timer | None = None

    @property
    def nor(self) -> Nor:
        """Its flash, as it is at this moment."""
        return self.storage.nor

    @property
    def name(self) -> str:
        return self.track.name

    @property
    def model(self) -> ModelSpec:
        return self.kind.model

    @property
    def identity(self) -> DeviceIdentity:
        """What it is to a cloud; made when somebody asks."""
        return DeviceIdentity(self.kind.seed, self.name, self.kind.issue, self.kind.authority)

    @property
    def trust(self) -> Trust:
        return self.kind.trust

    @property
    def regions(self) -> Regions:
        """The windows onto its flash."""
        return self.storage.regions

    @property
    def layout(self) -> BootLayout:
        """What the bootloader may touch."""
        return self.storage.regions.boot_layout

    def doze(self) -> None:
        """Its program waits, with no file open: what can be had again from flash is given back. It costs no time, then
        or later, and nobody can tell."""
        self.storage.doze()
        self.radio.up_bytes, self.radio.down_bytes = one(self.radio.up_bytes), one(self.radio.down_bytes)

    # -- what updates and programs see of the device

    @property
    def mounts(self) -> Mounts:
        mounts = self.storage.mounts
        if mounts is None:
            assert self.state == "running", "no file system before boot"
            mounts = self.storage.mount_again()
        return mounts

    @property
    def life(self) -> Life:
        assert self._life is not None, "the device is off"
        return self._life

    @property
    def program(self) -> Program | None:
        """What runs now; None before boot and without power."""
        return self._program

    @property
    def board(self) -> Board:
        """What is wired to it; made when somebody first asks, since most devices of a fleet have nothing."""
        if self._board is None:
            self._board = Board(self.track.tell, self.clock)
            self._board.on_supply = Fuel(self).look
        return self._board

    @property
    def console(self) -> Console:
        """The interpreter's serial line; made when somebody first asks, as the board is."""
        if self._console is None:
            self._console = Console(self.track.tell)
        return self._console

    @property
    def sim(self) -> SimSlot:
        """Its SIM card, made when somebody first asks."""
        if self._sim is None:
            card = make_sim(self.kind.seed, self.name)
            self._sim = SimSlot(card, lambda usable: self.radio.free("sim") if usable else self.radio.hinder("sim"))
        return self._sim

    @property
    def bricked(self) -> bool:
        """No bootable image and no recovery path."""
        return self.state == "bricked"

    @property
    def methods(self) -> Mapping[str, int | None]:
        """Upgrade methods of this family → characters that a URL may have, None for any number."""
        return url_limits(self.kind.model)

    def http(self) -> HttpLink:
        return self.radio.http()

    def patient_http(self) -> HttpLink:
        """A connection that waits for a server that falls silent in its answer, and keeps what came before the end."""
        return KeepingLink(self.radio)

    @property
    def staging_mounted(self) -> bool:
        """Whether the volume for staged application files is there now."""
        return self.storage.staging_mounted(self.mounts)

    @property
    def staging_prefix(self) -> str:
        """Of paths of staged application files; "" while they have no volume of their own."""
        return self.storage.staging_prefix

    def mount_staging(self) -> bool:
        """Mount that volume, if this build has one; its mount point is the prefix of staged files from then on."""
        return self.storage.mount_staging(self.mounts, self.version)

    def leave_staging(self) -> None:
        """Unmount it; the prefix stays, as the firmware's does."""
        self.storage.leave_staging(self.mounts)

    def flash_time(self) -> Iterable[int]:
        """What a story yields to let the time pass that flash has used since the last call."""
        return self.storage.time()

    def take_flash_time_us(self) -> int:
        """The same time as a number, for a script thread to sleep."""
        return self.storage.take_time_us()

    def enter_phase(self, phase: str, progress: float = 0.0) -> None:
        """Say where an update stands, for the trace and for those who watch phases."""
        if phase != self.phase:
            self.track.tell("phase", phase=phase)
        self.phase = phase
        self.progress = progress
        for awaited, least, watcher in self._phase_watchers:
            if awaited in (None, phase) and progress >= least:
                watcher(phase, progress)

    def watch_phases(
        self, watcher: Callable[[str, float], None], awaited: str | None = None, least: float = 0.0
    ) -> None:
        """Call `watcher(phase, progress)` whenever an update says where it stands, or where it does in this phase and
        from this progress on."""
        self._phase_watchers = (*self._phase_watchers, (awaited, least, watcher))

    def unwatch_phases(self, watcher: Callable[[str, float], None]) -> None:
        """Call it no more."""
        self._phase_watchers = tuple([it for it in self._phase_watchers if it[2] != watcher])

    def followed_from(self, phase: str) -> float | None:
        """From which progress on somebody follows this phase; None: nobody does. In paced time somebody may."""
        if self.clock.mode == "paced":
            return 0.0
        if not self._phase_watchers:
            return None
        return min((least for awaited, least, _ in self._phase_watchers if awaited in (None, phase)), default=None)

    def say(self, text: str) -> None:
        """The firmware prints on the console, if somebody looks at it."""
        if self._console is not None:
            self._console.write(text)

    def trace(self, kind: str, **data: Any) -> None:
        """Record something observable of this device."""
        self.track.tell(kind, **data)

    # -- power

    def power_on(self, reason: int = REASON_POWER_KEY) -> None:
        """Apply power; the bootloader runs at once, unless the supply is empty."""
        assert self.state == "off", f"{self.name} is already on"
        if self._board is not None and self._board.flat:
            self._board.owes_start = True
            return
        self.track.tell("power.on")
        self.power_on_reason = reason
        self._begin()

    def power_cut(self) -> None:
        """Power goes at this instant; a flash operation in flight was torn by whoever armed it."""
        if self.state == "off":
            return
        self.track.tell("power.cut", phase=self.phase)
        self._end()
        self.power_down_reason = DOWN_UNKNOWN
        self.set_alarm(None)
        if self._board is not None:
            self._board.lose_power()
        self.state = "off"
        if self.power_returns_us is not None:
            self.clock.after(self.power_returns_us, self._power_back)

    def power_down(self) -> None:
        """The firmware switches the module off; it stays off until somebody powers it on."""
        self.track.tell("power.down")
        self.power_down_reason = DOWN_NORMAL
        self._end()
        self.state = "off"

    def set_alarm(self, delay_us: int | None, rings: Callable[[], None] | None = None) -> None:
        """Have the real-time clock ring: it calls `rings` in this life, or wakes a module that was switched off.

        None takes the alarm back; losing power does, too.
        """
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if delay_us is None else self.clock.after(delay_us, self._ring, self._life, rings)

    def _ring(self, life: Life | None, rings: Callable[[], None] | None) -> None:
        self._alarm = None
        if self.state == "off":
            self.power_on(REASON_ALARM)
        elif self._life is life and life is not None and life.alive and rings is not None:
            rings()

    def reset(self, reason: str) -> None:
        """Restart at this instant: all RAM is lost, connections fall silent."""
        self.track.tell("reset", reason=reason)
        self.resets += 1
        by_watchdog = reason == WATCHDOG
        self.power_on_reason = REASON_WATCHDOG if by_watchdog else REASON_RESET
        self.power_down_reason = DOWN_WATCHDOG if by_watchdog else DOWN_NORMAL
        self._end()
        self.state = "resetting"
        self.clock.after(RESET_US, self._begin_after_reset, self._life)

    def soft_reset(self) -> None:
        """The interpreter starts again with an empty heap; modem, clock and console go on, connections are closed."""
        self.track.tell("soft_reset")
        if self._life is not None:
            self._life.end()
        self._end_program(keep_line=True)
        self.radio.close_links()
        self.phase, self.progress = "idle", 0.0
        self.storage.staging_prefix = ""
        self.state = "starting"
        self._life = Life(self)
        self._life.spawn(start_again(self))

    def _power_back(self) -> None:
        if self.state == "off":
            self.power_on()

    def _begin_after_reset(self, ended: Life | None) -> None:
        if self.state == "resetting" and self._life is ended:
            self._begin()

    def _begin(self) -> None:
        between, self.between_lives = self.between_lives, None
        if between is not None:
            between()
        self.storage.power_on()
        self.phase, self.progress = "idle", 0.0
        if self._sim is not None:
            self._sim.power_on()
        self.state = "bootloader"
        self._life = Life(self)
        self._life.spawn(boot(self))

    def _end(self) -> None:
        if self._life is not None:
            self._life.end()
        self._end_program(keep_line=False)
        self.radio.power_off()

    def _end_program(self, *, keep_line: bool) -> None:
        """Nothing of the program goes on, and nothing outside is told to it any more."""
        program, self._program = self._program, None
        if program is not None:
            program.kill()
        if self._board is not None:
            self._board.forget_program()
        if self._console is not None:
            self._console.forget_program(keep_line=keep_line)
        if self._sim is not None:
            self._sim.forget_program()
        self.radio.on_change = None
        self.storage.leave()

    def run_program(self) -> None:
        """It is booted: make its program and start it."""
        assert self.kind.program is not None, "a device has a program"
        self._program = self.kind.program(self)
        self._program.start()

    def discard(self) -> None:
        """The run is over: free what the libraries under the file systems hold."""
        if self.state != "off":
            self._end()
            self.state = "off"
