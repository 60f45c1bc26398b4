"""The built-in application: asks for its next job, does it, reports. Ten times cheaper than a script.

It is a story on the same radio, files and updates as a script, and knows neither transport nor scenario. Unlike the
vendor's sample it compares versions after every boot and reports a failed update as failed, once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from sim.device.module import Module
from sim.device.mqtt_link import MqttLink
from sim.jobs import topics
from sim.jobs.messages import Status
from sim.kernel.clock import Story, Timer
from sim.ports import Arrival, Closed, Connack, Hello, Message, Suback
from sim.units import US_PER_S
from sim.update.app_files import download_file, set_update_flag, update_pending
from sim.update.methods import install
from sim.update.report import RESTARTING, Order, Report, failed, judge_files, judge_firmware, read_order
from sim.update.site import UpdateFailed

ENDPOINT = "qpyota-ats.iot.us-west-2.amazonaws.com"
TLS_PORT = 8883
KEEPALIVE_S = 1200
"""AWS IoT Core's maximum, so that an idle fleet stays quiet."""

AT_REST = -1

ANSWER_TIMEOUT_US = 20_000_000
RETRY_US = 10_000_000
RESTART_DELAY_US = 2_000_000
"""Between the last report and the restart, so that the report leaves the device."""

REPORTS_KEPT = 256
"""Of a fleet's reports, most of which are the same few."""

PROGRESS_STEP_PERCENT = 25


class Agent:
    """A program for `Module`: one MQTT connection, one job at a time."""

    rest_period_us: ClassVar[int] = KEEPALIVE_S * US_PER_S
    rest_patience_us: ClassVar[int] = ANSWER_TIMEOUT_US
    __slots__ = ("_arrived", "_inbox", "_link", "_module", "_patience", "_until_us")

    def __init__(self, module: Module) -> None:
        self._module = module
        self._inbox: tuple[Arrival, ...] = ()  # an empty one costs nothing
        self._arrived: Any = None
        self._link: MqttLink | None = None
        self._until_us = 0  # AT_REST: it waits for nothing but a job
        self._patience: Timer | None = None  # one for all waits: it looks at `_until_us` when it rings

    def start(self) -> None:
        self._module.life.spawn(self._main())

    def kill(self) -> None:
        """Its stories end with the life; nothing else acts."""
        self._arrived = None
        if self._patience is not None:
            self._patience.cancel()

    # -- the story

    def _main(self) -> Story:
        """Connect and serve, until at rest."""
        while not ((yield from self._connect()) and (yield from self._serve(new=True))):
            yield RETRY_US

    def _go_on(self) -> Story:
        """The rest is over: serve what came, on this connection or on another one."""
        if self._link is None or not (yield from self._serve(new=False)):
            yield RETRY_US
            yield from self._main()

    def _serve(self, *, new: bool) -> Story:
        """Do jobs. True when there is nothing to do but to wait, False when the connection is gone."""
        if new:
            self._link_or_fail.subscribe(1, topics.notify_next(self._module.name), 0)
            yield from self._await(lambda arrival: isinstance(arrival, Suback))
        asked = topics.describe(self._module.name, topics.NEXT)
        while self._link is not None:
            self._publish(asked, b"{}")
            answer = yield from self._await(_answer_to(asked))
            if answer is None:
                self._drop()
                return False
            execution = json.loads(answer.payload.decode()).get("execution")
            if execution is not None:
                if not (yield from self._work(execution)):
                    return True
            elif not self._told_already() and self._link is not None:
                self._module.doze()
                self._until_us = AT_REST
                self._link.rest(self)
                return True
        return False

    def _told_already(self) -> bool:
        """Whether a message came with the answer: another job may be next."""
        told = any(isinstance(arrival, Message) for arrival in self._inbox)
        self._inbox = ()
        return told

    def _woken(self) -> None:
        self._until_us = 0
        if self._link is not None:
            self._link.wake()
        self._inbox = ()
        self._module.life.spawn(self._go_on())

    def unanswered(self) -> None:
        """A ping was not answered."""
        self._drop()
        self._woken()

    def _work(self, execution: Mapping[str, Any]) -> Story:
        """One job. False when the device is about to restart."""
        topic = topics.update(self._module.name, execution["jobId"])
        order, details = read_order(execution.get("jobDocument")), execution.get("statusDetails", {})
        if order is None:
            yield from self._report(topic, Report(Status.REJECTED, {"reason": "the job document is not understood"}))
            return True
        verdict = self._judge(order, details)
        if verdict is None:
            yield from self._report(topic, Report(Status.IN_PROGRESS, {"step": "downloading", "progress": "0"}))
            verdict = yield from self._do(topic, order)
        if verdict is not None:
            yield from self._report(topic, verdict)
            return True
        yield from self._report(topic, Report(Status.IN_PROGRESS, {"step": RESTARTING, "progress": "100"}))
        yield RESTART_DELAY_US
        self._module.life.after(0, self._module.reset, "update staged")
        return False

    def _judge(self, order: Order, details: Mapping[str, str]) -> Report | None:
        if order.operation == "FOTA":
            return judge_firmware(order, self._module.version, details)
        return judge_files(details, update_pending(self._module))

    def _do(self, topic: str, order: Order) -> Story:
        """Download and stage; the report of a failure, or None when a restart will apply it."""
        told = 0

        def progress(percent: int) -> None:
            nonlocal told
            if percent - told >= PROGRESS_STEP_PERCENT and percent < 100:
                told = percent
                self._send(topic, Report(Status.IN_PROGRESS, {"step": "downloading", "progress": str(percent)}))

        try:
            if order.operation == "FOTA":
                yield from install(self._module, [url for _, url in order.files], progress)
                return None
            self._module.mount_staging()
            for name, url in order.files:
                if (yield from download_file(self._module, url, name)) != 0:
                    return failed(0, f"the server refused {name}")
            yield from set_update_flag(self._module)
        except UpdateFailed as failure:
            return failed(failure.code, failure.reason)
        except (OSError, RuntimeError, IndexError, ValueError) as error:
            return failed(0, f"{type(error).__name__}: {error}")
        finally:
            self._module.enter_phase("idle")
        return None

    # -- MQTT

    def _connect(self) -> Story:
        """True when the broker let us in."""
        module = self._module
        self._inbox = ()
        if not (yield from module.radio.wait_attached()):
            return False
        papers = module.identity.papers
        hello = Hello(ENDPOINT, TLS_PORT, self._module.name, keepalive_s=KEEPALIVE_S, tls=True, papers=papers)
        self._link = module.radio.open_mqtt(hello, self)
        answer = yield from self._await(lambda arrival: isinstance(arrival, Connack))
        if answer is None or answer.code != 0:
            self._drop()
            return False
        return True

    @property
    def _link_or_fail(self) -> MqttLink:
        assert self._link is not None
        return self._link

    def _report(self, topic: str, report: Report) -> Story:
        """Update the execution, on this topic, and wait for the answer, whatever it is."""
        self._send(topic, report)
        return self._await(_answer_to(topic))

    def _send(self, topic: str, report: Report) -> None:
        self._publish(topic, _body(report.status, *report.details.items()))

    def _publish(self, topic: str, body: bytes) -> None:
        if self._link is not None:
            self._link.publish(topic, body)

    def __call__(self, arrival: Arrival) -> None:
        """What its connection hands over."""
        if type(arrival) is Closed:
            self._link = None
        if self._until_us == AT_REST:
            if isinstance(arrival, Closed | Message):
                self._woken()
            return
        self._inbox = (*self._inbox, arrival)
        if self._arrived is not None:
            waiting, self._arrived = self._arrived, None
            waiting.succeed()

    def _await(self, wanted: Callable[[Arrival], bool], timeout_us: int = ANSWER_TIMEOUT_US) -> Story:
        """The first arrival that is wanted, others dropped; None at the end of patience or of the connection."""
        clock = self._module.clock
        until_us = clock.now_us + timeout_us
        while True:
            while self._inbox:
                arrival, self._inbox = self._inbox[0], self._inbox[1:]
                if wanted(arrival):
                    return arrival
                if isinstance(arrival, Closed):
                    return None
            if clock.now_us >= until_us:
                return None
            self._arrived = event = clock.env.event()
            self._until_us = until_us
            if self._patience is None:
                self._patience = clock.after(until_us - clock.now_us, self._time_over)
            yield event

    def _time_over(self) -> None:
        self._patience = None
        waiting, clock = self._arrived, self._module.clock
        if waiting is None:
            return
        if clock.now_us < self._until_us:
            self._patience = clock.after(self._until_us - clock.now_us, self._time_over)
            return
        self._arrived = None
        waiting.succeed()

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None and link.alive:
            link.abort()


def _answer_to(topic: str) -> Callable[[Arrival], bool]:
    """Whether something is the answer to a request on this topic, good or not."""
    return lambda arrival: isinstance(arrival, Message) and arrival.topic.startswith(topic)


@lru_cache(maxsize=REPORTS_KEPT)
def _body(status: Status, *details: tuple[str, str]) -> bytes:
    """An UpdateJobExecution."""
    return json.dumps({"status": status.value, "statusDetails": dict(details)}).encode()
