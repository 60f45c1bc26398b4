"""The fleet's numbers for Prometheus, over HTTP, read by anybody and changed by nobody.

`/metrics` are the numbers, `/grafana.json` is a dashboard of them to import in Grafana.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from sim.cloud.listen import PortError
from sim.cloud.rest import RestServer
from sim.device.module import Module
from sim.fleet.run import tags_of
from sim.fleet.stats import Stats, Tags
from sim.kernel.clock import Clock
from sim.ports import HttpRequest, HttpResponse
from sim.report.prometheus import CONTENT_TYPE, FleetCollector
from sim.serve.options import reachable
from sim.trace import Trace

PATH, DASHBOARD_PATH = "/metrics", "/grafana.json"
DASHBOARD = Path(__file__).parents[1] / "report" / "grafana.json"


class MetricsServer:
    """Counts what a trace tells of `devices`, those that are added later too, and answers with it.

    `known`: tags of those that a scenario has.
    """

    def __init__(self, clock: Clock, trace: Trace, devices: Mapping[str, Module], known: Mapping[str, Tags]) -> None:
        stats = Stats(_tags_of(devices, known))
        stats.listen(trace)
        self._collector = FleetCollector(stats, devices, clock)
        self._server = RestServer(self._respond, lambda: clock.epoch_s)

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the URL. PortError when the port is taken."""
        try:
            port = await self._server.start(host, port)
        except PortError as error:
            raise PortError(error.problem, "--metrics-port") from None
        name = reachable(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}{PATH}"

    async def stop(self) -> None:
        """Close the listener."""
        await self._server.stop()

    def _respond(self, request: HttpRequest, _now_s: int) -> HttpResponse:
        path = urlsplit(request.url).path
        if path not in (PATH, DASHBOARD_PATH):
            return _answer(404, "text/plain", f"there is nothing but {PATH} and {DASHBOARD_PATH}\n".encode())
        if request.method != "GET":
            return _answer(405, "text/plain", b"it can only be read\n")
        if path == DASHBOARD_PATH:
            return _answer(200, "application/json", DASHBOARD.read_bytes())
        return _answer(200, CONTENT_TYPE, self._collector.text())


def _answer(status: int, kind: str, body: bytes) -> HttpResponse:
    return HttpResponse(status, {"Content-Type": kind, "Content-Length": str(len(body))}, body)


def _tags_of(devices: Mapping[str, Module], known: Mapping[str, Tags]) -> Callable[[str], Tags | None]:
    """Tags by device: the scenario's, and for a device that somebody made, once it is asked for, its own."""
    all_known = dict(known)

    def find(name: str) -> Tags | None:
        tags = all_known.get(name)
        if tags is None and name in devices:
            tags = all_known[name] = tags_of(devices[name])
        return tags

    return find
