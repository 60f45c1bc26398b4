"""What makes a run worth nothing, and what its result says."""

from upgrade_bench import DEVICE

from sim.scenario.result import RunOptions
from sim.scenario.runner import _problems, run_scenario


def test_a_connection_that_does_not_drain_fails_the_run_and_is_named(bench):
    made = bench(transport="virtual")
    ledger = made.world.clock.loop.in_flight

    def leak():
        ledger.sent(ledger.ends()[0], 11)

    made.world.clock.after(12_000_000, leak)
    made.run_until_finished()
    assert list(_problems(made.world)) == [f"a connection did not drain: {made.world.clock.loop.stuck[0]}"]
    stuck = made.world.clock.loop.stuck
    assert len(stuck) == 1
    assert DEVICE in stuck[0]
    assert "11 bytes never arrived" in stuck[0]


def test_a_fault_that_never_happens_makes_the_run_incomplete(bench):
    scenario = bench(faults=f"[{{power_cut: {{device: {DEVICE}, when: {{op: flash.erase, nth: 999999}}}}}}]").scenario
    result = run_scenario(scenario, RunOptions(transport="memory"))
    assert not result.passed
    assert result.problems == [f"a fault never happened: power_cut of {DEVICE} when {{op: flash.erase, nth: 999999}}"]


def test_the_result_has_every_key_that_is_promised(bench):
    scenario = bench().scenario
    result = run_scenario(scenario, RunOptions(transport="memory")).to_json()
    assert result["executions"] == {"SUCCEEDED": 2}
    assert list(result) == [
        "scenario", "passed", "seed", "transport", "devices", "executions", "expects", "virtual_s", "wall_s",
        "trace_hash", "replay", "problems", "costs", "notes", "explanations", "pace", "thresholds", "failures",
        "shard_lost",
    ]  # fmt: skip


def test_a_script_folder_that_does_not_fit_is_the_users_error(bench):
    import pytest

    from sim.errors import SpecError

    with pytest.raises(SpecError, match=r"QuecPython_OTA: /usr holds 384 KiB, less than its files need"):
        bench(files={"big.bin": bytes(500_000)})
