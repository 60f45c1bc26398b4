"""What the firmware's modules answer, one behaviour each."""

import json

import pytest


def test_2_9_utime_counts_from_1970_and_local_time_is_eight_hours_east(run):
    script = run("""
        import utime
        t = utime.time()
        print(t, utime.localtime(t), utime.mktime(utime.localtime(t)) == t, utime.getTimeZone())
        print(utime.localtime(951782400), utime.setTimeZone(13), utime.setTimeZone(0), utime.localtime(0))
        a = utime.ticks_ms()
        utime.sleep_ms(250)
        print(utime.ticks_diff(utime.ticks_ms(), a), utime.ticks_diff(5, 2**30 - 5))
    """)
    assert script.printed == [
        "1767225604 (2026, 1, 1, 8, 0, 4, 3, 1) True 8",
        "(2000, 2, 29, 8, 0, 0, 1, 60) -1 0 (1970, 1, 1, 0, 0, 0, 3, 1)",
        "250 10",
    ]


def test_ujson_has_one_error_text_and_takes_bytes(run):
    script = run("""
        import ujson
        print(ujson.loads(b'{"a": [1, null, true]}'), ujson.dumps({'k': 'ü', 'n': 1}))
        try:
            ujson.loads('{')
        except ValueError as e:
            print(e)
    """)
    assert script.printed == ['{\'a\': [1, None, True]} {"k": "ü", "n": 1}', "syntax error in JSON"]


def test_log_respects_its_level(run):
    script = run("""
        import log
        log.basicConfig(level=log.WARNING)
        logger = log.getLogger('app')
        logger.info('no %d', 1)
        logger.error('yes %s', 'two')
    """)
    assert script.kinds("log") == [{"level": "ERROR", "name": "app", "text": "yes two"}]


def test_2_9_modem_and_uname_tell_who_the_device_is(run):
    script = run("""
        import modem, uos
        print(modem.getDevFwVersion(), modem.getDevModel(), len(modem.getDevImei()))
        print(uos.uname()[1].split('=', 1)[1], uos.uname2().qpyver)
    """)
    assert script.printed == ["EG915UEUABR03A20M08_OCPU_QPY EG915U 15", "EG915U EG915UEUABR03A20M08_OCPU_QPY"]


def test_files_live_on_the_flash_and_cost_time(run):
    script = run("""
        import uos, utime
        t = utime.ticks_ms()
        with open('/usr/data.bin', 'wb') as f:
            f.write(bytes(range(256)) * 32)
        print(utime.ticks_ms() > t, uos.stat('/usr/data.bin')[6])
        with open('/usr/lines.txt', 'w') as f:
            f.write('one\\ntwo\\n')
        with open('/usr/lines.txt') as f:
            print([line for line in f])
        uos.rename('/usr/lines.txt', '/usr/moved.txt')
        uos.mkdir('/usr/dir')
        print(sorted(uos.listdir('/usr')), uos.listdir('/'))
        uos.remove('/usr/data.bin')
        for path in ('/usr/missing', '/bak/x', '/nowhere/x'):
            try:
                open(path, 'r' if 'missing' in path else 'w')
            except OSError as e:
                print(path, e.args[0])
        print(uos.statvfs('/usr')[:4])
    """)
    assert script.printed[:5] == [
        "True 8192",
        "['one\\n', 'two\\n']",
        "['data.bin', 'dir', 'main.py', 'moved.txt', 'system_config.json'] ['bak', 'usr']",
        "/usr/missing 2",
        "/bak/x 30",
    ]
    assert script.printed[5] == "/nowhere/x 2"
    assert script.printed[6].startswith("(4096, 4096, 96, ")


def test_2_9_a_file_not_closed_before_a_restart_keeps_its_old_content(run):
    script = run("""
        import misc
        try:
            with open('/usr/state') as f:
                print('content', repr(f.read()))
        except OSError:
            with open('/usr/state', 'w') as f:
                f.write('old')
            f = open('/usr/state', 'w')
            f.write('new, never closed')
            misc.Power.powerRestart()
    """)
    assert script.printed == ["content 'old'"]


def test_2_7_power_down_stays_down(run):
    script = run("from misc import Power\nPower.powerDown()\nprint('never')")
    assert script.printed == []
    assert script.device.state == "off"


def test_check_net_waits_for_the_network(run):
    script = run("""
        import checkNet, utime
        print(checkNet.waitNetworkReady(1))
        t = utime.ticks_ms()
        print(checkNet.waitNetworkReady(60), utime.ticks_ms() > t)
        net = checkNet.CheckNetwork('app', '1.0')
        net.poweron_print_once()
        print(net.wait_network_connected())
        try:
            checkNet.waitNetworkReady(0)
        except OSError as e:
            print('OSError')
    """)
    assert script.printed[:2] == ["(2, 2)", "(3, 1) True"]
    assert script.printed[3].startswith("PROJECT_NAME")
    assert script.printed[-2:] == ["(3, 1)", "OSError"]


def test_importing_fota_gives_the_class_itself_and_one_object(run):
    script = run("""
        import fota
        print(fota() is fota())
        try:
            fota.fota()
        except AttributeError:
            print('AttributeError')
        try:
            fota().httpDownload('http://x/y')
        except TypeError:
            print('TypeError')
        print(fota().httpDownload(url1='http://a', url2='http://b'))
        print(fota().httpDownload(url1='http://nowhere.example/x.pack'))
    """)
    assert script.printed == ["True", "AttributeError", "TypeError", "-1", "-1"]
    assert [data["code"] for data in script.kinds("fota.failed")] == [711, 714]


def test_a_local_package_is_written_verified_and_applied_after_the_scripts_own_restart(run):
    from sim.scenario.packages import build

    old, new = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
    script = run(
        """
        import fota, uos, modem
        from misc import Power
        print(modem.getDevFwVersion())
        if Power.powerOnReason() == 1:
            f, size = fota(), uos.stat('/usr/up.pack')[6]
            with open('/usr/up.pack', 'rb') as package:
                while True:
                    piece = package.read(3000)
                    if not piece:
                        break
                    if f.write(piece, size) != 0:
                        print('write failed')
            print(f.write(b'more', size), f.flush(), f.verify())
            Power.powerRestart()
        """,
        seconds=200,
        files={"up.pack": build("EG915U", "differential", old, new)[0]},
    )
    assert script.printed == [old, "-1 0 0", new]


@pytest.mark.parametrize("keepalive", [1, 4])
def test_umqtt_refuses_a_keepalive_below_five_seconds(run, keepalive):
    script = run(f"from umqtt import MQTTClient\nMQTTClient('dut', 'h.amazonaws.com', keepalive={keepalive})")
    assert script.tracebacks[0][1] == "ValueError"


def test_umqtt_connect_failures_are_value_errors(run):
    script = run("""
        from umqtt import MQTTClient
        for host, name in (('nowhere.example', 'dut'), ('iot.amazonaws.com', 'stranger')):
            try:
                MQTTClient(name, host, ssl=True, keepalive=60).connect()
            except ValueError as e:
                print(e)
    """)
    assert script.printed == ["MQTT Connect error='DNS Parsing NULL' FAIL", "MQTT Connect error='5' FAIL"]


CLIENT = """
    import utime, _thread, ujson
    from umqtt import MQTTClient
    def on_message(topic, message):
        print(topic.decode(), message.decode())
        if message == b'bad':
            raise KeyError('execution')
    c = MQTTClient('dut', 'iot.amazonaws.com', ssl=True, keepalive=60)
    c.set_callback(on_message)
    c.connect()
    c.subscribe('t/+', qos=1)
    def loop():
        while True:
            c.wait_msg()
    _thread.start_new_thread(loop, ())
"""


def test_umqtt_delivers_and_answers(run):
    script = run(CLIENT + "    print(c.publish('t/1', b'one', qos=1), c.publish('t/2', 'two'), c.get_mqttsta())\n")
    assert sorted(script.printed) == ["True True 0", "t/1 one", "t/2 two"]


@pytest.mark.parametrize(
    ("umqtt", "connects", "loop_dies"), [("current", 1, False), ("2021", 2, False), ("upstream", 1, True)]
)
def test_umqtt_generations_differ_in_what_a_raising_callback_does(run, umqtt, connects, loop_dies):
    script = run(
        CLIENT + "    c.publish('t/1', 'bad')\n    utime.sleep(20)\n    c.publish('t/1', 'good')\n", umqtt=umqtt
    )
    assert len(script.kinds("mqtt.connack")) == connects
    assert ("t/1 good" in script.printed) is not loop_dies
    assert bool(script.tracebacks) is loop_dies


def test_umqtt_pings_on_the_five_second_grid_and_stays_connected_for_hours(run):
    script = run(CLIENT, seconds=4 * 3600)
    assert len(script.kinds("mqtt.connack")) == 1
    assert script.kinds("mqtt.closed") == []


def test_a_job_request_is_answered_without_a_subscription(run):
    script = run(CLIENT + "    c.publish('$aws/things/dut/jobs/get', '{}')\n")
    topic, _, body = script.printed[0].partition(" ")
    assert topic == "$aws/things/dut/jobs/get/accepted"
    assert json.loads(body) == {"inProgressJobs": [], "queuedJobs": [], "timestamp": json.loads(body)["timestamp"]}


def test_app_fota_raises_what_the_device_raises(run):
    script = run("""
        import app_fota
        a = app_fota.new()
        try:
            a.download('http://nowhere.example/x', '/usr/x')
        except IndexError as e:
            print('IndexError')
        url = 'https://files.s3.us-west-2.amazonaws.com/hello.txt'
        item = {'url': url, 'file_name': '/usr/x'}
        print(a.download(url, '/usr/x'), a.bulk_download([item]) == [item])
        try:
            a.bulk_download([{'url': url}])
        except KeyError:
            print('KeyError')
    """)
    assert script.printed == ["IndexError", "-1 True", "KeyError"]


REASONS = """\
    import misc, utime
    print(misc.Power.powerOnReason(), misc.Power.powerDownReason())
    """


def test_2_7_power_reasons(run):
    script = run(REASONS)
    script.device.reset("RESET pin")
    script.run(20)
    script.device.reset("watchdog")
    script.run(20)
    script.device.power_down()
    script.device.power_on()
    script.run(20)
    script.device.power_cut()
    script.device.power_on()
    script.run(20)
    assert script.printed == ["1 0", "2 1", "5 5", "1 1", "1 0"]


def test_2_7_some_modules_do_not_know_why_they_went_off(run):
    script = run(REASONS, model="EC600U", firmware="EC600UCNLBR03A01M08_OCPU_QPY")
    assert script.tracebacks[0][1] == "AttributeError"


def test_classes_that_are_made_when_asked_for_are_there_in_every_form_of_import(run):
    done = run(
        """
        import misc, machine
        from misc import ADC
        from machine import *
        print("USB" in dir(misc), hasattr(misc, "PWM"), hasattr(misc, "nothing"))
        print(ADC is misc.ADC, UART is machine.UART, UART is machine.UART)
        misc.USB = 1
        print(misc.USB)
        try:
            misc.nothing
        except AttributeError as error:
            print("AttributeError")
        """
    )
    assert done.printed == ["True True False", "True True True", "1", "AttributeError"]
