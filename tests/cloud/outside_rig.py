"""Devices and the Jobs service on an outside broker, and their twins in memory."""

import time

from sim.cloud.account import Account
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import EVERYTHING
from sim.net.memory import MemoryNetwork
from sim.net.wire import WireNetwork
from sim.ports import Closed, Connack, Hello, Message, Pingresp
from sim.scenario.outside_wiring import join_broker
from sim.scenario.schema_outside import OutsideBroker
from sim.trace import Trace

SPEED = 20.0
WALL_LIMIT_S = 15.0
GET = "$aws/things/a/jobs/get"


class Device:
    """One connection and what arrived."""

    def __init__(self):
        self.arrivals = []
        self.channel = None

    @property
    def messages(self):
        return [(arrival.topic, arrival.qos) for arrival in self.arrivals if isinstance(arrival, Message)]

    def has(self, kind):
        return any(isinstance(arrival, kind) for arrival in self.arrivals)


class Desk:
    """A cloud and the network of its devices. Things: `a` and `b`, each with one job queued."""

    def __init__(self, clock):
        self.clock = clock
        self.account = Account(clock, Trace(clock), 1)
        self.problems = []
        for thing in "ab":
            self.account.register(thing)
        self.network = None

    def create_job(self, job_id="j"):
        arns = self.account.jobs.arns
        self.account.order("create", job_id, {"document": "{}", "targets": [arns.thing("a"), arns.thing("b")]})

    def connect(self, client_id, **options):
        device = Device()
        hello = Hello("x-ats.iot.us-west-2.amazonaws.com", 8883, client_id, **options)
        device.channel = self.network.mqtt(client_id, hello, device.arrivals.append)
        self.until(lambda: device.has(Connack) or device.has(Closed))
        return device

    def until(self, condition):
        limit_s = time.monotonic() + WALL_LIMIT_S
        while not condition():
            assert time.monotonic() < limit_s, "it never came about"
            self.clock.run(self.clock.now_us + 100_000)

    def settle(self):
        """Let what was sent come round: a ping of a newcomer goes behind it."""
        last = self.connect("last")
        last.channel.ping()
        self.until(lambda: last.has(Pingresp))
        self.clock.run(self.clock.now_us + 2_000_000)

    def close(self):
        self.clock.close()


class OutsideDesk(Desk):
    def __init__(self, url, **spec):
        outside = OutsideBroker(url=url, **{key: str(value) for key, value in spec.items()})
        super().__init__(Clock("paced", SPEED))
        self.wire = WireNetwork(self.clock, self.account.on_request, self.account.respond)
        joining = join_broker(self.clock, self.account, self.wire, outside, self.problems)
        try:
            self.network, self.service = self.clock.loop.run_until_complete(joining)
        except BaseException:
            self.close()
            raise
        self.account.face = self.service

    def close(self):
        if self.network is not None:
            self.clock.loop.run_until_complete(self.service.stop())
        self.clock.loop.run_until_complete(self.wire.close())
        super().close()


class MemoryDesk(Desk):
    def __init__(self):
        super().__init__(Clock("memory"))
        self.network = MemoryNetwork(
            self.clock,
            self.account.respond,
            lambda request: self.clock.handover(self.account.on_request, request),
            lambda _: EVERYTHING,
        )
        self.account.face = self.network
