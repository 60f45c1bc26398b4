"""Shards as tasks of a real Dask cluster, in processes, one of which is killed."""

import os
import signal

import pytest

from sim.cli.exits import Exit
from sim.cli.main import main
from sim.errors import MachineError
from sim.fleet.hub import ShardPlan
from sim.fleet.launchers.cluster import DaskCluster, reachable_from
from tests.fleet.conftest import FAULTS, disturbed, staged, watched

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")


@pytest.fixture(scope="module")
def cluster():
    made = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    )
    yield made
    made.close()


def test_a_worker_of_a_cluster_that_is_killed_is_replaced_with_the_same_result(cluster, tmp_path):
    scenario = staged(tmp_path, 5, FAULTS)
    whole = watched(scenario)
    killed = []

    def kill(hub, at_us):
        if at_us >= 150_000_000 and not killed:
            killed.append(hub.launcher.where(1))
            worker = next(one for one in cluster.workers.values() if one.worker_address == killed[0])
            os.kill(worker.process.pid, signal.SIGKILL)

    plan = ShardPlan(2, lambda: DaskCluster(cluster.scheduler_address, 2))
    seen = watched(scenario, disturbed(plan, kill))
    (note,) = seen.result.pop("notes")
    assert note.startswith("shard 1 of 2 was lost at 15")
    assert note.endswith("(its connection ended), and is run again")
    assert seen.result == {key: value for key, value in whole.result.items() if key != "notes"}
    assert seen.tracks == whole.tracks


def test_a_cluster_without_room_for_all_shards_says_so(cluster):
    with pytest.raises(MachineError, match="does 2 tasks at a time, and 3 shards run together: use fewer shards"):
        DaskCluster(cluster.scheduler_address, 3)


def test_a_cluster_is_named_on_the_command_line(cluster, capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "truncated_file", "--shards", "1", "--dask", cluster.scheduler_address, "--quiet"])
    assert end.value.code == Exit.PASSED
    assert "PASSED truncated_file" in capsys.readouterr().out


def test_what_is_no_scheduler_is_named(monkeypatch):
    from sim.fleet.launchers import cluster

    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(MachineError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        DaskCluster("tcp://127.0.0.1:9", 1)
    with pytest.raises(MachineError, match=r"'10\.0\.0\.1' is no address of a Dask scheduler"):
        reachable_from("10.0.0.1")
    assert reachable_from("tcp://127.0.0.1:9") == "127.0.0.1"


def test_without_dask_the_way_out_is_told(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit) as end:
        main(["run", "canceled_rollout", "--shards", "1", "--dask", "tcp://127.0.0.1:9"])
    assert end.value.code == Exit.ENVIRONMENT
    assert "pip install 'qpyota[dask]'" in capsys.readouterr().err
