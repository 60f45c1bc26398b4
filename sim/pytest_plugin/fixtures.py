"""The fixtures. All of one test stand on one rig, which ends with the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from sim.pytest_plugin import marks
from sim.pytest_plugin.places import COUNT, CUT, RIG, replay, seed_of

if TYPE_CHECKING:
    from pathlib import Path

    from sim.rig.clock import VirtualClock
    from sim.rig.cloud import Cloud
    from sim.rig.device import Device
    from sim.rig.faults import Faults
    from sim.rig.fleet import Fleet
    from sim.rig.packages import Packages
    from sim.rig.rig import Rig
    from sim.rig.run import ScenarioRun
    from sim.scenario.result import Transport


class MakeDevice(Protocol):
    """Makes a device: `name`, and keys of a scenario's fleet entry over those of the `qpy` marks."""

    def __call__(self, name: str = "", **keys: Any) -> Device: ...


class RunScenario(Protocol):
    """Runs a scenario: a file beside the test, or the name of a shipped one; `set` is way → value."""

    def __call__(
        self,
        file: str | Path,
        seed: int | None = None,
        set: dict[str, Any] | None = None,  # noqa: A002 - the word of the command line
        transport: Transport = "memory",
    ) -> ScenarioRun: ...


@pytest.fixture
def _qpy_model(request: pytest.FixtureRequest) -> str:
    """The model that `qpy_models` gives this test; empty when there is no such mark."""
    return str(getattr(request, "param", ""))


@pytest.fixture
def _qpy_rig(request: pytest.FixtureRequest, _qpy_model: str) -> Iterator[Rig]:
    """The rig of this test."""
    from sim.rig import Rig

    item = request.node
    with Rig(seed_of(item), item.path.parent, replay(item)) as rig:
        item.stash[RIG] = rig
        yield rig
        del item.stash[RIG]


@pytest.fixture
def qpy_cloud(_qpy_rig: Rig) -> Cloud:
    """The cloud: create_job, job, upload, boto3, env."""
    return _qpy_rig.cloud


@pytest.fixture
def make_qpy_device(request: pytest.FixtureRequest, _qpy_rig: Rig, _qpy_model: str) -> MakeDevice:
    """Makes devices, each like the test's marks say and the call says."""
    usual = marks.device_keys(request.node) | ({"model": _qpy_model} if _qpy_model else {})
    usual.pop("seed", None)

    def make(name: str = "", **keys: Any) -> Device:
        given = {**usual, **({"name": name} if name else {}), **keys}
        return _qpy_rig.device(**given)

    return make


@pytest.fixture
def qpy_device(request: pytest.FixtureRequest, _qpy_rig: Rig, make_qpy_device: MakeDevice) -> Device:
    """A device as the marks `qpy` and `qpy_models` say; it gets its power at the first instant."""
    device = make_qpy_device()
    stash = request.node.stash
    if COUNT in stash:
        from sim.rig.cuts import count

        count(_qpy_rig, device, stash[COUNT])
    if CUT in stash:
        from sim.rig.cuts import arm

        arm(device, stash[CUT])
    return device


@pytest.fixture
def qpy_fleet(_qpy_rig: Rig) -> Fleet:
    """Many devices: add(200, model=..., network=...)."""
    return _qpy_rig.fleet


@pytest.fixture
def qpy_clock(_qpy_rig: Rig) -> VirtualClock:
    """The virtual clock: run_for, run_until, step, sleep, now_s."""
    return _qpy_rig.clock


@pytest.fixture
def qpy_faults(_qpy_rig: Rig) -> Faults:
    """Faults by the names of scenarios: corrupt_download(share=0.2)."""
    return _qpy_rig.faults


@pytest.fixture
def qpy_pkg(request: pytest.FixtureRequest, _qpy_rig: Rig, _qpy_model: str) -> Packages:
    """Makes packages: diff, full, minimal, app. They are for qpy_device, if the test has it."""
    device = request.getfixturevalue("qpy_device") if "qpy_device" in request.fixturenames else None
    return _qpy_rig.packages(device)


@pytest.fixture
def qpy_run(request: pytest.FixtureRequest) -> RunScenario:
    """Runs a scenario: qpy_run("rollout.yaml", set={"fleet.0.count": 20})."""
    item = request.node

    def run(
        file: str | Path,
        seed: int | None = None,
        set: dict[str, Any] | None = None,  # noqa: A002 - the word of the command line
        transport: Transport = "memory",
    ) -> ScenarioRun:
        from sim.rig.run import run_file

        beside = item.path.parent / file
        given = item.config.getoption("--qpy-seed")
        return run_file(beside if beside.exists() else file, seed if given is None else given, set, transport)

    return run
