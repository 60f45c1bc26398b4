"""What a bad script can do to its own device, and to nothing else: every row of the table in facts runtime §2.4.

A healthy device beats beside the bad one in the same process, once a second, and never misses a beat.
"""

import gc
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest

from sim.kernel.fibers import Fiber
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World
from sim.script.limits import CALL_BYTES, FREE_BYTES, MAIN_STACK_BYTES, STACK_MARGIN_BYTES
from sim.script.modules.thread import STACK_DEFAULT_BYTES

SECOND_US = 1_000_000
SCENARIO = """\
version: 1
name: containment
seed: 3
fleet:
  - {name: bad, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./bad}
  - {name: good, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./good}
"""
HEALTHY = """\
import utime
beats = 0
while True:
    utime.sleep(1)
    beats += 1
    print(beats, len([1, 2]), str(3))
"""


class Pair:
    """The bad device's records; `beats` are the healthy one's."""

    def __init__(self, world):
        self.world = world
        self.device = world.devices["bad"]
        self.records = []
        world.trace.observe(self.records.append)
        world.start()

    def run(self, seconds):
        self.world.clock.run(self.world.clock.now_us + seconds * SECOND_US)
        return self

    def kinds(self, kind, device="bad"):
        return [record.data for record in self.records if record.kind == kind and record.track == device]

    @property
    def printed(self):
        return [data["text"] for data in self.kinds("print")]

    @property
    def tracebacks(self):
        return [(data["thread"], data["error"], data["text"]) for data in self.kinds("traceback")]

    @property
    def beat_times_us(self):
        return [record.at_us for record in self.records if record.kind == "print" and record.track == "good"]


@pytest.fixture
def pair(tmp_path):
    made = []

    def start(bad, seconds=30, observe=None):
        for name, text in (("bad", bad), ("good", HEALTHY)):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "main.py").write_text(textwrap.dedent(text))
        (tmp_path / "s.yaml").write_text(SCENARIO)
        world = World(load_scenario(tmp_path / "s.yaml"), RunOptions(transport="memory"))
        made.append(world)
        if observe is not None:
            world.trace.observe(observe)
        pair = Pair(world).run(seconds)
        beats = [data["text"] for data in pair.kinds("print", "good")]
        assert beats == [f"{number} 2 3" for number in range(1, len(beats) + 1)]
        times_us = pair.beat_times_us
        assert {after - before for before, after in pairwise(times_us)} == {SECOND_US}
        assert world.clock.now_us - times_us[-1] <= SECOND_US
        return pair

    yield start
    for world in made:
        world.close()


# -- time


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "x = [0 for _ in iter(int, 1)]",
        "any(x for x in iter(int, 1))",
        "f = lambda n: 0\nwhile True: f(1)",
        "exec('while True: pass')",
    ],
)
def test_an_endless_loop_is_parked_as_hung(pair, loop):
    script = pair(f"{loop}\nprint('never')")
    assert script.printed == []
    assert script.kinds("hung") == [{"thread": "main"}]


@pytest.mark.parametrize(
    "call", ["sum(range(10 ** 12))", "max(iter(int, 1))", "all(map(lambda x: 1, range(10 ** 12)))"]
)
def test_an_endless_call_of_a_builtin_is_parked_as_hung(pair, call):
    script = pair(f"{call}\nprint('never')")
    assert script.printed == []
    assert script.kinds("hung") == [{"thread": "main"}]


def test_a_busy_wait_on_another_threads_flag_works(pair):
    script = pair("""
        import utime, _thread
        flag = False
        def setter():
            global flag
            utime.sleep(2)
            flag = True
        _thread.start_new_thread(setter, ())
        while not flag: pass
        print('seen')
    """)
    assert (script.printed, script.kinds("hung")) == (["seen"], [])


def test_what_the_guards_do_not_see_is_listed_in_the_decision():
    """Work inside one call of CPython that no guard knows cannot be stopped in this process; ADR 0073 says so."""
    text = (Path(__file__).parents[2] / "docs/adr/0073-the-dialect-at-run-time.md").read_text()
    for limit in ("str.join", "list.extend", "faulthandler.dump_traceback_later"):
        assert limit in text


# -- endings


def test_sys_exit_in_main_leaves_its_threads(pair):
    script = pair("""
        import sys, _thread, utime
        def beat():
            utime.sleep(1)
            print('thread')
        _thread.start_new_thread(beat, ())
        sys.exit(3)
    """)
    assert (script.printed, script.kinds("exit"), script.device.boots) == (["thread"], [{"thread": "main"}], 1)


def test_sys_exit_in_a_thread_leaves_main(pair):
    script = pair("import sys, _thread, utime\n_thread.start_new_thread(sys.exit, (0,))\nutime.sleep(1)\nprint('main')")
    assert (script.printed, script.kinds("exit")) == (["main"], [{"thread": "thread 3"}])


def test_an_uncaught_error_ends_its_thread_only(pair):
    script = pair("""
        import _thread, utime
        def broken():
            {}['k']
        _thread.start_new_thread(broken, ())
        utime.sleep(1)
        print('main')
        1 // 0
    """)
    assert script.printed == ["main"]
    assert [(thread, error) for thread, error, _ in script.tracebacks] == [
        ("thread 3", "KeyError"),
        ("main", "ZeroDivisionError"),
    ]


# -- stack


def _depth(stack_bytes):
    return (stack_bytes - STACK_MARGIN_BYTES) // CALL_BYTES


def test_deep_recursion_is_a_runtime_error_at_the_depth_of_the_threads_stack(pair):
    script = pair("""
        import _thread, utime
        deepest = 0
        def f(n):
            global deepest
            deepest = n
            return f(n + 1)
        def go():
            try:
                f(1)
            except RuntimeError as e:
                print(deepest, e)
        go()
        _thread.start_new_thread(go, ())
        utime.sleep(1)
        _thread.stack_size(16384)
        _thread.start_new_thread(go, ())
        utime.sleep(1)
        go()
    """)
    main = _depth(MAIN_STACK_BYTES) - 2  # the module and go() are on the stack, too
    threads = [_depth(size) - 1 for size in (STACK_DEFAULT_BYTES, 16384)]
    words = "maximum recursion depth exceeded"
    assert script.printed == [f"{n} {words}" for n in (main, *threads, main)]


@pytest.mark.parametrize("call", ["f = lambda: f()\nf()", "def f(): return [f() for _ in (1,)]\nf()"])
def test_recursion_by_other_ways_ends_the_same(pair, call):
    assert pair(call).tracebacks == [("main", "RuntimeError", "maximum recursion depth exceeded")]


def test_recursion_that_fits_is_left_alone(pair):
    script = pair("def f(n):\n    return 0 if n == 0 else 1 + f(n - 1)\nprint(f(300), f(300))")
    assert script.printed == ["300 300"]


def test_depth_is_counted_for_each_thread_by_itself(pair):
    """Threads that take turns deep in their stacks must not lend each other room."""
    script = pair("""
        import _thread, utime
        def down(n):
            utime.sleep_ms(1)
            return 0 if n == 0 else 1 + down(n - 1)
        def go(n):
            try:
                print(n, down(n))
            except RuntimeError:
                print(n, 'too deep')
        for n in (20, 60, 30, 50):
            _thread.start_new_thread(go, (n,))
        go(200)
    """)
    assert sorted(script.printed) == ["20 20", "200 200", "30 30", "50 too deep", "60 too deep"]


# -- heap


@pytest.mark.parametrize(
    "statement",
    [
        "bytearray(20_000_000_000)",
        "bytes(20_000_000_000)",
        "b'x' * 10 ** 9",
        "[0] * 10 ** 9",
        "9 ** 9 ** 9",
        "pow(9, 10 ** 9)",
        "1 << 10 ** 10 if False else (1 << int('9' * 10))",
        "list(range(10 ** 12))",
        "tuple(map(int, iter(int, 1)))",
        "set(iter(object, 1))",
        "sorted(iter(int, 1))",
        "bytearray(iter(int, 1))",
    ],
)
def test_what_cannot_fit_into_the_heap_is_a_memory_error_at_once(pair, statement):
    script = pair(f"try:\n    x = {statement}\n    print('got it')\nexcept MemoryError:\n    print('MemoryError')")
    assert script.printed == ["MemoryError"]


@pytest.mark.parametrize(
    "growth", ["held.append(bytes(100000))", "held.append(n)", "held.append([n])", "held.append('text ' * 5)"]
)
def test_endless_growth_is_a_memory_error_and_the_script_may_recover(pair, growth):
    script = pair(f"""
        held, n = [], 0
        try:
            while True:
                n += 1
                {growth}
        except MemoryError:
            held = None
            print('MemoryError')
        print(len(bytes(400000)))
    """)
    assert script.printed == ["MemoryError", "400000"]


def test_growth_inside_an_object_counts(pair):
    script = pair("""
        class Store:
            def __init__(self):
                self.rows = {}
        store = Store()
        def fill(n):
            while True:
                store.rows[n] = bytes(1000)
                n += 1
        fill(0)
    """)
    assert [(thread, error) for thread, error, _ in script.tracebacks] == [("main", "MemoryError")]
    assert len(script.kinds("hung")) == 0


def test_what_is_thrown_away_may_be_allocated_again(pair):
    script = pair(f"for n in range(200):\n    x = bytearray({FREE_BYTES // 3})\nprint(n)")
    assert script.printed == ["199"]


# -- patches and imports


def test_patched_builtins_and_modules_stay_on_the_device_and_end_with_the_boot(pair):
    script = pair("""
        import utime, umqtt, usys
        from misc import Power
        print(len([1]), hasattr(utime, 'patched'), umqtt.MQTTClient.publish is None)
        __builtins__['len'] = lambda x: 42
        __builtins__['str'] = None
        utime.patched = True
        umqtt.MQTTClient.publish = None
        print(len([1]))
        sleep, utime.sleep = utime.sleep, lambda s: None
        sleep(1)
        if Power.powerOnReason() == 1:
            Power.powerRestart()
    """)
    assert script.printed == ["1 False False", "42"] * 2
    assert len([1]) == 1


def test_what_a_script_sets_on_any_class_or_module_of_the_firmware_is_gone_with_the_boot(pair):
    script = pair("""
        import _thread, app_fota, checkNet, dataCall, fota, misc, modem, ql_fs, ujson, umqtt, utime
        from misc import Power
        CLASSES = (fota, Power, app_fota.new, umqtt.MQTTClient, checkNet.CheckNetwork, _thread.allocate_lock)
        MODULES = (_thread, app_fota, checkNet, dataCall, misc, modem, ql_fs, ujson, umqtt)
        restart, first, whole = Power.powerRestart, Power.powerOnReason() == 1, True
        for owner in CLASSES + MODULES:
            for name in dir(owner):
                if not name.startswith('_'):
                    whole = whole and getattr(owner, name) is not None
                    setattr(owner, name, None)
            owner.patched = True
        print(whole, modem.getDevFwVersion)
        utime.sleep(1)
        if first:
            restart()
    """)
    assert script.printed == ["True None"] * 2


def test_everything_of_a_firmware_module_comes_with_a_star(pair):
    script = pair("""
        from utime import *
        from umqtt import *
        from _thread import *
        sleep(1)
        print(ticks_diff(5, 3), MQTTClient.__name__, allocate_lock().locked(), get_ident())
    """)
    assert script.printed == ["2 MQTTClient False 1"]


HOST = ("socket", "os", "json", "subprocess", "threading", "asyncio", "ctypes", "importlib", "time", "random")


@pytest.mark.parametrize(
    "how",
    ["exec('import ' + name)", "__import__(name)", "exec('import ' + name, {})", "eval('__import__(%r)' % name, {})"],
)
def test_modules_of_the_host_cannot_be_imported(pair, how):
    script = pair(f"""
        for name in {HOST}:
            try:
                {how}
                print('leak', name)
            except ImportError as e:
                print(e)
    """)
    assert script.printed == [f"no module named '{name}'" for name in HOST]


# -- death


def test_a_hundred_boots_of_threads_that_catch_everything_leave_no_actors_and_little_memory(pair):
    script = pair(
        """
        import _thread, utime
        from misc import Power
        def stubborn():
            while True:
                try:
                    utime.sleep(1)
                except:
                    print('GHOST')
        _thread.start_new_thread(stubborn, ())
        utime.sleep(2)
        Power.powerRestart()
        """,
        seconds=30,
    )
    while script.device.boots < 101:
        script.run(30)
    gc.collect()
    fibers = sum(isinstance(thing, Fiber) and not thing.ended for thing in gc.get_objects())
    assert script.printed == []
    assert fibers <= 3 * 101 + 5, "at most the three threads of a boot may stay parked"


def test_a_finally_does_nothing_after_a_reset(pair):
    script = pair("""
        import _thread, utime
        from misc import Power
        def last_words():
            try:
                utime.sleep(1000)
            finally:
                print('GHOST')
                open('/usr/ghost', 'w').close()
        _thread.start_new_thread(last_words, ())
        utime.sleep(3)
        if Power.powerOnReason() == 1:
            Power.powerRestart()
        import uos
        print('ghost' in uos.listdir('/usr'))
    """)
    assert (script.printed, script.device.boots) == (["False"], 2)


HALF_WAY = """
    import utime
    from misc import Power
    def lines():
        try:
            with open('/usr/main.py') as file:
                while True:
                    yield file.read(1)
        finally:
            print('GHOST')
            utime.sleep(5)
            for _ in range(100000):
                pass
    class Kept:
        pass
    kept = Kept()
    kept.itself, kept.lines = kept, lines()
    next(kept.lines)
    {then}
    utime.sleep(10)
"""


@pytest.mark.parametrize("then", ["if Power.powerOnReason() == 1: Power.powerRestart()", "kept = None", "pass"])
def test_a_generator_left_half_way_does_nothing_when_pythons_collector_finds_it_in_another_device(pair, then):
    """Nor is the host told of it: an exception that Python ignores is a warning here, and fails the test."""

    def collect(record):
        if record.track == "good" and record.data.get("text", "").startswith(("12 ", "20 ")):
            gc.collect()

    script = pair(HALF_WAY.format(then=then), observe=collect)
    assert script.printed == []
    assert script.tracebacks == []
    script.world.close()
    gc.collect()


def test_a_script_that_resets_at_once_boots_for_ever_and_harms_nobody(pair):
    script = pair("from misc import Power\nPower.powerRestart()")
    assert script.device.boots > 5
