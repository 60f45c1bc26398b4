"""What comes close to a rule and is right: every rule has something that it leaves alone."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from sim.script.lint.check import check_application
from sim.script.lint.finding import RULES

NEAR = {
    "QD101": "print('{x} %s' % 1, '{}'.format(2))",
    "QD102": "match = 1\ndef f(*items, **words):\n    return items\nf(*[1], **{})\na, *b = [1, 2]",
    "QD103": "import ujson, uos, utime, ure, uio\nimport sim, net",
    "QD104": "import usr.helper",
    "QD105": "print('a'.upper(), 'b'.strip(), 'c'.isdigit(), b'x'.startswith(b'x'))",
    "QD106": "print('x', end='')\nb'x'.decode('utf-8')\n'a b'.split(' ', 1)",
    "QD107": "l = [1, 2]\nprint(l[::2], 'abc'[1:2], 'abc'[::1])",
    "QD108": "x = 1",
    "QV201": "import fota\nfota().httpDownload(url1='x')\nfrom umqtt import MQTTClient\nMQTTClient(n(), 'h')",
    "QV202": "import fota\nfota().httpDownload(url1='x', callback=print)\nfota().httpDownload(url1='x', url2='y')",
    "QA301": "def cb(t, m):\n    if 'execution' not in m:\n        return\n    m['execution']\nm['execution'] = 1",
    "QA302": "m = {'statusDetails': {'a': '1', 'b': str(2), 'c': 'x' + y}, 'expectedVersion': 1}",
    "QA303": "from umqtt import MQTTClient\nMQTTClient(read_settings()['id'], 'h')\nt = '$aws/things/{}/jobs/get'",
    "QB401": "import usr.helper",
    "QB402": "from misc import Power\ndef again():\n    Power.powerRestart()",
    "QB403": "from app_fota import new\nnew().bulk_download([])\ndef later():\n    import usr.helper",
    "QB404": "import modem\nif modem.getDevFwVersion() == 'x':\n    print('current')",
}
"""Rule → a main.py that it leaves alone."""

WITH_MORE = {"QD109", "QA304", "QA305"}
"""Rules that need a compiler or a job: test_deliveries.py."""


@pytest.mark.parametrize("rule", NEAR)
def test_a_near_miss_is_left_alone(tmp_path: Path, rule: str) -> None:
    (tmp_path / "main.py").write_text(textwrap.dedent(NEAR[rule]))
    (tmp_path / "helper.py").write_text("x = 1\n")
    assert [str(finding) for finding in check_application(tmp_path)] == []


def test_every_rule_has_a_near_miss() -> None:
    assert set(NEAR) | WITH_MORE == set(RULES)


def test_a_coroutine_that_asks_first_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "async def cb(m):\n    if 'execution' not in m:\n        return\n    print(m['execution'])\n"
    )
    assert check_application(tmp_path) == []
