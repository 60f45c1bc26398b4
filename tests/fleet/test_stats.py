"""What is counted of a stream of records, and what is kept of devices that rest."""

import tracemalloc

from sim.fleet.stats import WAITING_MAX, Stats, Tags
from sim.kernel.clock import Clock
from sim.scenario.thresholds import parse_selector
from sim.trace import Record, Trace

TAGS = Tags("EG915U", "cat1", "meters")
UPDATE = "$aws/things/d/jobs/j/update"


def stats_of(*records, names=("d",)):
    stats, trace = Stats(dict.fromkeys(names, TAGS).get), Trace(Clock())
    stats.listen(trace)
    tell(trace, *records)
    return stats


def tell(trace, *records):
    for at_us, kind, data in records:
        trace.take(at_us, "d@cloud" if kind == "execution" else "d", kind, data)


def execution(at_us, old, new, job="j"):
    return at_us, "execution", {"job": job, "old": old, "new": new, "version": 1, "details": {}}


def trend(stats, text):
    found = stats.trend(parse_selector(text))
    return found.count, found.total


def test_an_upgrade_and_its_phases_nest_in_time():
    stats = stats_of(
        execution(0, None, "QUEUED"),
        execution(10, "QUEUED", "IN_PROGRESS"),
        (12, "phase", {"phase": "download"}),
        (20, "phase", {"phase": "verify"}),
        (25, "reset", {"reason": "powerRestart"}),
        (30, "phase", {"phase": "apply"}),
        (60, "boot", {"version": "v", "boot": 2}),
        execution(70, "IN_PROGRESS", "SUCCEEDED"),
    )
    phases = {"download": 8, "verify": 5, "reboot": 5, "apply": 30, "confirm": 10}
    for phase, took in phases.items():
        assert trend(stats, f"ota_phase_duration{{phase:{phase}}}") == (1, took), phase
    assert trend(stats, "ota_duration{job:j,status:SUCCEEDED}") == (1, 60)
    assert trend(stats, "ota_duration{job:other}") == (0, 0)


def test_requests_count_from_the_wish_and_lost_answers_are_told():
    stats = stats_of(
        (100, "mqtt.out", {"topic": UPDATE}),
        (150, "mqtt.out", {"topic": UPDATE}),
        (180, "mqtt.in", {"topic": UPDATE + "/accepted"}),
        (190, "mqtt.closed", {"reason": "reset"}),
        (195, "mqtt.in", {"topic": UPDATE + "/accepted"}),
    )
    assert trend(stats, "mqtt_request_duration") == (1, 80)
    assert stats.counter(parse_selector("mqtt_requests_unanswered")) == 1
    assert stats.counter(parse_selector("mqtt_messages{direction:out}")) == 2


def test_a_device_that_is_never_answered_is_bounded_and_counted():
    asked = WAITING_MAX + 5
    stats = stats_of(*((at, "mqtt.out", {"topic": UPDATE}) for at in range(asked)))
    stats.finish()
    assert stats.counter(parse_selector("mqtt_requests_unanswered")) == asked


def test_refused_connections_have_no_duration():
    stats = stats_of(
        (0, "mqtt.connect", {}),
        (5, "mqtt.connack", {"code": 5}),
        (9, "mqtt.connect", {}),
        (19, "mqtt.connack", {"code": 0}),
    )
    assert trend(stats, "mqtt_connect_duration") == (1, 10)


def test_a_retry_takes_the_place_of_what_failed():
    stats, trace = Stats({"d": TAGS}.get), Trace(Clock())
    stats.listen(trace)
    tell(
        trace,
        execution(0, None, "QUEUED"),
        execution(1, "QUEUED", "IN_PROGRESS"),
        execution(2, "IN_PROGRESS", "TIMED_OUT"),
        execution(2, None, "QUEUED"),
    )
    succeeded = parse_selector("job_succeeded")
    assert stats.rate(succeeded, final=True) == (0, 1)
    assert stats.rate(succeeded, final=False) == (0, 0)
    assert stats.rate(parse_selector("job_terminal"), final=True) == (0, 1)
    tell(trace, execution(3, "QUEUED", "SUCCEEDED"))
    assert stats.rate(succeeded, final=True) == (1, 1)


def test_a_deleted_execution_is_not_counted():
    stats = stats_of(execution(0, None, "QUEUED"), execution(1, "QUEUED", None))
    assert stats.rate(parse_selector("job_terminal"), final=True) == (0, 0)


def test_devices_that_rest_cost_nothing():
    names = [f"m-{number:06}" for number in range(20_000)]
    tags, trace = dict.fromkeys(names, TAGS), Trace(Clock())

    def give(record):
        """Past the trace, which keeps something of every track."""
        for reader in trace.readers[record.kind]:
            reader(record)

    tracemalloc.start()
    try:
        stats = Stats(tags.get)
        stats.listen(trace)
        for name in names:
            give(Record(0, name, 0, "mqtt.connect", {}))
            give(Record(9, name, 1, "mqtt.connack", {"code": 0}))
            give(Record(9, name, 2, "mqtt.out", {"topic": UPDATE}))
            give(Record(9, name, 3, "mqtt.in", {"topic": UPDATE + "/accepted"}))
            for old, new in ((None, "QUEUED"), ("QUEUED", "IN_PROGRESS"), ("IN_PROGRESS", "SUCCEEDED")):
                data = {"job": "j", "old": old, "new": new, "version": 1, "details": {}}
                give(Record(9, name + "@cloud", 0, "execution", data))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / len(names) < 40, kept
    assert stats.rate(parse_selector("job_succeeded"), final=True) == (20_000, 20_000)
