"""Steps and peers of a scenario: what happens around its devices, told to scripts, and the same on every transport."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import SpecError
from sim.kernel.clock import Clock
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import run_scenario
from sim.scenario.schema_steps import DeviceStep
from sim.scenario.steps import Steps
from sim.shipped import scenarios_dir
from sim.trace import Record

HEAD = """\
version: 1
name: around
seed: 5
duration: {duration}
fleet:
  - {{name: dut, model: EC200U, firmware: EC200UCNLAR03A20M08_OCPU_QPY, script: ./device}}
  - {{group: others, count: 2, model: EC200U, firmware: EC200UCNLAR03A20M08_OCPU_QPY, script: ./device}}
"""

IDLE = "import utime\nwhile True:\n    utime.sleep(10)\n"


class Ran:
    def __init__(self, result: RunResult, records: list[Record]) -> None:
        self.result = result
        self.records = records

    def of(self, device: str, *kinds: str) -> list[tuple[float, str, dict[str, Any]]]:
        return [(r.at_us / 1e6, r.kind, dict(r.data)) for r in self.records if r.track == device and r.kind in kinds]

    def printed(self, device: str = "dut") -> list[str]:
        return [data["text"] for _, _, data in self.of(device, "print")]

    def complaints(self) -> list[str]:
        return [f"{r.data['error']}: {r.data['text']}" for r in self.records if r.kind == "traceback"]


Around = Callable[..., Ran]


@pytest.fixture
def around(tmp_path: Path) -> Around:
    def run(steps: str, main: str = IDLE, duration: str = "2m", **options: Any) -> Ran:
        (tmp_path / "device").mkdir(exist_ok=True)
        (tmp_path / "device" / "main.py").write_text(textwrap.dedent(main))
        source = tmp_path / "s.yaml"
        source.write_text(HEAD.format(duration=duration) + textwrap.dedent(steps))
        records: list[Record] = []
        result = run_scenario(load_scenario(source), RunOptions(**{"transport": "memory", **options}), [records.append])
        ran = Ran(result, records)
        assert ran.complaints() == []
        return ran

    return run


EVERYTHING = """
steps:
  - {device: dut, at: 30s, pin: {gpio: 3, level: 1, for: 2s}}
  - {device: dut, at: 31s, adc: {channel: 1, voltage: 1.21V}}
  - {device: dut, at: 31s, battery: {level: 100%, to: 0%, over: 100s}}
  - {device: dut, at: 31s, signal: {csq: 7}}
  - {device: dut, at: 31s, gnss: {latitude: 48.5, longitude: -11.25, altitude: 520m}}
  - {device: dut, at: 31s, i2c: {address: 0x44, registers: {0x10: "12 34"}}}
  - {device: dut, at: 31s, rtc: "2030-02-28T23:59:58"}
  - {device: dut, at: 33s, usb: plugged}
  - {device: dut, at: 34s, uart: {port: 2, send: "hello"}}
  - {device: dut, at: 34s, every: 1s, times: 2, uart: {port: 2, send_hex: "01 02"}}
  - {device: dut, at: 36s, power_key: {for: 700ms}}
  - {device: dut, at: 40s, sim: {state: absent}}
  - {device: dut, at: 42s, sim: {state: ready}}
  - {device: dut, at: 50s, network: denied}
  - {device: dut, at: 60s, network: roaming}
  - {device: dut, at: 70s, link_loss: {for: 5s}}
peers:
  - device: dut
    port: 1
    exchanges:
      - {expect: 'AT\\+(CSQ|GMR)\\r\\n', send: "+CSQ: 20,0\\r\\nOK\\r\\n", delay: 50ms, times: 1}
      - {expect: 'AT[^\\r]*\\r\\n', send: "ERROR\\r\\n"}
      - {expect_hex: "01 03 00 01", send_hex: "01 03 00 2A"}
"""

LISTENER = """
    from machine import ExtInt, I2C, RTC, UART
    from misc import ADC, Power, PowerKey, USB
    import net, quecgnss, sim, utime
    ExtInt(3, ExtInt.IRQ_RISING_FALLING, 0, lambda args: print('pin', args)).enable()
    PowerKey().powerKeyEventRegister(lambda down: print('key', down))
    usb = USB()
    usb.setCallback(lambda plugged: print('usb', plugged, usb.getStatus()))
    line, peer = UART(2), UART(1)
    line.set_callback(lambda args: print('uart', line.read(args[2])))
    sim.setSimDet(1, 0)
    sim.setCallback(lambda there: print('card', there, sim.getStatus(), sim.getImsi()))
    quecgnss.init()
    utime.sleep_ms(35000 - utime.ticks_ms())
    data = bytearray(2)
    print(ADC().read(1), Power.getVbatt(), net.csqQueryPoll(), I2C(0, 0).read(0x44, b'\\x10', 1, data, 2, 0), data)
    print(RTC().datetime()[:4], quecgnss.read(1000)[1].split(b'\\r\\n')[0])
    for command in ('AT+CSQ\\r\\n', 'AT+CSQ\\r\\n', b'\\x01\\x03\\x00\\x01', 'noise', 'AT\\r\\n', 'more'):
        peer.write(command)
        utime.sleep_ms(100)
        print(peer.read(100))
    while True:
        utime.sleep(1)
        print(net.getState()[1][0], sim.getStatus(), Power.getVbatt())
"""


def test_a_script_is_told_of_everything_that_happens_around_it(around: Around) -> None:
    ran = around(EVERYTHING, LISTENER)
    said = ran.printed()
    quiet = [text for text in said if not text[0].isdigit() or "bytearray" in text]
    assert quiet == [
        "pin [3, 0]",
        "pin [3, 1]",
        "usb 1 1",
        "uart b'hello'",
        "uart b'\\x01\\x02'",
        r"1210 4160 7 0 bytearray(b'\x124')",  # at 35 s; the second two bytes are on the line then
        *[text for text in said if "GNGGA" in text],
        "uart b'\\x01\\x02'",
        "b'+CSQ: 20,0\\r\\nOK\\r\\n'",
        "b'ERROR\\r\\n'",
        "b'\\x01\\x03\\x00*'",
        "b''",
        "b'ERROR\\r\\n'",
        "b''",
        "key 0",
        "card 2 0 -1",
        *[text for text in said if text.startswith("card 1 1 ")],
    ]
    (place,) = [text for text in said if "GNGGA" in text]
    assert place.startswith("(2030, 3, 1, 4) b'$GNGGA,")
    assert ",4830.00000,N,01115.00000,W,1,09,0.9,520.0,M" in place
    states = [text.split()[0] for text in said if text[0].isdigit() and "bytearray" not in text]
    changes = [state for state, before in zip(states, ["", *states], strict=False) if state != before]
    assert changes == ["1", "0", "2", "1", "3", "2", "5", "2", "5"]
    assert ran.result.passed
    assert ran.result.notes == ["dut, port 1: no exchange expects 'noise' (2 such texts)"]


def test_unmatched_text_and_unused_exchanges_are_noted(around: Around) -> None:
    ran = around(
        """
        peers:
          - {device: dut, port: 0, exchanges: [{expect: ping, send: pong}, {expect: never}]}
        """,
        "from machine import UART\nimport utime\np = UART(0)\np.write('xx')\nutime.sleep(2)\np.write('yy ping')\n",
    )
    assert ran.result.notes == [
        "dut, port 0: no exchange expects 'xx' (2 such texts)",
        "dut, port 0: nobody asked for exchange 2",
    ]
    texts = [data["text"] for _, _, data in ran.of("dut", "peer.unmatched")]
    assert texts == ["xx", "yy "]


def test_what_arrives_at_a_closed_port_is_lost(around: Around) -> None:
    ran = around(
        "steps:\n  - {device: dut, at: 30s, uart: {port: 0, send: lost}}\n",
        "import utime\nfrom machine import UART\nutime.sleep(60)\nprint(UART(0).any())\n",
    )
    assert ran.printed() == ["0"]
    assert [data for _, _, data in ran.of("dut", "uart.in")] == [{"port": 0, "bytes": 4, "lost": 4}]


def test_a_group_and_a_repetition(around: Around) -> None:
    ran = around("steps:\n  - {device: others, at: 10s, every: 20s, adc: {channel: 0, voltage: 5mV}}\n", duration="1m")
    for name in ("others-00001", "others-00002"):
        assert [at for at, _, _ in ran.of(name, "step")] == [10.0, 30.0, 50.0]
    assert ran.of("dut", "step") == []
    assert ran.result.passed


def test_a_step_that_the_run_does_not_reach_makes_it_incomplete(around: Around) -> None:
    ran = around("steps:\n  - {device: dut, at: 1h, usb: plugged}\n", duration="1m")
    assert ran.result.problems == ["a step never happened: usb of dut at 3600s"]
    assert not ran.result.passed


def test_power_goes_and_comes(around: Around) -> None:
    ran = around(
        """
        steps:
          - {device: dut, at: 30s, power: off}
          - {device: dut, at: 31s, power: off}
          - {device: dut, at: 40s, link_loss: {for: 1s}}
          - {device: dut, at: 50s, power: on}
          - {device: dut, at: 51s, power: on}
          - {device: dut, at: 60s, power_cut: {off_for: 10s}}
          - {device: dut, at: 80s, power: off}
          - {device: dut, at: 90s, power_key: {}}
        """,
        "from misc import Power\nprint(Power.powerOnReason())\n",
        duration="3m",
    )
    events = [(at, kind) for at, kind, _ in ran.of("dut", "power.on", "power.cut")]
    assert events == [
        (0, "power.on"), (30, "power.cut"), (50, "power.on"), (60, "power.cut"), (70, "power.on"), (80, "power.cut"),
        (90, "power.on"),
    ]  # fmt: skip
    assert ran.printed() == ["1"] * 4


def test_a_locked_card_asks_at_each_start(around: Around) -> None:
    ran = around(
        "steps:\n  - {device: dut, at: 0s, sim: {state: pin, pin: '4711'}}\n",
        """
        import checkNet, net, sim, utime
        from misc import Power
        first = Power.powerOnReason() == 1
        print(sim.getStatus(), sim.getImsi(), net.getState()[1][0], sim.enablePin('4711'))
        if first:
            print(sim.verifyPin('1'), sim.verifyPin('4711'), sim.getStatus(), sim.changePin('4711', '12345'))
            print(checkNet.waitNetworkReady(60)[0])
            Power.powerRestart()
        print([sim.verifyPin('4711') for _ in range(3)], sim.getStatus(), sim.verifyPin('12345'))
        print(sim.unblockPin('00000000', '9999'), sim.unblockPin('12345678', '9999'), sim.getStatus())
        print(sim.disablePin('9999'), hasattr(sim, 'readPhonebook'))
        """,
    )
    assert ran.printed() == [
        "2 -1 0 -1", "-1 0 1 0", "3", "2 -1 0 -1", "[-1, -1, -1] 3 -1", "-1 0 1", "0 False",
    ]  # fmt: skip


def test_a_card_may_be_in_any_state(around: Around) -> None:
    steps = "".join(f"  - {{device: dut, at: {10 + n}s, sim: {{state: {n}}}}}\n" for n in range(22))
    ran = around(
        "steps:\n" + steps,
        "import sim, utime\nwhile True:\n    utime.sleep_ms(300)\n    print(sim.getStatus(), sim.getImsi() == -1)\n",
        duration="33s",
    )
    said = ran.printed()
    seen = [text for text, before in zip(said, ["", *said], strict=False) if text != before]
    assert seen == ["1 False", *(f"{n} {n != 1}" for n in range(22))]


def test_a_track_is_followed(around: Around) -> None:
    ran = around(
        """
        steps:
          - device: dut
            at: 20s
            gnss:
              track:
                - {after: 0s, latitude: 50, longitude: 8}
                - {after: 60s, latitude: 50.01, longitude: 8, altitude: 60m}
          - {device: dut, at: 100s, gnss: {fix: false}}
        """,
        """
        import quecgnss, utime, cellLocator
        from wifilocator import wifilocator
        print(quecgnss.read(10), quecgnss.init(), quecgnss.configSet(1, 3), quecgnss.configGet(1), quecgnss.get_state())
        for second in (15, 50, 95, 110):
            utime.sleep_ms(second * 1000 - utime.ticks_ms())
            for line in quecgnss.read(1000)[1].decode().split('\\r\\n')[:2]:
                print(line)
            print(cellLocator.getLocation('www.queclocator.com', 80, '0123456789abcdef', 30))
        print(wifilocator('short').getwifilocator(), cellLocator.getLocation('x', 80, 'short', 30))
        """,
        duration="3m",
    )
    said = ran.printed()
    assert said[0] == "-1 0 0 3 2"
    assert said[1].endswith(",,,,,0,00,99.9,,M,,M,,*" + said[1][-2:])
    assert said[3] == "6"
    assert ",5000.30000,N,00800.00000,E," in said[4]
    assert ",30.0,M," in said[4]
    assert ",36.02,0.00,010126,,,A*" in said[5]  # 1112 m in 60 s, in knots
    assert said[6] == "(8.0, 50.0051, 550)"
    assert ",5000.60000,N," in said[7]
    assert ",0.00,0.00,010126" in said[8]
    assert ",V," in said[11]
    assert said[13] == "2 3"
    for line in said[1:12]:
        if line.startswith("$"):
            checksum = 0
            for char in line[1:-3]:
                checksum ^= ord(char)
            assert line.endswith(f"*{checksum:02X}")


@pytest.mark.parametrize("transport", ["virtual", "paced"])
def test_the_trace_is_the_same_on_every_transport(around: Around, transport: str) -> None:
    options: dict[str, Any] = {"transport": transport, "tls": False}
    if transport == "paced":
        options["speed"] = 600.0
    memory, other = around(EVERYTHING, LISTENER), around(EVERYTHING, LISTENER, **options)
    assert [r.to_json() for r in other.records if r.track == "dut"] == [
        r.to_json() for r in memory.records if r.track == "dut"
    ]
    assert other.result.trace_hash == memory.result.trace_hash


@pytest.mark.parametrize("transport", ["memory", "virtual"])
def test_the_shipped_node_comes_to_what_it_expects(transport: str) -> None:
    options = RunOptions(transport=transport, tls=False)  # type: ignore[arg-type]
    result = run_scenario(load_scenario(scenarios_dir() / "sensor_node.yaml"), options)
    assert result.passed, (result.expects, result.problems)
    assert result.notes == []


class Moved(Steps):
    """Steps that say when they acted, in place of moving anything."""

    def __init__(self, clock: Clock, module: Any, spec: DeviceStep) -> None:
        super().__init__(clock, module, spec)
        self.acted: list[int] = []

    def _act(self, since_us: int) -> None:
        self.acted.append(self._clock.now_us + since_us)


class Unheard:
    """A device of which only the trace is looked at, by nobody."""

    name = "dut"

    def trace(self, *_values: Any, **_words: Any) -> None:
        pass


@given(
    at_s=st.integers(0, 50),
    every_s=st.none() | st.integers(1, 20),
    times=st.none() | st.integers(1, 5),
    elapsed_s=st.integers(0, 100),
    lasts=st.booleans(),
)
def test_a_scenario_that_goes_on_takes_the_steps_that_are_left(
    at_s: int, every_s: int | None, times: int | None, elapsed_s: int, lasts: bool
) -> None:
    """What happens after the interruption is what would have happened without it; states come back at once."""
    kind: dict[str, Any] = {"usb": "plugged"} if lasts else {"power": "on"}
    again = {} if every_s is None else {"every": f"{every_s}s", **({} if times is None else {"times": times})}
    spec = DeviceStep.model_validate({"device": "dut", "at": f"{at_s}s", **again, **kind})
    end_s = 120

    def acted(from_s: int) -> list[int]:
        clock = Clock("memory")
        steps = Moved(clock, Unheard(), spec)
        steps.arm(from_s * 1_000_000)
        clock.run((end_s - from_s) * 1_000_000)
        return [at_us // 1_000_000 + from_s for at_us in steps.acted]

    whole, rest = acted(0), acted(elapsed_s)
    left = [at for at in whole if at >= elapsed_s]
    begun = lasts and at_s < elapsed_s
    assert rest == ([at_s] if begun else []) + left


DOG = """
packages:
  next: {from: EC200UCNLAR03A20M08_OCPU_QPY, to: EC200UCNLAR03A21M08_OCPU_QPY}
cloud:
  public: [firmware]
  buckets: {firmware: {a.pack: {package: next}}}
faults:
  - rate_limited: {bucket: firmware, key: a.pack, rate: 20KiB/s}
"""


def test_a_watchdog_bites_while_a_blocking_download_keeps_the_program(around: Around) -> None:
    """On this family httpDownload returns when all is done, and nobody feeds."""
    ran = around(
        DOG,
        """
        import checkNet, fota
        from machine import WDT
        from misc import Power
        print(Power.powerOnReason())
        if Power.powerOnReason() == 1:
            checkNet.waitNetworkReady(60)
            WDT(5)
            fota().httpDownload(url1='https://firmware.s3.us-west-2.amazonaws.com/a.pack')
            print('never')
        """,
    )
    assert ran.printed("dut") == ["1", "5"]
    (reset,) = ran.of("dut", "reset")
    assert reset[2] == {"reason": "watchdog"}
    assert next(data["phase"] for _, _, data in ran.of("dut", "phase")) == "download"


BAD = """
steps:
  - {device: dtu, at: 5s, usb: plugged}
  - {device: dut, at: 5, usb: plugged}
  - {device: dut, at: 5s, usb: pluged}
  - {device: dut, at: 5s, pin: {gpio: 1, level: 1, fro: 1s}}
  - {device: dut, at: 5s, pin: {gpio: 1, level: 2}}
  - {device: dut, at: 5s}
  - {device: dut, at: 5s, usb: plugged, power: off}
  - {device: dut, at: 5s, times: 2, usb: plugged}
  - {device: dut, at: 5s, adc: {channel: 0, voltage: 5}}
  - {device: dut, at: 5s, i2c: {address: 1, registers: {0x10: 12}}}
  - {device: dut, at: 5s, gnss: {latitude: 95, longitude: 0}}
  - {device: dut, at: 5s, gnss: {track: [&p {after: 1s, latitude: 0, longitude: 0}, *p]}}
  - {device: dut, at: 5s, signal: {csq: 40}}
  - {device: dut, at: 5s, battery: {level: 5%, to: 1%}}
  - {device: dut, at: 5s, sim: {state: ready, pin: '1234'}}
  - {device: dut, at: 5s, rtc: tomorrow}
  - {device: dut, at: 5s, sim: {state: redy}}
peers:
  - {device: dut, port: 0, exchanges: [{expect: '(', send: x}]}
  - {device: dut, port: 1, exchanges: [{expect: 'x*', send: x}]}
  - {device: dut, port: 2, exchanges: [{send: x}]}
  - {device: dut, port: 2, exchanges: [{expect: x}]}
"""


def test_every_mistake_is_told_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    source = tmp_path / "bad.yaml"
    head = HEAD.format(duration="2m")
    source.write_text(head + BAD)
    with pytest.raises(SpecError) as caught:
        load_scenario(source)
    first = head.count("\n") + 3
    found = {problem.line - first: problem.message for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), caught.value.problems
    assert [found[index] for index in range(17)] == [
        "unknown device or group 'dtu'; did you mean 'dut'?",
        "a duration needs a unit, e.g. 30s",
        "'pluged' is not 'plugged' or 'unplugged'; did you mean 'plugged'?",
        found[3],
        found[4],
        "give exactly one of pin, adc, battery, sim, network, signal, gnss, i2c, rtc, usb, uart, sms, power, "
        "power_key, power_cut, link_loss",
        "give exactly one of pin, adc, battery, sim, network, signal, gnss, i2c, rtc, usb, uart, sms, power, "
        "power_key, power_cut, link_loss",
        "'times' needs 'every'",
        "a voltage needs a unit, e.g. 3.3V",
        "12 is not text: put hex digits in quotes, e.g. '01 0A'",
        found[10],
        "a track begins with 'after: 0s', and each of its points is later than the one before",
        "csq is 0 to 31, or 99 for unknown",
        "'battery' is {voltage}, {level} or {level, to, over}",
        "'pin' goes with the state 'pin' only",
        "'tomorrow' is not a date and time like 2030-01-01T08:30:00",
        "'redy' is not a state of a SIM card; did you mean 'ready'?",
    ]
    assert found[3] == "unknown key 'fro'; did you mean 'for'?"
    assert "1" in found[4]
    assert "90" in found[10]
    assert found[18].startswith("'(' is not a regular expression")
    assert found[19] == "'x*' also matches nothing at all, so it would answer for ever"
    assert found[20] == "give exactly one of expect, expect_hex"
    assert found[21] == "port 2 of dut has a peer already"
