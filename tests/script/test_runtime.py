"""Threads, imports, errors and time of scripts; what a bad script can and cannot do."""

import pytest


def test_2_8_an_error_in_main_prints_a_traceback_and_the_other_threads_live_on(run):
    script = run("""
        import _thread, utime
        def beat():
            while True:
                utime.sleep(10)
                print('beat')
        _thread.start_new_thread(beat, ())
        def broken():
            return 1 // 0
        broken()
    """)
    assert script.tracebacks == [("main", "ZeroDivisionError", "divide by zero")]
    assert script.kinds("traceback")[0]["where"] == ["/usr/main.py:10 in <module>", "/usr/main.py:9 in broken"]
    assert script.printed == ["beat"] * 5


def test_sys_exit_ends_main_only(run):
    script = run("import usys, _thread, utime\n"
                 "def beat():\n    utime.sleep(5)\n    print('alive')\n"
                 "_thread.start_new_thread(beat, ())\nusys.exit()")  # fmt: skip
    assert script.printed == ["alive"]
    assert script.kinds("exit") == [{"thread": "main"}]


@pytest.mark.parametrize(
    "name", ["socket", "os", "json", "subprocess", "threading", "asyncio", "ctypes", "time", "random"]
)
def test_the_hosts_modules_cannot_be_imported(run, name):
    script = run(f"try:\n    import {name}\nexcept ImportError as e:\n    print(e)")
    assert script.printed == [f"no module named '{name}'"]


@pytest.mark.parametrize("name", ["open_code", "compile", "input", "breakpoint", "vars", "help"])
def test_builtins_the_device_does_not_have_are_name_errors(run, name):
    assert run(f"{name}").tracebacks == [("main", "NameError", f"name '{name}' isn't defined")]


def test_patching_builtins_and_modules_ends_with_the_boot(run):
    script = run("""
        import utime, misc
        print(misc.Power.powerOnReason(), hasattr(utime, 'patched'))
        utime.patched = True
        if misc.Power.powerOnReason() == 1:
            misc.Power.powerRestart()
            print('never')
    """)
    assert script.printed == ["1 False", "2 False"]
    assert script.device.boots == 2


def test_an_endless_loop_is_parked_as_hung_and_time_goes_on(run):
    script = run("""
        import _thread, utime
        def spin():
            while True:
                pass
        _thread.start_new_thread(spin, ())
        utime.sleep(30)
        print('main is fine')
    """)
    assert script.printed == ["main is fine"]
    assert script.kinds("hung") == [{"thread": "thread 3"}]


def test_a_busy_wait_lets_the_other_thread_set_the_flag(run):
    script = run("""
        import _thread, utime
        box = []
        def setter():
            utime.sleep_ms(100)
            box.append(1)
        _thread.start_new_thread(setter, ())
        while not box:
            pass
        print('seen')
    """)
    assert script.printed == ["seen"]


def test_nothing_of_a_dead_boot_acts_again(run):
    """A bare except around everything must not survive a reset, nor may a finally do anything."""
    script = run("""
        import _thread, utime, misc
        def stubborn():
            while True:
                try:
                    utime.sleep(1)
                except:
                    print('GHOST')
                finally:
                    pass
        _thread.start_new_thread(stubborn, ())
        utime.sleep(3)
        if misc.Power.powerOnReason() == 1:
            misc.Power.powerRestart()
        print('second boot')
    """)
    assert script.printed == ["second boot"]


def test_an_import_happens_once_a_boot_and_a_failed_one_may_be_tried_again(run):
    script = run(
        """
        import usr.part as part
        from usr import part as again
        print(part is again, part.VALUE)
        for attempt in range(2):
            try:
                import usr.broken
            except ValueError as e:
                print('failed', e)
        import usr.folder.inner
        print(usr.folder.inner.WHERE)
        """,
        files={
            "part.py": "print('loaded')\nVALUE = 5\n",
            "broken.py": "raise ValueError('no')\n",
            "folder/inner.py": "WHERE = __name__\n",
        },
    )
    assert script.printed == ["loaded", "True 5", "failed no", "failed no", "usr.folder.inner"]


def test_a_syntax_error_in_main_is_told_with_its_line(run):
    script = run("import utime\nif True print('x')\n")
    thread, error, text = script.tracebacks[0]
    assert (thread, error) == ("main", "SyntaxError")
    assert "line 2" in text


def test_without_a_main_the_device_boots_and_stays_up(run):
    script = run("import uos\nuos.remove('/usr/main.py')\nfrom misc import Power\nPower.powerRestart()")
    assert (script.device.boots, script.device.state) == (2, "running")
    assert script.kinds("console") == [{"text": "no /usr/main.py"}]


def test_2_8_locks_hand_over_in_order_and_ids_are_small(run):
    script = run("""
        import _thread, utime
        lock = _thread.allocate_lock()
        def worker(name):
            with lock:
                print(name, 'in')
                utime.sleep_ms(10)
                print(name, 'out')
        ids = [_thread.start_new_thread(worker, (n,)) for n in ('a', 'b', 'c')]
        utime.sleep(1)
        print(ids, lock.locked(), _thread.threadIsRunning(ids[0]))
    """)
    assert script.printed == ["a in", "a out", "b in", "b out", "c in", "c out", "[3, 4, 5] False False"]


def test_2_8_stop_thread_ends_it_where_it_stands(run):
    script = run("""
        import _thread, utime
        def beat():
            while True:
                print('beat')
                utime.sleep(1)
        t = _thread.start_new_thread(beat, ())
        utime.sleep_ms(1500)
        _thread.stop_thread(t)
        utime.sleep(5)
        print('end')
    """)
    assert script.printed == ["beat", "beat", "end"]


def test_a_defect_of_ours_is_not_blamed_on_the_script(run):
    """A script that catches everything must not hide that the emulator failed under it."""
    script = run("import utime\nutime.sleep(1000)\ntry:\n    open('/usr/x', 'w')\nexcept:\n    pass\n")

    def broken(*_args):
        raise AssertionError("ours")

    script.device.mounts.open = broken
    with pytest.raises(AssertionError, match="ours"):
        script.run(2000)


def test_2_9_plain_imports_need_the_folder_in_sys_path(run):
    script = run(
        """
        import usys
        try:
            import helper
        except ImportError as e:
            print(e)
        usys.path.append('/usr')
        import helper
        from tools.deep import VALUE
        print(helper.VALUE, VALUE, usys.path)
    """,
        files={"helper.py": "VALUE = 1", "tools/__init__.py": "", "tools/deep.py": "VALUE = 2"},
    )
    assert script.printed == ["no module named 'helper'", "1 2 ['', '/usr']"]
