"""An asyncio loop whose time is SimPy's, so that brokers, servers and TLS run in virtual time as they are.

Time may pass in one place only: the selector, when asyncio has nothing ready. There, in this order: handle I/O
that is there (time stands still); wait for executor jobs and holds; wait while bytes are in flight between two
sockets of this process; hand buffered arrivals to SimPy (`on_quiet`); then go to the next event or timer, by
jumping (virtual) or by waiting in the real selector (paced). Code that runs in a data_received handler may
buffer, and nothing else: that is what makes runs repeat.

Clients outside this process are for paced mode. What wakes the selector there comes from them; it finds the time that
the wall shows. They cannot keep the simulation from its turn, however much they send.

Private asyncio API used here, checked by tests on every supported Python: `_make_socket_transport`,
`_make_ssl_transport`, `_sock_connect`, `_ready`, `_scheduled`; and `Environment._now`, `_queue` of SimPy.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from asyncio import sslproto
from collections.abc import Callable
from typing import Any

import simpy

from sim.kernel.agenda import Hands
from sim.kernel.counted import CountedTransport
from sim.kernel.garbage import collect_in_idle
from sim.kernel.inflight import InFlight
from sim.kernel.pace import PaceLog

DRAIN_LIMIT_S = 2.0
"""Wall time that bytes may take between two sockets of this process before the run is called stuck."""

SPIN_S = 0.001
HOLD_POLL_S = 0.05
IDLE_POLL_S = 1.0
PACED_BATCH = 2000
"""Events handled in paced mode before outside traffic gets a look-in."""
OUTSIDE_TURN_S = 0.005
"""Wall time that outside traffic may take in paced mode before the simulation gets its turn."""
TURN_WAIT_S = 0.05
"""Wall time for which outside traffic then waits at most: somebody in the loop may be waiting for it."""
HANDSHAKE_S = 60.0
"""Wall time that a TLS handshake may take, asyncio's own figure: the machine's work, whatever the pace."""


class _Selector(selectors.DefaultSelector):
    loop: SimLoop

    def select(self, timeout: float | None = None) -> Any:
        return self.loop._select(super().select, timeout)


class SimLoop(asyncio.SelectorEventLoop):
    """`time()` is the simulation's time in seconds. `speed` None jumps; a number paces."""

    def __init__(self, env: simpy.Environment, hands: Hands, speed: float | None = None) -> None:
        self.env = env
        self._hands = hands
        self.in_flight = InFlight()
        self.on_quiet: list[Callable[[], None]] = []
        """Called in this order whenever nothing is in flight."""
        self.holds = 0
        self.stuck: list[str] = []
        self.jumps = 0
        self.pace = PaceLog(time.process_time)
        self._speed = speed
        self._executor_jobs = 0
        self._running_sim = False
        self._end: asyncio.Future[None] | None = None
        self._anchor_wall_s = time.monotonic()
        self._anchor_us = hands.now_us
        self._turn_wall_s = self._anchor_wall_s
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-6

    @property
    def now_us(self) -> int:
        """The simulation's time."""
        return self._hands.now_us

    def time(self) -> float:
        return self._hands.now_us / 1_000_000

    @property
    def speed(self) -> float | None:
        """Virtual seconds per wall second; None jumps. Setting it starts a new pace from now."""
        return self._speed

    @speed.setter
    def speed(self, value: float | None) -> None:
        if self._running_sim:
            self._count_pace()
        self._speed = value
        self._re_anchor()

    def run_simulation(self) -> None:
        """Let simulation time pass until `end_simulation`."""
        self._end = self.create_future()
        self._running_sim = True
        self._re_anchor()
        try:
            self.run_until_complete(self._end)
        finally:
            self._count_pace()
            self._running_sim = False

    def end_simulation(self) -> None:
        """Called from a simulation event: no later event of this run happens."""
        self._running_sim = False
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    def close(self) -> None:
        """Cancel what still runs, close every connection, and the loop."""
        if self.is_closed():
            return
        self.on_quiet.clear()
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        while ends := self.in_flight.ends():
            for end in ends:
                end.abort()
            self.run_until_complete(asyncio.sleep(0))
        self.run_until_complete(self.shutdown_default_executor())
        super().close()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        future = super().run_in_executor(executor, func, *args)
        self._executor_jobs += 1
        future.add_done_callback(self._executor_job_done)
        return future

    def _executor_job_done(self, _future: object) -> None:
        self._executor_jobs -= 1

    def _sock_connect(self, fut: Any, sock: Any, address: Any) -> None:
        super()._sock_connect(fut, sock, address)  # type: ignore[misc]
        key = frozenset((sock.getsockname()[:2], address[:2]))
        self.in_flight.dialled(key)

        def on_done(_: object) -> None:
            if fut.cancelled() or fut.exception() is not None:
                self.in_flight.dropped(key)

        fut.add_done_callback(on_done)

    def _make_socket_transport(
        self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None
    ) -> Any:
        return CountedTransport(self, self.in_flight, sock, protocol, waiter, extra, server)

    def _make_ssl_transport(
        self, rawsock: Any, protocol: Any, sslcontext: Any, waiter: Any = None, *, extra: Any = None,
        server: Any = None, **options: Any,
    ) -> Any:  # fmt: skip
        options["ssl_handshake_timeout"] = (options.get("ssl_handshake_timeout") or HANDSHAKE_S) * (self._speed or 1.0)
        accepted = ("server_side", "server_hostname", "ssl_handshake_timeout", "ssl_shutdown_timeout")
        ssl_protocol = sslproto.SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,
            **{name: options[name] for name in accepted if name in options},
        )
        CountedTransport(self, self.in_flight, rawsock, ssl_protocol, extra=extra, server=server)
        return ssl_protocol._app_transport

    # -- the clock

    def _select(self, select: Callable[[float | None], Any], timeout: float | None) -> Any:
        events = [] if self._owes_turn() else select(0)
        if events or timeout == 0:
            return events
        if self._executor_jobs or self.holds:
            return select(HOLD_POLL_S)
        events = self._drain(select)
        if events:
            return events
        self._turn_wall_s = time.monotonic()
        for hand_over in self.on_quiet:
            hand_over()
        now_us = self._hands.now_us
        timer_us = None if timeout is None else now_us + max(1, round(timeout * 1_000_000))
        queue = self.env._queue
        event_us = int(queue[0][0]) if queue and self._running_sim else None
        until_us = min((t for t in (event_us, timer_us) if t is not None), default=None)
        if self._speed is not None and self._running_sim:
            events = self._wait(select, until_us)
            if events is not None:
                return events
        elif until_us is None:
            return select(IDLE_POLL_S)
        self.jumps += 1
        if timer_us is not None and (event_us is None or timer_us < event_us):
            self._show(timer_us)
        else:
            self._step(timer_us)
        return []

    def _drain(self, select: Callable[[float | None], Any]) -> Any:
        """Wait for the kernel while bytes are between two of our sockets; I/O events when they show up."""
        limit_s = time.monotonic() + DRAIN_LIMIT_S
        while self.in_flight.busy(time.monotonic()):
            events = select(SPIN_S)
            if events:
                return events
            if time.monotonic() > limit_s:
                self.stuck.extend(self.in_flight.give_up())
                break
        return []

    def _owes_turn(self) -> bool:
        """Paced: whether outside traffic has had its time and waits now, until the simulation has had its turn."""
        if self._speed is None or not self._running_sim:
            return False
        now_s = time.monotonic()
        waits = (now_s - self._turn_wall_s) % (OUTSIDE_TURN_S + TURN_WAIT_S) > OUTSIDE_TURN_S
        return waits and not self.in_flight.dialling and not self.in_flight.busy(now_s)

    def _wait(self, select: Callable[[float | None], Any], until_us: int | None) -> Any:
        """Paced: None when `until_us` is due, else what the selector saw before that, which finds the wall's time."""
        assert self._speed is not None
        left_s = IDLE_POLL_S
        if until_us is not None:
            due_s = self.wall_of(until_us)
            collect_in_idle(due_s - time.monotonic())
            left_s = due_s - time.monotonic()
        if left_s > 0:
            self.pace.waits(time.monotonic())
        events = select(left_s) if left_s > 0 else []
        now_s = time.monotonic()
        if until_us is not None and not events and now_s >= due_s - 1e-4:
            self.pace.woke(now_s - due_s, now_s)
            return None
        paced_us = self._anchor_us + int((now_s - self._anchor_wall_s) * 1e6 * self._speed)
        self._show(max(self._hands.now_us, paced_us if until_us is None else min(paced_us, until_us)))
        self._turn_wall_s = now_s
        return events

    def _show(self, at_us: int) -> None:
        """Time has come so far, and nothing is due."""
        self.env._now = self._hands.now_us = at_us

    def _step(self, timer_us: int | None) -> None:
        """Handle events until something touched a socket or asyncio, and its instant is over."""
        env, ledger, ready, scheduled = self.env, self.in_flight, self._ready, self._scheduled  # type: ignore[attr-defined]
        touched, queue, handled, hands = ledger.touched, env._queue, 0, self._hands
        while queue and self._running_sim:
            due_us = int(queue[0][0])
            if due_us != hands.now_us:
                if timer_us is not None and due_us > timer_us:
                    return
                if handled and (self._speed is not None or ready or ledger.touched != touched):
                    return
                if scheduled and due_us / 1e6 > scheduled[0]._when:
                    return
            hands.now_us = due_us  # before the event, in which it is read; SimPy sets its own
            env.step()
            handled += 1
            if handled >= PACED_BATCH and self._speed is not None:
                return

    def wall_of(self, at_us: int) -> float:
        """Paced: when the wall should show this instant, in the seconds of `time.monotonic`."""
        assert self._speed is not None
        return self._anchor_wall_s + (at_us - self._anchor_us) / 1e6 / self._speed

    def _count_pace(self) -> None:
        if self._speed is not None:
            simulated_s = (self._hands.now_us - self._anchor_us) / 1e6
            self.pace.passed(simulated_s, self._speed, self._anchor_wall_s, time.monotonic())

    def _re_anchor(self) -> None:
        self._anchor_wall_s = time.monotonic()
        self._anchor_us = self._hands.now_us
