"""What is wired to a module, as a script sees it: pins, serial ports, clocks, buses, voltages."""

from sim.device.battery import Supply


def board(script):
    return script.device.board


def test_a_pin_is_driven_by_the_program_or_by_the_outside(run):
    script = run(
        """
        from machine import Pin
        import utime
        led, button = Pin(Pin.GPIO1, Pin.OUT, Pin.PULL_DISABLE, 1), Pin(Pin.GPIO2, Pin.IN)
        print(led.read(), button.read(), button.write(1), led.write(0), led.read(), led.get_dir())
        utime.sleep(100)
        print(button.read())
        Pin(99, Pin.OUT)
    """,
        seconds=30,
    )
    board(script).set_pin(2, 1)
    script.run(100)
    assert script.printed == ["1 0 -1 0 0 1", "1"]
    assert script.tracebacks == [("main", "ValueError", "invalid pin")]
    assert [(data["pin"], data["level"], data["by"]) for data in script.kinds("pin")] == [
        (1, 1, "program"),
        (1, 0, "program"),
        (2, 1, "outside"),
    ]


def test_an_interrupt_tells_the_edges_it_was_asked_for(run):
    script = run(
        """
        from machine import ExtInt
        rising = ExtInt(5, ExtInt.IRQ_RISING, ExtInt.PULL_PU, lambda args: print('rising', args))
        both = ExtInt(5, ExtInt.IRQ_RISING_FALLING, ExtInt.PULL_PU, lambda args: print('both', args))
        rising.enable()
        both.enable()
        import utime
        utime.sleep(60)
        print(rising.read_count(), both.read_count(1), both.read_count())
        print(rising.line(), both.read_level(), rising.disable())
        utime.sleep(60)
    """,
        seconds=30,
    )
    for level in (1, 0):
        board(script).set_pin(5, level)
        script.run(1)
    script.run(60)
    board(script).set_pin(5, 1)
    script.run(60)
    assert script.printed == [
        "rising [5, 0]",
        "both [5, 0]",
        "both [5, 1]",
        "[1, 0] [1, 1] [0, 0]",
        "5 0 0",
        "both [5, 0]",
    ]


def test_a_serial_port_keeps_what_came_until_it_is_read(run):
    script = run(
        """
        from machine import UART
        import utime
        port = UART(UART.UART2, 9600, 8, 0, 1, 0)
        port.set_callback(lambda args: print('callback', args))
        t = utime.ticks_ms()
        print(port.write('AT\\r\\n' * 24), utime.ticks_diff(utime.ticks_ms(), t), port.any(), port.read(5))
        utime.sleep(60)
        print(port.any(), port.read(3), port.read(100), port.any(), port.close())
    """,
        seconds=30,
    )
    board(script).feed_uart(2, b"hello")
    script.run(60)
    assert script.printed == ["96 100 0 b''", "callback [0, 2, 5]", "5 b'hel' b'lo' 0 0"]
    assert script.kinds("uart.out") == [{"port": 2, "bytes": 96}]


def test_a_peer_on_a_serial_port_answers(run):
    script = run(
        """
        from machine import UART
        import utime
        utime.sleep(20)
        port = UART(UART.UART1)
        port.write(b'ping')
        print(port.any())
        utime.sleep_ms(1)
        print(port.read(10))
    """,
        seconds=10,
    )
    line = board(script).uart(1)
    line.peer = lambda data: board(script).feed_uart(1, data.replace(b"ping", b"pong"))
    script.run(60)
    assert script.printed == ["0", "b'pong'"]


def test_a_serial_buffer_that_is_full_loses_what_comes(run):
    script = run("from machine import UART\np = UART(0)\nimport utime\nutime.sleep(60)\nprint(p.any())", seconds=30)
    board(script).feed_uart(0, bytes(20_000))
    script.run(60)
    assert script.printed == ["16384"]
    arrived = script.kinds("uart.in")
    assert sum(data["bytes"] for data in arrived) == 20_000
    assert sum(data["lost"] for data in arrived) == 3_616


def test_what_comes_on_a_serial_line_takes_the_time_of_its_bits_and_comes_in_pieces(run):
    """Whoever reads at the first callback has half a message, as with a real line."""
    script = run(
        """
        from machine import UART
        import utime
        port = UART(UART.UART1, 9600)
        start = None
        def came(args):
            print(args[2], port.any(), utime.ticks_diff(utime.ticks_ms(), start))
        port.set_callback(came)
        utime.sleep(20)
        start = utime.ticks_ms()
        port.write(b'?')
        utime.sleep(5)
        print(len(port.read(1000)))
    """,
        seconds=10,
    )
    board(script).uart(1).peer = lambda _data: board(script).feed_uart(1, bytes(150))
    script.run(60)
    assert script.printed == ["64 64 67", "64 128 134", "22 150 157", "150"]


def test_two_who_send_on_one_line_come_one_after_the_other(run):
    script = run(
        "from machine import UART\np = UART(0, 9600)\nimport utime\nutime.sleep(60)\nprint(p.read(99))", seconds=30
    )
    for text in (b"one", b"two"):
        board(script).feed_uart(0, text)
    script.device.reset("by hand")  # what is on the line finds nobody, then
    assert script.run(1).kinds("uart.in") == [{"port": 0, "bytes": 3, "lost": 3}] * 2
    script.run(20)
    for text in (b"one", b"two"):
        board(script).feed_uart(0, text)
    script.run(60)
    assert script.printed == ["b'onetwo'"]
    first, second = script.times_us("uart.in")[2:]
    assert second - first == 3 * 10 * 1_000_000 // 9600


def test_2_7_a_watchdog_that_is_not_fed_resets_the_module(run):
    script = run(
        """
        from machine import WDT
        from misc import Power
        import utime
        print('reason', Power.powerOnReason())
        if Power.powerOnReason() == 1:
            dog = WDT(10)
            for _ in range(3):
                utime.sleep(9)
                print('fed', dog.feed())
            utime.sleep(30)
            print('never')
    """,
        seconds=120,
    )
    assert script.printed == ["reason 1", "fed 0", "fed 0", "fed 0", "reason 5"]
    assert [data["reason"] for data in script.kinds("reset")] == ["watchdog"]


def test_2_7_a_watchdog_that_was_stopped_is_quiet(run):
    script = run("from machine import WDT\nimport utime\nd = WDT(5)\nd.stop()\nutime.sleep(20)\nprint('up')")
    assert script.printed == ["up"]


def test_2_7_a_timer_fires_once_or_periodically(run):
    script = run("""
        from machine import Timer
        import utime
        start = utime.ticks_ms()
        def again(timer):
            print(utime.ticks_diff(utime.ticks_ms(), start))
        a, b = Timer(Timer.Timer0), Timer(Timer.Timer1)
        print(a.start(period=500, mode=a.ONE_SHOT, callback=lambda t: print('once', t is a)))
        print(b.start(period=1000, mode=b.PERIODIC, callback=again))
        utime.sleep_ms(2500)
        print(b.stop(), b.start(period=0, mode=0, callback=print))
        Timer(4)
    """)
    assert script.printed == ["0", "0", "once True", "1000", "2000", "0 -1"]
    assert script.tracebacks == [("main", "ValueError", "invalid timer")]


def test_the_real_time_clock_counts_on_from_what_was_set(run):
    script = run("""
        from machine import RTC
        import utime
        rtc = RTC()
        print(rtc.datetime()[:6])
        print(rtc.init((2030, 2, 28, 0, 23, 59, 58, 0)))
        utime.sleep(3)
        print(rtc.datetime()[:7])
    """)
    assert script.printed == ["(2026, 1, 1, 3, 0, 0)", "0", "(2030, 3, 1, 4, 0, 0, 1)"]


def test_an_alarm_wakes_a_module_that_was_switched_off(run):
    script = run(
        """
        from machine import RTC
        from misc import Power
        print('reason', Power.powerOnReason())
        if Power.powerOnReason() == 1:
            rtc = RTC()
            rtc.init((2030, 1, 1, 0, 0, 0, 0, 0))
            print(rtc.enable_alarm(1), rtc.set_alarm((2030, 1, 1, 0, 0, 1, 0, 0)), rtc.enable_alarm(1))
            Power.powerDown()
    """,
        seconds=120,
    )
    assert script.printed == ["reason 1", "-1 0 0", "reason 4"]


def test_an_alarm_of_a_running_module_calls_back(run):
    script = run("""
        from machine import RTC
        import utime
        rtc = RTC()
        rtc.register_callback(lambda arg: print('alarm'))
        rtc.init((2030, 1, 1, 0, 0, 0, 0, 0))
        rtc.set_alarm((2030, 1, 1, 0, 0, 0, 5, 0))
        rtc.enable_alarm(1)
        utime.sleep(4)
        print('before')
        utime.sleep(4)
        rtc.set_alarm((2030, 1, 1, 0, 0, 0, 20, 0))
        print(rtc.enable_alarm(1), rtc.enable_alarm(0))
        utime.sleep(20)
    """)
    assert script.printed == ["before", "alarm", "0 0"]


def test_a_chip_on_i2c_is_read_and_written_by_register(run):
    script = run(
        """
        from machine import I2C
        import utime
        utime.sleep(20)
        bus, data = I2C(I2C.I2C0, I2C.FAST_MODE), bytearray(2)
        print(bus.read(0x44, b'\\x10', 1, data, 2, 5), data, bus.write(0x44, b'\\x20', 1, b'\\x07', 1))
        print(bus.read(0x44, b'\\x20', 1, data, 2, 0), data, bus.read(0x45, b'\\x10', 1, data, 2, 0))
    """,
        seconds=10,
    )
    board(script).i2c[0, 0x44] = {0x10: b"\x12\x34"}
    script.run(60)
    assert script.printed == [r"0 bytearray(b'\x124') 0", r"0 bytearray(b'\x07\x00') -1"]


def test_voltages_come_from_the_board(run):
    script = run(
        """
        from misc import ADC, Power
        import utime
        adc = ADC()
        adc.open()
        print(adc.read(ADC.ADC0), adc.read(9), Power.getVbatt())
        utime.sleep(60)
        print(adc.read(ADC.ADC1), Power.getVbatt())
    """,
        seconds=30,
    )
    board(script).set_adc(1, 1210)
    board(script).supply = Supply(3400)
    script.run(60)
    assert script.printed == ["0 -1 3950", "1210 3400"]


def test_what_is_outside_outlives_a_restart_and_what_the_program_set_up_does_not(run):
    script = run(
        """
        from machine import ExtInt, Pin, UART
        from misc import Power
        import utime
        port = UART(1)
        utime.sleep(20)
        print(Pin(3, Pin.IN).read(), port.any())
        if Power.powerOnReason() == 1:
            ExtInt(3, ExtInt.IRQ_RISING_FALLING, 0, lambda args: print('ghost')).enable()
            Power.powerRestart()
        utime.sleep(100)
    """,
        seconds=10,
    )
    board(script).set_pin(3, 1)
    board(script).feed_uart(1, b"abc")
    script.run(60)
    board(script).set_pin(3, 0)
    script.run(60)
    assert script.printed == ["1 3", "1 0"]


def test_buses_by_plain_pins(run):
    script = run(
        """
        from machine import I2C_simulation, Pin, SoftSPI
        import utime
        utime.sleep(20)
        bus, data = I2C_simulation(Pin.GPIO10, Pin.GPIO11, 100000), bytearray(2)
        print(bus.read(0x44, b'\\x10', 1, data, 2, 5), data, bus.write(0x45, b'\\x20', 1, b'\\x07', 1))
        spi = SoftSPI(clk=1, cs=2, mosi=3, miso=4)
        print(spi.write_read(data, b'ab', 2), data)
    """,
        seconds=10,
    )
    board(script).i2c[10, 0x44] = {0x10: b"\x12\x34"}
    script.run(60)
    assert script.printed == [r"0 bytearray(b'\x124') -1", r"0 bytearray(b'\x00\x00')"]


def test_a_screen_is_there_and_shows_nothing(run):
    script = run("""
        from machine import LCD, KeyPad
        from misc import USBNET
        lcd = LCD()
        print(lcd.lcd_init(b'', 240, 320, 13000, 1, 4, 0), lcd.lcd_show('a.jpg', 0, 0, 1, 1), KeyPad().init())
        print(USBNET.open(), USBNET.Type_ECM)
    """)
    assert script.printed == ["-1 -1 -1", "-1 0"]
    assert "machine.LCD.lcd_init" in [data["name"] for data in script.kinds("inert")]
