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


ALIVE = """
    import utime, misc
    print('boot', misc.Power.powerOnReason())
    while True:
        utime.sleep(10)
        print(misc.Power.getVbatt())
"""


def test_2_7_an_empty_battery_switches_off_and_a_charged_one_starts_by_vbat(run):
    script = run(
        ALIVE,
        seconds=60,
        steps="{device: dut, at: 0s, battery: {level: 10%, to: 0%, over: 50s}}, "
        "{device: dut, at: 80s, battery: {level: 0%, to: 10%, over: 60s}}",
    )
    assert script.printed[0] == "boot 1"
    assert [int(mv) for mv in script.printed[1:]] == sorted(map(int, script.printed[1:]), reverse=True)
    assert script.device.state == "off"
    assert script.times_us("power.cut") == [50_000_000]
    script.run(20)
    assert script.device.state == "off"
    script.run(70)
    assert (script.device.boots, script.printed[5]) == (2, "boot 3")
    assert script.times_us("power.on") == [0, 80_000_000 + 30_000_000]  # at 5 %, half-way
    assert script.kinds("battery") == [{"empty": True, "millivolts": 3300}, {"empty": False, "millivolts": 3450}]


@pytest.mark.parametrize(("voltage", "runs"), [("3.3V", True), ("3.29V", False)])
def test_2_7_below_3_3_volts_no_module_runs(run, voltage, runs):
    """At its lower limit it does."""
    script = run(ALIVE, seconds=30, battery="{voltage: " + voltage + "}")
    assert (script.device.state == "running") is runs
    assert (script.printed == []) is not runs


def test_2_7_a_module_that_was_switched_off_stays_off_when_its_battery_is_charged(run):
    main = "import misc, utime\nutime.sleep(5)\nmisc.Power.powerDown()"
    script = run(
        main,
        seconds=20,
        steps="{device: dut, at: 15s, battery: {voltage: 3.2V}}, {device: dut, at: 18s, battery: {voltage: 3.9V}}",
    )
    assert script.kinds("battery") == [{"empty": True, "millivolts": 3200}, {"empty": False, "millivolts": 3900}]
    assert (script.device.state, script.device.boots) == ("off", 1)


def test_2_7_power_that_comes_back_to_an_empty_battery_waits_for_it(run):
    script = run(
        ALIVE,
        seconds=40,
        faults="{power_cut: {device: dut, when: {at: 10s}, off_for: 10s}}",
        steps="{device: dut, at: 12s, battery: {voltage: 3.0V}}, {device: dut, at: 30s, battery: {voltage: 3.9V}}",
    )
    assert script.times_us("power.on") == [0, 30_000_000]
