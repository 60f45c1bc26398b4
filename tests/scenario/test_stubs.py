"""Stubs of a scenario: modules that are not emulated answer as it says, call back, and leave a record."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from sim.errors import SpecError
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.trace import Record

HEAD = """\
version: 1
name: stubbed
duration: 2m
fleet:
  - name: dut
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    script: ./device
    stubs:
"""


def written(folder: Path, stubs: str, main: str = "") -> Path:
    (folder / "device").mkdir(exist_ok=True)
    (folder / "device" / "main.py").write_text(textwrap.dedent(main))
    source = folder / "s.yaml"
    source.write_text(HEAD + textwrap.indent(textwrap.dedent(stubs), " " * 6))
    return source


def ran(folder: Path, stubs: str, main: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}

    def observe(record: Record) -> None:
        found.setdefault(record.kind, []).append(dict(record.data))

    result = run_scenario(load_scenario(written(folder, stubs, main)), RunOptions(transport="memory"), [observe])
    assert result.passed
    assert "traceback" not in found, found["traceback"]
    return found


def test_a_scripted_cloud_answers_and_calls_back(tmp_path: Path) -> None:
    found = ran(
        tmp_path,
        """
        aLiYun:
          start: 0
          publish: true
          getAliyunSta: {in_turn: [1, 0]}
          setCallback: {returns: 0, calls: [{after: 5s, with: [/topic, hello]}, {after: 6s, with: [/topic, again]}]}
          aLiYun.subscribe: {takes: 2s, calls: [{after: 1s, with: [acknowledged, 1]}]}
        """,
        """
        from aLiYun import aLiYun
        import utime
        cloud = aLiYun('key', 'name', 'device', None)
        print(cloud.setCallback(lambda topic, message: print('got', topic, message, utime.ticks_ms() // 1000)))
        print(cloud.start(), cloud.publish('/t', b'x', qos=1), [cloud.getAliyunSta() for _ in range(3)])
        start = utime.ticks_ms()
        print(cloud.subscribe('/t'), utime.ticks_diff(utime.ticks_ms(), start), cloud.ping())
        utime.sleep(10)
        """,
    )
    said = [data["text"] for data in found["print"]]
    assert said[:2] == ["0", "0 True [1, 0, 0]"]
    assert said[2].startswith("got acknowledged 1")
    assert said[3] == "None 2000 -1"
    assert [text.rsplit(" ", 1)[0] for text in said[4:]] == ["got /topic hello", "got /topic again"]
    assert found["stub"][0] == {"name": "aLiYun.aLiYun.setCallback", "arguments": ["<function>"], "answer": "0"}
    publish = next(data for data in found["stub"] if data["name"].endswith("publish"))
    assert publish == {"name": "aLiYun.aLiYun.publish", "arguments": ["'/t'", "b'x'", "qos=1"], "answer": "True"}
    assert [data["name"] for data in found["inert"]] == ["aLiYun", "aLiYun.aLiYun", "aLiYun.aLiYun.ping"]
    assert len(found["stub.callback"]) == 3


def test_a_module_that_is_missing_can_be_given(tmp_path: Path) -> None:
    found = ran(
        tmp_path,
        "example: {exec: {returns: [1, 2]}}\n",
        """
        import example
        first = example.exec('wss://x')
        first.append(3)
        print(example.exec('wss://x'))
        try:
            import qrcode, lvgl
        except ImportError as e:
            print(e)
        """,
    )
    assert [data["text"] for data in found["print"]] == ["[1, 2]", "no module named 'lvgl'"]


def test_a_module_whose_names_nobody_lists_has_those_of_the_scenario(tmp_path: Path) -> None:
    found = ran(
        tmp_path,
        "uselect: {poll: 5}\n",
        "import uselect\nprint(uselect.poll(1), hasattr(uselect, 'select'))\n",
    )
    assert [data["text"] for data in found["print"]] == ["5 False"]


def test_a_screen_in_an_emulated_module_answers(tmp_path: Path) -> None:
    found = ran(
        tmp_path,
        "machine: {LCD.lcd_init: 0}\n",
        "from machine import LCD\nlcd = LCD()\nprint(lcd.lcd_init(b'', 1, 1), lcd.lcd_clear(0))\n",
    )
    assert [data["text"] for data in found["print"]] == ["0 -1"]


def test_nobody_is_called_back_after_a_restart(tmp_path: Path) -> None:
    found = ran(
        tmp_path,
        "wifiScan: {setCallback: {returns: 0, calls: [{after: 5s, with: [1]}]}}\n",
        """
        import wifiScan
        from misc import Power
        if Power.powerOnReason() == 1:
            wifiScan.setCallback(lambda arg: print('ghost'))
            Power.powerRestart()
        print('up')
        """,
    )
    assert [data["text"] for data in found["print"]] == ["up"]


@pytest.mark.parametrize(
    ("stubs", "said"),
    [
        ("aLiyun: {connect: 0}", "unknown module 'aLiyun'; did you mean 'aLiYun'?"),
        ("aLiYun: {publsh: 0}", "unknown function of aLiYun: 'publsh'; did you mean 'publish'?"),
        ("machine: {Pin.read: 0}", "unknown function of machine: 'Pin.read'; did you mean 'read'?"),
        ("net: {getState: 0}", "net is emulated; stubs are for modules that are not"),
        ("wifiScan: {setCallback: {return: 0}}", "unknown key 'return'; did you mean 'returns'?"),
        ("wifiScan: {setCallback: {returns: 0, in_turn: [1]}}", "give 'returns' or 'in_turn', not both"),
        ("wifiScan: {setCallback: {calls: [{after: 5}]}}", "a duration needs a unit, e.g. 30s"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, stubs: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_scenario(written(tmp_path, stubs + "\n"))
    assert [(problem.message, problem.line) for problem in caught.value.problems] == [(said, 10)]
