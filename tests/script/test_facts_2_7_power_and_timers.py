"""What the facts say of power, watchdog and timers, section 2.7, where no other test of these modules does."""

import pytest


def test_2_7_power_restart_is_at_once_and_nothing_after_it_runs(run):
    script = run("""
        import _thread, utime
        from misc import Power
        def other():
            utime.sleep(5)
            print('another thread')
        if Power.powerOnReason() == 1:
            _thread.start_new_thread(other, ())
            try:
                Power.powerRestart()
                print('after')
            except BaseException:
                print('caught')
            finally:
                print('finally')
        utime.sleep(20)
    """)
    assert script.printed == []
    assert [data["reason"] for data in script.kinds("reset")] == ["powerRestart"]


def test_2_7_no_reason_says_that_firmware_was_upgraded(run, upgrade):
    (package,), version = upgrade("EG915U")
    script = run(
        """
        import fota, misc, modem, utime
        print(modem.getDevFwVersion(), misc.Power.powerOnReason())
        utime.sleep(15)
        fota().httpDownload(url1='https://open.s3.us-west-2.amazonaws.com/a.pack')
        """,
        objects={"a.pack": package},
        seconds=200,
    )
    versions = [line.split()[0] for line in script.printed]
    reasons = [line.split()[1] for line in script.printed]
    assert versions[-1] == version != versions[0]
    assert set(reasons) <= {"1", "2", "3", "5"}


def test_2_7_the_voltage_is_in_millivolts(run):
    script = run("from misc import Power\nv = Power.getVbatt()\nprint(type(v), 3000 < v < 5000)")
    assert script.printed == ["<class 'int'> True"]


@pytest.mark.parametrize("number", [-1, 4, 99])
def test_2_7_a_timer_that_is_not_there_is_a_value_error(run, number):
    script = run(f"from machine import Timer\nTimer({number})")
    assert [error for _, error, _ in script.tracebacks] == ["ValueError"]


def test_2_7_a_deleted_os_timer_answers_minus_one(run):
    script = run("""
        import osTimer, utime
        t = osTimer()
        print(t.start(1000, 1, lambda arg: print('ghost')), t.delete_timer(), t.start(1000, 1, print), t.stop())
        utime.sleep(5)
    """)
    assert script.printed == ["0 0 -1 -1"]
