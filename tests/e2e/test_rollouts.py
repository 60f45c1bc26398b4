"""Jobs over a fleet, on the clock: pace, abort, timers, schedules, an operator's hand; devices do the work."""

from __future__ import annotations

import pytest
from upgrade_bench import NEW, OLD

from sim.errors import SpecError
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.shipped import scenarios_dir

MINUTE_US = 60_000_000

FLEET = f"""\
version: 1
name: rollout
seed: 3
duration: 6h
fleet:
  - {{ group: meters, count: 6, model: EG915U, firmware: {OLD}, agent: modelled }}
  - {{ name: late, model: EG915U, firmware: {OLD}, agent: modelled }}
packages:
  delta: {{ from: {OLD}, to: {NEW} }}
cloud:
  rules: {{ limits: aws }}
  buckets:
    firmware: {{ a.pack: {{ package: delta }} }}
"""
DOCUMENT = f"""\
    presignedUrlConfig: {{}}
    document:
      - operation: FOTA
        files:
          - fileName: a.pack
            fileVersion: {NEW}
            fileSource: {{ url: "${{aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/a.pack}}" }}
"""


class Run:
    """A finished run, its records, and questions to them."""

    def __init__(self, source, transport="memory"):
        self.records = []
        options = RunOptions(transport=transport, tls=False)
        self.result = run_scenario(load_scenario(source), options, [self.records.append])

    def job(self, job_id, kind="job"):
        """When and what, of one job."""
        return [(it.at_us, it.data) for it in self.records if it.track == f"job/{job_id}@cloud" and it.kind == kind]

    def executions(self, job_id, status):
        """When and whose executions of a job got this status."""
        changes = [it for it in self.records if it.kind == "execution" and it.data["job"] == job_id]
        return [(it.at_us, it.track.removesuffix("@cloud")) for it in changes if it.data["new"] == status]

    def handed_out(self, job_id):
        """Executions created in each minute from the creation of the job on."""
        (began_us, _), *_ = self.job(job_id)
        minutes = [(at_us - began_us) // MINUTE_US for at_us, _ in self.executions(job_id, "QUEUED")]
        return [minutes.count(minute) for minute in range(max(minutes) + 1)]


@pytest.fixture
def run(tmp_path):
    """`run(job="…", faults="…", expect=[…])`: a fleet of seven with one job `j`."""

    def make(job="", faults="[]", expect=(), targets="[meters]", transport="memory"):
        source = tmp_path / "rollout.yaml"
        lines = "".join(f"    {line}\n" for line in job.strip().splitlines())
        expects = "".join(f"  - {line}\n" for line in expect)
        text = f"{FLEET}jobs:\n  - jobId: j\n    targets: {targets}\n{lines}{DOCUMENT}faults: {faults}\n"
        source.write_text(text + (f"expect:\n{expects}" if expect else ""))
        done = Run(source, transport)
        assert done.result.passed, (done.result.expects, done.result.problems)
        return done

    return make


def test_a_constant_rollout_hands_out_its_rate_each_minute(run):
    done = run("jobExecutionsRolloutConfig: { maximumPerMinute: 2 }", expect=["job['j'].succeeded == 6"])
    assert done.handed_out("j") == [2, 2, 2]
    assert [data for _, data in done.job("j", "job.rollout")] == [
        {"per_minute": 2, "notified": 0, "waiting": 6},
        {"per_minute": 2, "notified": 2, "waiting": 4},
        {"per_minute": 2, "notified": 4, "waiting": 2},
    ]


def test_growth_by_successes_waits_until_devices_have_restarted(run):
    rate = "exponentialRate: { baseRatePerMinute: 1, incrementFactor: 3, "
    rate += "rateIncreaseCriteria: { numberOfSucceededThings: 1 } }"
    done = run(f"jobExecutionsRolloutConfig: {{ {rate} }}", expect=["job['j'].succeeded == 6"])
    first_us = done.executions("j", "SUCCEEDED")[0][0]
    assert 2 * MINUTE_US < first_us < 3 * MINUTE_US
    assert done.handed_out("j") == [1, 1, 1, 3]


def test_a_device_that_falls_silent_times_out_and_is_tried_again(run):
    done = run(
        """
        timeoutConfig: { inProgressTimeoutInMinutes: 5 }
        jobExecutionsRetryConfig: { criteriaList: [{ failureType: TIMED_OUT, numberOfRetries: 1 }] }
        """.replace("        ", ""),
        targets="[late]",
        faults="[{power_cut: {device: late, when: {phase: download, progress: 30%}, off_for: 20m}}]",
        expect=["job['j'].succeeded == 1", "job['j'].job_status == 'COMPLETED'"],
    )
    ((started_us, _),) = done.executions("j", "IN_PROGRESS")[:1]
    ((timed_out_us, _),) = done.executions("j", "TIMED_OUT")
    assert timed_out_us // 1_000_000 == started_us // 1_000_000 + 5 * 60
    assert [at_us for at_us, _ in done.executions("j", "QUEUED")] == [0, timed_out_us]


def test_a_retry_after_a_bad_download_succeeds(run):
    done = run(
        "jobExecutionsRetryConfig: { criteriaList: [{ failureType: ALL, numberOfRetries: 1 }] }",
        faults="[{http_status: {bucket: firmware, key: a.pack, status: 503, times: 2}}]",
        expect=["job['j'].succeeded == 6"],
    )
    assert len(done.executions("j", "FAILED")) == 2


def test_an_abort_leaves_alone_who_had_no_turn(run):
    done = run(
        """
        jobExecutionsRolloutConfig: { maximumPerMinute: 3 }
        abortConfig:
          criteriaList:
            - { failureType: FAILED, action: CANCEL, thresholdPercentage: 50, minNumberOfExecutedThings: 3 }
        """.replace("        ", ""),
        faults="[{http_status: {bucket: firmware, key: a.pack, status: 404}}]",
        expect=["job['j'].job_status == 'CANCELED'", "job['j'].failed == 3", "len(job['j'].execution) == 3"],
    )
    assert done.handed_out("j") == [3]
    assert done.job("j")[-1][0] == done.executions("j", "FAILED")[2][0]


def test_a_scheduled_job_waits_for_its_start(run):
    done = run("at: 90s\nschedulingConfig: { startTime: +30m }", expect=["job['j'].succeeded == 6"])
    assert [(at_us // MINUTE_US, data["new"]) for at_us, data in done.job("j")[:2]] == [
        (1, "SCHEDULED"),
        (32, "IN_PROGRESS"),  # 31.5 minutes, and AWS's times are whole minutes
    ]
    assert done.executions("j", "QUEUED")[0][0] == 32 * MINUTE_US


def test_a_job_works_in_its_maintenance_windows_only(run):
    windows = '[{ startTime: "cron(0 2 * * ? *)", durationInMinutes: 30 }]'
    done = run(
        f"targetSelection: CONTINUOUS\nschedulingConfig: {{ maintenanceWindows: {windows} }}",
        expect=["job['j'].succeeded == 6"],
    )
    assert {at_us // (60 * MINUTE_US) for at_us, _ in done.executions("j", "QUEUED")} == {2}


@pytest.mark.parametrize(
    ("force", "status"), [("false", "SUCCEEDED"), ("true", "CANCELED")], ids=["gently", "by force"]
)
def test_cancelling_at_a_time(run, force, status):
    done = run(
        f"jobExecutionsRolloutConfig: {{ maximumPerMinute: 1 }}\nsteps: [{{ at: 30s, cancel: {{ force: {force} }} }}]",
        expect=["job['j'].job_status == 'CANCELED'", "len(job['j'].execution) == 1", f"job['j'].status == '{status}'"],
    )
    assert done.job("j")[-1][0] == 30_000_000


def test_deleting_a_finished_job(run):
    run(
        "steps: [{ at: 1h, delete: {} }]",
        expect=["job['j'].job_status == 'DELETED'", "len(job['j'].execution) == 0", "device.bricked == 0"],
    )


def test_associating_further_targets(run):
    done = run(
        "targetSelection: CONTINUOUS\nsteps: [{ at: 20m, associate: { targets: [late] } }]",
        expect=["job['j'].succeeded == 7", "job['j'].job_status == 'IN_PROGRESS'"],
    )
    assert [at_us for at_us, thing in done.executions("j", "QUEUED") if thing == "late"] == [20 * MINUTE_US]


@pytest.mark.parametrize("transport", ["memory", "virtual"])
@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("jobExecutionsRolloutConfig: { maximumPerMinute: 1001 }", "job j: .*Value '1001' at 'maximumPerMinute'"),
        ("schedulingConfig: { startTime: +10m }", "job j: .*schedulingConfig.startTime"),
        ("steps: [{ at: 5s, delete: {} }]", "job j: Job j is IN_PROGRESS; only a finished job"),
        ("steps: [{ at: 5s, associate: { targets: [late] } }]", "job j: Job j is not a CONTINUOUS job"),
    ],
)
def test_what_aws_refuses_in_mid_run_ends_it_and_says_why(run, transport, job, message):
    with pytest.raises(SpecError, match=message):
        run(job, transport=transport)


# As shipped


def test_the_shipped_rollout_stops_itself_in_its_second_minute():
    done = Run(scenarios_dir() / "staged_rollout.yaml")
    assert done.result.passed, done.result.expects
    assert [data["per_minute"] for _, data in done.job("first-try", "job.rollout")] == [5, 10]
    assert done.handed_out("first-try")[0] == 5
    assert done.job("first-try")[-1][0] == done.executions("first-try", "FAILED")[11][0]
    assert done.handed_out("second-try") == [40]


@pytest.mark.parametrize("name", ["staged_rollout", "flaky_server"])
def test_shipped_scenarios_are_the_same_over_sockets(name):
    memory, wire = (Run(scenarios_dir() / f"{name}.yaml", transport) for transport in ("memory", "virtual"))
    assert memory.result.passed, memory.result
    assert wire.result.trace_hash == memory.result.trace_hash
