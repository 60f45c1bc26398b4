"""The known traps, an hour each: the verdict says in one sentence what happened and why, or says nothing."""

import re

import pytest
import yaml

from sim.scenario.explain.evidence import Evidence, Watch
from sim.scenario.explain.reasons import explain
from sim.scenario.explain.wanted import stated_version, wanted_versions
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario, watch_of
from sim.scenario.world import World
from sim.shipped import scenarios_dir
from sim.trace import Record

DEVICE = "QuecPython_OTA"
HOUR_S = 3600.0
TRAPS = {  # MANY: a two or three digit number, A WHILE: some seconds
    "trap_wrong_file": (
        f"{DEVICE} restarted MANY times: job jobappota says /usr/a.py is 2.0, but the file itself says 1.9, so the "
        "application asks for the same update after every start"
    ),
    "trap_wrong_package": (
        f"{DEVICE} installed firmware MANY times: job jobfota says EC600NCNLCR01A21M16_OCPU_QPY, but its package "
        "installs EC600NCNLCR01A22M16_OCPU_QPY, so the application asks for the same upgrade after every start"
    ),
    "trap_broken_file": (
        f"{DEVICE} has been silent since A WHILE: its application stopped at /usr/ota.py:16 with SyntaxError (invalid "
        "syntax (a.py, line 1)) at the first start with the /usr/a.py of job jobappota, and nothing restarts it"
    ),
    "trap_missing_file": (
        f"{DEVICE} has been silent since A WHILE: its application stopped at /usr/main.py:3, because there is no "
        "/usr/a.py on it, and nothing restarts it"
    ),
    "trap_reconnect_storm": (
        f"{DEVICE} reconnected MANY times: its callback fails on messages such as $aws/things/{DEVICE}/jobs/jobfota/"
        "get/rejected, which the MQTT client of 2021 takes for a network error"
    ),
}


def run(path):
    return run_scenario(load_scenario(path), RunOptions(transport="memory"))


@pytest.fixture
def changed(tmp_path):
    """A shipped scenario with some of its top-level keys replaced, and files beside it."""

    def make(name, files=None, **keys):
        document = yaml.safe_load(find_scenario(name).read_text()) | keys
        for entry in scenarios_dir().iterdir():
            if entry.is_dir():
                (tmp_path / entry.name).symlink_to(entry)
        for path, text in (files or {}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        (tmp_path / "changed.yaml").write_text(yaml.safe_dump(document))
        return run(tmp_path / "changed.yaml")

    return make


def delivering(text):
    return {"buckets": {"qpyota": {"a.py": {"text": text}}}}


@pytest.mark.parametrize("name", TRAPS)
def test_the_trap_is_told_in_one_sentence(name):
    result = run(find_scenario(name))
    assert result.passed, (result.expects, result.problems)
    (sentence,) = result.explanations
    pattern = re.escape(TRAPS[name]).replace("MANY", r"\d{2,3}").replace(r"A\ WHILE", r"\d+(\.\d+)?s")
    assert re.fullmatch(pattern, sentence), sentence
    assert result.virtual_s == HOUR_S


def test_there_is_a_test_for_every_trap_that_ships():
    assert {path.stem for path in scenarios_dir().glob("trap_*.yaml")} == set(TRAPS)


def test_a_run_that_ends_well_has_nothing_to_explain():
    assert run(find_scenario("first_upgrade")).explanations == []


def test_a_file_that_says_no_version_is_told_so(changed):
    result = changed(
        "trap_wrong_file", cloud=delivering("def getversion():\n    return None\n"), duration="5m", expect=[]
    )
    (sentence,) = result.explanations
    assert "but the file itself does not say so" in sentence


def test_a_file_whose_version_fits_is_no_reason(changed):
    """The application compares something else: why it goes on asking is not known, so nothing is said."""
    text = "VERSION = '2.0'\ndef getversion():\n    return VERSION[::1] + ' '\n"
    result = changed("trap_wrong_file", cloud=delivering(text), duration="5m", expect=[])
    assert result.costs == []
    assert result.explanations == []


def test_an_application_that_gives_up_is_no_trap(changed):
    fleet = [{"name": DEVICE, "model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY", "script": "apps/aws_ota"}]
    result = changed("trap_wrong_file", fleet=fleet, expect=["job['jobappota'].status == 'FAILED'"])
    assert result.passed
    assert result.explanations == []


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("import sys\nsys.exit()\n", "its application called sys.exit(), and nothing restarts it"),
        ("1 / 0\n", "its application stopped at /usr/main.py:1 with ZeroDivisionError (divide by zero)"),
        ("import usr.gone.deep\n", "because there is no /usr/gone.py on it"),
    ],
)
def test_a_silent_device(changed, main, said):
    fleet = [{"name": "dut", "model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY", "script": "./silent"}]
    result = changed("one_device", {"silent/main.py": main}, fleet=fleet, jobs=[], duration="1m", expect=[])
    (sentence,) = result.explanations
    assert sentence.startswith("dut has been silent since ")
    assert said in sentence


def test_a_device_without_main_py(changed):
    fleet = [{"name": "dut", "model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY", "script": "./silent"}]
    result = changed("one_device", {"silent/other.py": ""}, fleet=fleet, jobs=[], duration="1m", expect=[])
    assert result.explanations == ["dut runs nothing: there is no /usr/main.py on it"]


def test_a_main_thread_that_ends_while_another_goes_on_is_no_silence(changed):
    main = (
        "import _thread, utime\n"
        "def work():\n    while True:\n        utime.sleep(1)\n"
        "_thread.start_new_thread(work, ())\n1 / 0\n"
    )
    fleet = [{"name": "dut", "model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY", "script": "./busy"}]
    result = changed("one_device", {"busy/main.py": main}, fleet=fleet, jobs=[], duration="1m", expect=[])
    assert result.explanations == []


def test_a_package_that_does_not_fit_is_asked_for_again_and_again(changed):
    document = yaml.safe_load(find_scenario("first_upgrade").read_text())
    document["packages"]["V0002-V0003"]["from"] = "EG915UEUABR03A19M08_OCPU_QPY"
    document["fleet"][0]["script"] = "apps/naive_ota"
    keys = {key: document[key] for key in ("packages", "fleet")}
    jobs = document["jobs"][:1]
    result = changed("first_upgrade", **keys, jobs=jobs, duration="10m", expect=["executions['IN_PROGRESS'] == 1"])
    assert result.passed
    (sentence,) = result.explanations
    assert "with code 507" in sentence
    assert sentence.endswith("reports no failure, so job jobfota stays IN_PROGRESS")


def test_a_message_that_comes_again_is_told_so():
    watch = Watch(["dut"])
    for number in range(20):
        data = {"topic": "a/b", "payload": "{}", "qos": 1}
        watch.note(Record(number, "dut", number, "mqtt.in", data))
        log = {"level": "WARNING", "name": "umqtt", "text": "wait msg, Network exception. Trying to reconnect"}
        watch.note(Record(number, "dut", number, "log", log))
    sentence = explain(watch.evidence["dut"], lambda path: None, runs=True)
    assert sentence is not None
    assert sentence.endswith("network error before the message is acknowledged, so that the broker sends it again")


@pytest.mark.parametrize(("scenario", "watched"), [("first_upgrade", [DEVICE]), ("mixed_families", [])])
def test_only_scripts_are_watched_for_the_traps_of_scripts(scenario, watched):
    world = World(load_scenario(find_scenario(scenario)), RunOptions(transport="memory"))
    try:
        assert list(watch_of(world).evidence) == watched
    finally:
        world.close()


def test_few_reconnects_are_no_storm():
    known = Evidence("dut")
    known.storms["a/b", 0] = 19
    assert explain(known, lambda path: None, runs=True) is None


@pytest.mark.parametrize(
    ("source", "version"),
    [
        (b"def getversion():\n    return '1.9'\n", "1.9"),
        (b"APP_VERSION = '3'\n", "3"),
        (b"class A:\n    def version(self):\n        return '2'\n", "2"),
        (b"VERSION = '1'\ndef getversion():\n    return '2'\n", None),
        (b"VERSION = 1\n", None),
        (b"def getversion()\n", None),
        (b"\0", None),
        (b"name = '1.9'\n", None),
    ],
)
def test_the_version_that_a_file_states(source, version):
    assert stated_version(source) == version


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ('{"execution":{"jobDocument":[{"files":[{"fileName":"a","fileVersion":"1"}]}]}}', [("a", "1")]),
        ('{"execution":{"jobDocument":{"fileName":"a","fileVersion":2}}}', []),
        ('{"execution":{"jobDocument":"text"}}', []),
        ('{"execution":{}}', []),
        ("[1]", []),
        ("{", []),
    ],
)
def test_what_a_document_wants(message, wanted):
    assert list(wanted_versions(message)) == wanted
