"""`qpyota lint`: each rule finds what it names, at its place, and leaves alone what the device takes."""

import json
import textwrap

import pytest
from click.testing import CliRunner

from sim.cli.main import cli
from sim.scenario.loader import find_scenario
from sim.script.lint.check import check_application
from sim.script.lint.finding import RULES

CLEAN = "import utime\nutime.sleep(1)\n"


@pytest.fixture
def lint(tmp_path):
    def check(main=CLEAN, **files):
        for name, text in {"main.py": main, **files}.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return [(finding.line, finding.rule) for finding in check_application(tmp_path)]

    return check


FOUND = [
    ("QD101", "x = 1\nprint(f'{x}')", 2),
    ("QD102", "match 1:\n    case 1:\n        pass", 1),
    ("QD102", "def f(a, /):\n    pass", 1),
    ("QD102", "d = {}\ne = {**d}", 2),
    ("QD102", "l = []\nm = [*l, 1]", 2),
    ("QD102", "from . import a", 1),
    ("QD103", "import json", 1),
    ("QD103", "import numpy.random", 1),
    ("QD105", "print('7'.zfill(3))", 1),
    ("QD106", "b'x'.decode(encoding='utf-8')", 1),
    ("QD106", "print('x', flush=True)", 1),
    ("QD107", "print('abc'[::-1])", 1),
    ("QV201", "import fota\nfota.fota()", 2),
    ("QV201", "import fota\nfota().httpDownload('http://x')", 2),
    ("QV201", "from umqtt import MQTTClient\nMQTTClient(name(), 'h', keepalive=4)", 2),
    ("QV202", "import fota\nfota().httpDownload(url1='a', url2='b', callback=print)", 2),
    ("QA301", "def cb(topic, msg):\n    return msg['execution']['jobId']", 2),
    ("QA302", "m = {'status': 'IN_PROGRESS', 'statusDetails': {'progress': 25}}", 1),
    ("QA302", "m = {'statusDetails': {'step': len(x)}}", 1),
    ("QA303", "from umqtt import MQTTClient\nID = 'dev'\nMQTTClient(ID, 'h')", 3),
    ("QB402", "from misc import Power\nPower.powerRestart()", 2),
    ("QA303", "publish('$aws/things/pump/jobs/get', '{}')", 1),
    (
        "QB404",
        "import modem\ndef go():\n    f.httpDownload(url1=u)\nif modem.getDevFwVersion() != wanted:\n    go()",
        4,
    ),
]


@pytest.mark.parametrize(("rule", "text", "line"), FOUND)
def test_a_rule_finds_what_it_names(lint, rule, text, line):
    assert (line, rule) in lint(text)


CLEAR = [
    "print('{} %d'.format(1) % 2, [1, 2, 3][::2])",
    "import usys\nusys.path.append('/usr')\nimport helper",
    "import machine, pm, net, sim, usocket, request",
    "class Label:\n    def title(self):\n        return 1\nLabel().title()",
    "def cb(topic, msg):\n    if 'execution' in msg:\n        return msg['execution']",
    "publish('$aws/things/' + name + '/jobs/get', '{}')\nsubscribe('$aws/things/{}/jobs/notify'.format(name))",
    "try:\n    x = m['execution']\nexcept KeyError:\n    pass",
    "m = {'statusDetails': {'progress': str(25), 'step': 'one'}}",
    "import modem\nfrom umqtt import MQTTClient\nMQTTClient(modem.getDevImei(), 'h', keepalive=60)",
    "from misc import Power\nif bad:\n    Power.powerRestart()",
    "attempts = 0\nif version != wanted and attempts < 3:\n    f.httpDownload(url1=u)",
]


@pytest.mark.parametrize("text", CLEAR)
def test_what_the_device_takes_is_left_alone(lint, text):
    assert lint(text, **{"helper.py": "x = 1"}) == []


def test_an_own_module_needs_its_folder_or_the_path(lint):
    text = "import helper\nimport usr.helper\nfrom usr.pkg import thing"
    assert lint(text, **{"helper.py": "", "pkg__thing.py": ""}) == [(1, "QD104")]


def test_a_broken_main_is_told_as_what_it_does(lint):
    assert lint("def f(:\n    pass") == [(1, "QB401"), (1, "QD108")]


def test_an_application_without_main_does_not_start(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    assert [finding.rule for finding in check_application(tmp_path)] == ["QB401"]


def test_an_updater_must_not_fall_with_the_files_it_replaces(lint):
    text = "import usr.a\nfrom app_fota import new\nnew().bulk_download([])"
    assert lint(text, **{"a.py": "x = 1"}) == [(1, "QB403")]
    protected = "try:\n    import usr.a\nexcept Exception:\n    pass\nfrom app_fota import new\nnew().bulk_download([])"
    assert lint(protected, **{"a.py": "x = 1"}) == []


def test_every_rule_has_a_case():
    shown = {rule for rule, _, _ in FOUND} | {"QD104", "QD108", "QD109", "QA304", "QA305", "QB401", "QB403"}
    assert shown == set(RULES)


def test_the_vendor_sample_has_the_traps_the_facts_name(sample, tmp_path):
    for name, text in {**sample[0], "main.py": "import usr.aws_ota_test", "a.py": ""}.items():
        (tmp_path / name).write_text(text)
    rules = {finding.rule for finding in check_application(tmp_path)}
    assert {"QA301", "QA302", "QA303"} <= rules
    assert not rules & {"QD101", "QD102", "QD103", "QD105", "QD108"}


def test_the_shipped_application_is_clean():
    findings = check_application(find_scenario("first_upgrade").parent / "apps" / "aws_ota")
    assert [str(finding) for finding in findings if finding.rule not in ("QA303", "QB403")] == []


def run(*words):
    result = CliRunner().invoke(cli, ["lint", *map(str, words)], standalone_mode=False)
    return result.return_value, result.output


def test_the_command_prints_places_and_fails(tmp_path):
    (tmp_path / "main.py").write_text("import json\n")
    code, output = run(tmp_path)
    assert code == 1
    assert output.splitlines() == [
        "main.py:1:1: QD103 no module named 'json' on the device; the device calls it ujson",
        "1 finding",
    ]
    assert run(tmp_path, "--ignore", "QD103") == (0, "nothing found\n")
    assert json.loads(run(tmp_path, "--json")[1])["findings"][0]["rule"] == "QD103"


def test_the_command_lists_its_rules():
    code, output = run("--rules")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == list(RULES)


def test_the_commands_of_the_page_work(monkeypatch):
    root = find_scenario("first_upgrade").parents[1]
    monkeypatch.chdir(root)
    lines = (root / "docs" / "lint.md").read_text().splitlines()
    commands = [line.split()[2:] for line in lines if line.startswith("$ qpyota ")]
    assert [command[0] for command in commands] == ["lint"] * 4
    assert [run(*command[1:])[0] for command in commands] == [0, 0, 0, 0]
    told = {line.split()[1] for line in lines if line.startswith("| Q")}
    assert told == set(RULES)
