"""A cloud that is served at wall speed, until somebody ends it, and what it stands on.

One process has one data directory. Time starts at the machine's, or at the account's last change when that is later.
What was kept is loaded and replayed before anything listens, so that nobody meets a cloud of the past.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sim import __version__
from sim.boot.bootloader import Trust
from sim.cloud import sigv4
from sim.cloud.account import SCENARIO_RULES, Account
from sim.cloud.gate import Login
from sim.cloud.sigv4 import Credentials
from sim.cloud.store.database import Database
from sim.cloud.store.keeper import LATEST, Keeper
from sim.cloud.store.objects import Objects
from sim.device.module import Module
from sim.errors import SpecError
from sim.film.camera import Stand
from sim.jobs.rules import JobRules
from sim.kernel.clock import Clock
from sim.mqtt import rules as broker_rules
from sim.mqtt.rules import BrokerRules
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.scenario.fleet import Ground
from sim.scenario.places import Places
from sim.scenario.schema import Scenario
from sim.scenario.stage import Stage
from sim.serve.baton import Baton
from sim.serve.bench import Bench
from sim.serve.bench_server import BenchServer
from sim.serve.data_dir import DataDir, Running, write_private
from sim.serve.film_line import FilmLine
from sim.serve.options import UpOptions, reachable
from sim.serve.servers import Servers
from sim.serve.shelf import Shelf
from sim.serve.trace_file import TraceFile
from sim.serve.workshop import MADE, Workshop
from sim.trace import Trace
from sim.units import US_PER_S

BEAT_S = 0.1
"""Wall time: so old may the kept flash of a device be that says nothing to the cloud."""

AWS_RULES = JobRules(throttles="aws")
BENCH_SEED = 1
"""Root of the serial numbers of devices that people make, where no scenario gives one."""
BENCH_TOKEN_BYTES = 16
SCENARIO, BEGAN = "scenario", "began_s"
"""Facts: the scenario of this cloud, and the Unix time at which it began."""


class Site:
    """Open it, `run` it, `close` it."""

    def __init__(self, options: UpOptions) -> None:
        options.check()
        self._options = options
        self._data = DataDir(options.data)
        self._exit = ExitStack()
        self._serial: dict[str, str] = {}
        self._bench_token = secrets.token_hex(BENCH_TOKEN_BYTES)

    def open(self) -> Running:
        """Take the data directory, load what it holds, and listen. MachineError for what this machine will not give."""
        try:
            return self._open()
        except BaseException:
            self.close()
            raise

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._clock.loop.add_signal_handler(number, self._stop)
        self._clock.run()
        self._keeper.take_snapshot({LATEST: str(self._clock.epoch_s)})

    def close(self) -> None:
        """Free everything; what was acknowledged is kept, however this came about."""
        self._exit.close()

    def _open(self) -> Running:
        os.umask(0o077)
        self._data.make()
        self._data.lock()
        self._exit.callback(self._data.release)
        self._database = Database(self._data.database, synced=self._options.synced)
        self._exit.callback(self._database.close)
        scenario = self._scenario()
        rules = self._rules(scenario)
        self._clock = clock = self._new_clock()
        self._account = account = Account(clock, self._new_trace(), self._data.secret(), rules.jobs)
        objects = Objects(self._data.objects, synced=self._options.synced)
        self._keeper = Keeper(self._database, objects, account)
        self._keeper.load()
        account.gate.logins = self._logins()
        servers = Servers(clock, account, self._options, rules.broker)
        self._exit.callback(servers.close)
        facts: dict[str, str] = {}
        if scenario is None:
            servers.open()
            trust = Trust(DEVELOPMENT_PUBLIC_KEY)
            ground = Ground(clock, self._trace, servers, BENCH_SEED, trust, Places({}, BENCH_SEED))
            self._workshop = Workshop(ground, account, {})
        else:
            facts = self._set_up(scenario, servers)
        bench = self._open_bench(scenario)
        metrics_url = self._open_metrics(scenario)
        operator = operator_key(self._options.token)
        account.resume(rules.jobs, operator, servers.rest_url if self._local_urls(scenario) else "")
        self._keeper.begin(facts)
        write_private(self._data.ca_file, account.things.authority_pem)
        running = replace(self._running(servers, operator, scenario), bench_port=bench, metrics_url=metrics_url)
        self._data.announce(running)
        return running

    def _new_clock(self) -> Clock:
        start_s = max(int(time.time()), int(self._database.fact(LATEST) or 0))
        clock = Clock("paced", self._options.speed, start_s=start_s)
        self._exit.callback(clock.close)
        return clock

    def _scenario(self) -> Scenario | None:
        """The scenario of this cloud, whether it is named now or was before."""
        from sim.scenario.loader import find_scenario, load_scenario

        kept, named = self._database.fact(SCENARIO), self._options.scenario
        source = find_scenario(named) if named is not None else None if kept is None else Path(kept)
        if source is None:
            return None
        if kept is not None and source.resolve() != Path(kept).resolve():
            raise SpecError(f"{self._data.path} holds the cloud of {kept}; take another --data for {source}")
        scenario = load_scenario(source.resolve())
        if scenario.cloud.broker is not None or scenario.cloud.aws is not None:
            raise SpecError(f"{source}: its cloud is outside, so there is nothing to serve; use qpyota run")
        return scenario

    def _logins(self) -> dict[str, Login]:
        """Users of the file that was named; a scenario adds its own."""
        from sim.scenario.loader import load_users
        from sim.scenario.schema_users import logins

        return {} if self._options.users is None else logins(load_users(self._options.users))

    def _rules(self, scenario: Scenario | None) -> Limits:
        limits = self._options.limits
        if limits is None and scenario is not None:
            return Limits(scenario.cloud.rules.jobs, scenario.cloud.rules.broker)
        if limits == "relaxed":
            return Limits(SCENARIO_RULES, broker_rules.RELAXED)
        return Limits(AWS_RULES, broker_rules.AWS)

    def _local_urls(self, scenario: Scenario | None) -> bool:
        """Emulated devices resolve Amazon's names, others do not."""
        return scenario is None if self._options.urls is None else self._options.urls == "local"

    def _set_up(self, scenario: Scenario, servers: Servers) -> dict[str, str]:
        """The devices, their flash as it was kept, and what the scenario has still to do; the facts about it."""
        from sim.scenario.result import RunOptions
        from sim.scenario.world import World

        began_s, clock = self._database.fact(BEGAN), self._clock
        since_us = None if began_s is None else (clock.start_s - int(began_s)) * US_PER_S
        stage = Stage(clock, self._trace, self._account, servers, since_us, frozenset(self._database.devices()))
        world = World(scenario, RunOptions(transport="paced", speed=self._options.speed), stage)
        self._exit.callback(world.close)
        self._workshop = Workshop(world.ground, self._account, world.devices)
        world.start()
        self._serial = world.serial_addresses
        return {SCENARIO: str(scenario.source), BEGAN: began_s or str(clock.start_s)}

    def _open_bench(self, scenario: Scenario | None) -> int:
        """The devices that people made, the flash of all, and the workbench's port."""
        workshop = self._workshop
        self._exit.callback(workshop.close)
        workshop.bring_back(self._database)
        shelf = Shelf(self._database, workshop.devices)
        self._keeper.also = shelf.save
        workshop.start()

        def make(name: str, model: str, firmware: str) -> Module:
            module = workshop.add(name, model, firmware)
            shelf.put(name, module)
            server.film.renew()
            self._keeper.take_snapshot({MADE: workshop.made})
            self._clock.after(0, module.power_on)
            return module

        def drop(name: str) -> None:
            workshop.drop(name)
            shelf.drop(name)
            server.film.renew()
            self._keeper.take_snapshot({MADE: workshop.made})

        bench = Bench(workshop.devices, shelf.factory, make, drop)
        server = BenchServer(self._clock, bench, self._bench_token, self._save_devices)
        stand = Stand(self._clock, self._trace, workshop.places, self._account)
        self._baton = server.baton = Baton(self._clock, self._trace)
        server.film = FilmLine(stand, workshop.devices, scenario)
        server.baton.changed = server.film.flush
        self._exit.callback(lambda: self._clock.loop.run_until_complete(server.stop()))
        self._beat()
        return self._clock.loop.run_until_complete(server.start())

    def _open_metrics(self, scenario: Scenario | None) -> str:
        """Count what the fleet does from now on, and tell it at the URL that is returned; "" when nobody asked."""
        port = self._options.metrics_port
        if port is None:
            return ""
        from sim.fleet.run import device_tags
        from sim.serve.metrics import MetricsServer

        known = {} if scenario is None else device_tags(scenario, self._workshop.places)
        server = MetricsServer(self._clock, self._trace, self._workshop.devices, known)
        self._exit.callback(lambda: self._clock.loop.run_until_complete(server.stop()))
        return self._clock.loop.run_until_complete(server.start(self._options.listen, port))

    def _save_devices(self) -> None:
        self._keeper.also()

    def _new_trace(self) -> Trace:
        clock = self._clock
        file = TraceFile(self._data.trace, clock.start_s)
        self._exit.callback(file.close)
        self._trace = Trace(clock)
        self._trace.observe(file)
        return self._trace

    def _running(self, servers: Servers, operator: Credentials, scenario: Scenario | None) -> Running:
        return Running(
            pid=os.getpid(),
            version=__version__,
            scenario="" if scenario is None else scenario.name,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            host=reachable(self._options.listen),
            rest_url=servers.rest_url,
            tls_url=servers.tls_url,
            mqtt_port=servers.ports.mqtt,
            plain_mqtt_port=servers.ports.plain_mqtt,
            region=self._account.artifacts.region,
            access_key=operator.access_key,
            secret_key=operator.secret,
            ca_file=str(self._data.ca_file),
            serial=self._serial,
            bench_port=0,
            bench_token=self._bench_token,
        )

    def _beat(self) -> None:
        self._keeper.also()
        self._keeper.note_time(self._clock.epoch_s, round(time.time()))
        self._clock.after(round(BEAT_S * 1_000_000 * self._options.speed), self._beat)

    def _stop(self) -> None:
        self._baton.let_go()
        self._clock.stop_at(self._clock.now_us)


class Limits(NamedTuple):
    """The rules of the Jobs service and of the broker."""

    jobs: JobRules
    broker: BrokerRules


def operator_key(token: str) -> Credentials:
    """The operator's pair: the public one, or one whose secret only those know who know the token."""
    if not token:
        return sigv4.OPERATOR
    digest = hashlib.scrypt(token.encode(), salt=b"qpyota operator", n=1 << 14, r=8, p=1, dklen=30)
    return replace(sigv4.OPERATOR, secret=base64.b64encode(digest).decode())
