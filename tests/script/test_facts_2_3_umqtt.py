"""What the facts say of `umqtt`, section 2.3, one surprise a test."""

from itertools import pairwise

import pytest
from script_rig import FIRMWARE

from sim.device.mqtt_link import MqttLink
from sim.device.radio import Radio

G21, G25 = {"generation": "G21"}, {"generation": "G25"}
BOTH = pytest.mark.parametrize("generation", ["G21", "G25"])

CLIENT = """
import utime, _thread, net
from umqtt import MQTTClient
def on_message(topic, message):
    print('got', topic.decode(), message.decode())
{more}
c = MQTTClient('dut', 'iot.amazonaws.com', ssl=True, keepalive={keepalive}{ctor})
c.set_callback(on_message)
c.error_register_cb(lambda text: print('told', text))
c.connect()
c.subscribe('t/+', qos=1)
def loop():
    while True:
        c.wait_msg()
"""
READER = "_thread.start_new_thread(loop, ())\nutime.sleep(1)\n"


def client(rest, *, keepalive=60, ctor="", more="    pass", reader=True):
    return CLIENT.format(keepalive=keepalive, ctor=ctor, more=more) + (READER if reader else "") + rest


def logged(script):
    return [data["text"] for data in script.kinds("log")]


def connects(script):
    return len(script.kinds("mqtt.connack"))


@pytest.fixture
def spy(monkeypatch):
    """(what was said in CONNECT, seconds of each PINGREQ), as it happens."""
    hellos, pings = [], []
    open_mqtt, ping = Radio.open_mqtt, MqttLink.ping

    def opened(radio, hello, receive):
        hellos.append(hello)
        return open_mqtt(radio, hello, receive)

    def pinged(link):
        pings.append(link.radio.clock.now_us / 1_000_000)
        ping(link)

    monkeypatch.setattr(Radio, "open_mqtt", opened)
    monkeypatch.setattr(MqttLink, "ping", pinged)
    return hellos, pings


# -- the constructor


@pytest.mark.parametrize("keepalive", [-1, 1, 4])
def test_2_3_a_keepalive_of_one_to_four_seconds_is_a_value_error(run, keepalive):
    script = run(f"from umqtt import MQTTClient\nMQTTClient('dut', 'h', keepalive={keepalive})")
    assert [error for _, error, _ in script.tracebacks] == ["ValueError"]


@pytest.mark.parametrize("keepalive", [0, 5])
def test_2_3_none_at_all_and_five_are_taken(run, keepalive):
    assert run(f"from umqtt import MQTTClient\nMQTTClient('dut', 'h', keepalive={keepalive})").tracebacks == []


@pytest.mark.parametrize(("generation", "keepalive"), [("G21", 0), ("G25", 0), ("UNI", 60)])
def test_2_3_uni_has_a_keepalive_of_a_minute_when_a_script_says_none(run, spy, generation, keepalive):
    hellos, _ = spy
    run(
        "from umqtt import MQTTClient\nMQTTClient('dut', 'iot.amazonaws.com', ssl=True).connect()",
        generation=generation,
    )
    assert [hello.keepalive_s for hello in hellos] == [keepalive]


def test_2_3_the_arguments_have_the_vendors_order(run):
    script = run(
        "from umqtt import MQTTClient\n"
        "c = MQTTClient('dut', 'iot.amazonaws.com', 0, None, None, 60, True, {}, True, 4, 1)\n"
        "c.set_callback(print)\nprint(c.connect())\n"
    )
    assert script.printed == ["0"]
    assert script.kinds("mqtt.connect") == [{"host": "iot.amazonaws.com", "port": 8883, "client": "dut", "tls": True}]


@pytest.mark.parametrize(("tls", "port"), [("False", 1883), ("True", 8883)])
def test_2_3_port_0_is_the_usual_one(run, tls, port):
    script = run(f"from umqtt import MQTTClient\nMQTTClient('dut', 'nowhere.example', ssl={tls}).connect()")
    assert script.kinds("mqtt.connect")[0]["port"] == port


@pytest.mark.parametrize(("knobs", "error"), [(G21, ["TypeError"]), (G25, [])])
def test_2_3_manage_and_ipvtype_came_later(run, knobs, error):
    script = run("from umqtt import MQTTClient\nMQTTClient('dut', 'h', manage=True, ipvtype=0)", **knobs)
    assert [kind for _, kind, _ in script.tracebacks] == error


def test_2_3_an_unknown_argument_is_a_type_error(run):
    script = run("from umqtt import MQTTClient\nMQTTClient('dut', 'h', keep_alive=60)")
    assert [error for _, error, _ in script.tracebacks] == ["TypeError"]


# -- connecting


@BOTH
@pytest.mark.parametrize(
    ("host", "name", "text"),
    [
        ("nowhere.example", "dut", "MQTT Connect error='DNS Parsing NULL' FAIL"),
        ("iot.amazonaws.com", "stranger", "MQTT Connect error='5' FAIL"),
    ],
)
def test_2_3_every_failure_to_connect_is_a_value_error(run, generation, host, name, text):
    main = f"""
        from umqtt import MQTTClient
        try:
            MQTTClient('{name}', '{host}', ssl=True, keepalive=60).connect()
        except ValueError as e:
            print(e)
    """
    assert run(main, generation=generation).printed == [text]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("refused", "MQTT Connect Error='104' Server Actively RST Disconnected.Need Check addr&port"),
        ("reset", "MQTT Connect Error='104' Server Actively RST Disconnected.Need Check addr&port"),
        ("closed", "MQTT Connect Error='107' Server Actively FIN Disconnected.Need Check Connection parameters"),
        (None, "MQTT Connect Error='110' Timeout.Need Check Network"),
    ],
)
def test_2_3_rst_fin_and_silence_have_texts_of_their_own(run, reason, text):
    from sim.ports import Closed

    script = run("import utime\nutime.sleep(3)\n", 1)

    class Channel:
        """A connection on which nothing more happens."""

        def __getattr__(self, _name):
            return lambda *_args: None

    def mqtt(_device, _hello, receive):
        if reason is not None:
            script.world.clock.handover(receive, Closed(reason))
        return Channel()

    script.device.radio.network.mqtt = mqtt
    main = (
        "import utime\nfrom umqtt import MQTTClient\nstart = utime.time()\ntry:\n    MQTTClient('dut', 'h').connect()\n"
        "except ValueError as e:\n    print(e)\n    print(utime.time() - start)\n"
    )
    script.run(6)
    script.device.mounts.write("/usr/main.py", main.encode())
    script.device.reset("by hand")
    script.run(60)
    assert script.printed[0] == text
    assert (int(script.printed[1]) >= 20) is (reason is None)


@pytest.mark.parametrize(("fun", "steps", "seconds"), [(1, "{device: dut, at: 0s, network: none}", 25), (0, "", 2)])
def test_2_3_without_a_network_name_resolution_is_patient_and_with_the_radio_off_it_fails_five_times_at_once(
    run, fun, steps, seconds
):
    script = run(
        f"""
        import net, utime
        from umqtt import MQTTClient
        net.setModemFun({fun})
        start = utime.ticks_ms()
        try:
            MQTTClient('dut', 'iot.amazonaws.com').connect()
        except ValueError as e:
            print(e, (utime.ticks_ms() - start) // 1000)
        """,
        steps=steps,
    )
    assert script.printed == [f"MQTT Connect error='DNS Parsing NULL' FAIL {seconds}"]


def test_2_3_the_will_is_part_of_connect(run, spy):
    from sim.ports import Will

    hellos, _ = spy
    main = (
        "from umqtt import MQTTClient\nc = MQTTClient('dut', 'iot.amazonaws.com', ssl=True)\n"
        "c.set_last_will(b't/gone', 'bye', True, 1)\nprint(c.connect())\n"
    )
    script = run(main, 20)
    assert script.printed == ["0"]
    assert [hello.will for hello in hellos] == [Will("t/gone", b"bye", 1, True)]


# -- TLS


def authority(organisation):
    """A root certificate, PEM, of somebody by this name."""
    from datetime import datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation)])
    start = datetime(2020, 1, 1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=9999))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


CHECKED = """
    from umqtt import MQTTClient
    with open('/usr/ca.pem') as f:
        ca = f.read()
    try:
        print(MQTTClient('dut', 'iot.amazonaws.com', ssl={tls}, ssl_params={{'{word}': ca}}).connect())
    except ValueError as e:
        print(e)
"""
REFUSED = "MQTT Connect error='tls' FAIL"


@pytest.mark.parametrize("word", ["ca", "cadata"])
@pytest.mark.parametrize(
    ("ca", "answer"), [("Amazon", "0"), ("Somebody", REFUSED), (None, REFUSED), ("cloud", "0"), ("both", "0")]
)
def test_2_3_the_server_is_checked_when_a_ca_is_given(run, ca, answer, word):
    """The roots of Amazon stand for the emulated cloud's own."""
    from sim.cloud.things import Things

    own = Things(3).authority_pem
    texts = {"cloud": own, None: "-----BEGIN CERTIFICATE-----\nnone\n", "both": authority("Somebody") + own}
    script = run(
        CHECKED.format(word=word, tls=True), files={"ca.pem": texts[ca] if ca in texts else authority(ca)}, **G25
    )
    assert script.printed == [answer]
    assert (script.kinds("mqtt.connect") == []) is (answer == REFUSED)


@pytest.mark.parametrize(("knobs", "tls"), [(G21, True), (G25, False)])
def test_2_3_nothing_is_checked_in_2021_nor_without_tls(run, knobs, tls):
    script = run(CHECKED.format(word="ca", tls=tls), files={"ca.pem": authority("Somebody")}, **knobs)
    assert script.printed[0] != REFUSED


@pytest.mark.parametrize(("knobs", "named"), [(G21, False), (G25, True), ({"umqtt": "upstream"}, False)])
def test_2_3_g25_names_the_server_in_the_handshake_and_g21_does_not(run, spy, knobs, named):
    hellos, _ = spy
    run(CHECKED.format(word="none", tls=True), files={"ca.pem": "x"}, **knobs)
    assert [hello.names_host for hello in hellos] == [named]


# -- ping thread


@BOTH
@pytest.mark.parametrize(("keepalive", "gap"), [(5, 5), (12, 10), (13, 15), (60, 60)])
def test_2_3_a_ping_goes_out_at_the_poll_that_finds_it_idle_for_more_than_keepalive_less_three(
    run, spy, generation, keepalive, gap
):
    _, pings = spy
    script = run(client("", keepalive=keepalive), 320, generation=generation)
    gaps = [round(b - a, 3) for a, b in pairwise(pings)]
    assert len(gaps) >= 3
    assert abs(gaps[0] - gap) < 1
    assert set(gaps) <= {gap, gap + 5} or keepalive == 60
    assert script.kinds("mqtt.closed") == []


def test_2_3_g25_pings_early_after_a_publish_late_in_the_keepalive(run, spy):
    _, pings = spy
    script = run(client("utime.sleep(48)\nstart = utime.time()\nc.publish('x', 'y')\n"), 100)
    connected = script.times_us("mqtt.connack")[0] / 1_000_000
    assert 48 < pings[0] - connected < 56


LONG = """
    if message == b'long':
        utime.sleep({s})
        print('woke')
"""


@BOTH
@pytest.mark.parametrize(("spare", "gives_up"), [(0, True), (1, False)])
def test_2_3_in_a_long_callback_nobody_reads_the_pingresp_and_the_ping_thread_gives_up(
    run, generation, spare, gives_up
):
    main = client("c.publish('t/1', 'long')\n", more=LONG.format(s=150), ctor=f", pingmaxnum={spare}")
    script = run(main, 175, generation=generation)
    assert "woke" in script.printed
    assert ("Send ping timeout. Trying to reconnect" in logged(script)) is gives_up
    assert bool(script.kinds("mqtt.closed")) is gives_up


def test_2_3_after_it_gave_up_the_broker_drops_the_session_at_half_as_much_again_and_then_it_reconnects(run):
    main = client("c.publish('t/1', 'long')\n", more=LONG.format(s=130))
    script = run(main, 600)
    closed = script.times_us("mqtt.closed")
    assert len(closed) == 1
    first, second = script.times_us("mqtt.connack")
    assert 145_000_000 < closed[0] - first < 155_000_000
    assert second - closed[0] < 10_000_000


@BOTH
def test_2_3_a_lost_network_is_noticed_by_the_second_ping_and_mended(run, generation):
    script = run(client("", keepalive=30), 20, generation=generation)
    script.device.radio.lose_signal(100_000_000)
    script.run(300)
    assert connects(script) == 2
    assert [line for line in script.printed if line.startswith("told")] == [
        "told reconnect_start",
        "told reconnect_success",
    ]


def test_2_3_without_reconn_the_ping_thread_ends_and_tells_the_error_callback(run):
    main = client("", keepalive=30, ctor=", reconn=False", more="    pass", reader=False)
    script = run(main + "utime.sleep(400)\n", 20)
    script.device.radio.lose_signal(400_000_000)
    script.run(120)
    assert script.printed == ["told Send ping timeout."]
    assert connects(script) == 1


@pytest.mark.parametrize(("model", "error"), [("EG915U", []), ("EC800E", ["RuntimeError"])])
def test_2_3_the_ping_thread_has_half_the_stack_on_ec600e_and_ec800e(run, model, error):
    """The error callback runs on it, and goes fifty calls deep."""
    deep = "def deep(n):\n    return deep(n - 1) if n else 'told'\n"
    main = client("", keepalive=30, ctor=", reconn=False", reader=False).replace(
        "lambda text: print('told', text)", "lambda text: print(deep(50))"
    )
    script = run(deep + main + "utime.sleep(400)\n", 25, model=model)
    script.device.radio.lose_signal(400_000_000)
    script.run(120)
    assert [kind for _, kind, _ in script.tracebacks] == error
    assert ("told" in script.printed) is not bool(error)


# -- subscribe and publish


def test_2_3_subscribe_asserts_that_there_is_a_callback(run):
    main = "from umqtt import MQTTClient\nc = MQTTClient('dut', 'iot.amazonaws.com', ssl=True)\nc.connect()\n"
    assert [error for _, error, _ in run(main + "c.subscribe('t')\n").tracebacks] == ["AssertionError"]


@pytest.mark.parametrize(("knobs", "results"), [(G21, "None None None"), (G25, "True True False")])
def test_2_3_publish_gives_none_in_g21_and_true_or_false_in_g25(run, knobs, results):
    script = run(
        client("""
a, b = c.publish('t/1', 'zero'), c.publish('t/2', b'one', qos=1)
c.disconnect()
print(a, b, c.publish('t/3', 'gone'))
"""),
        **knobs,
    )
    assert script.printed[-1] == results
    assert script.tracebacks == []


@pytest.mark.parametrize(("knobs", "answer"), [(G21, "None"), (G25, "False"), ({"umqtt": "upstream"}, "raised")])
def test_2_3_publish_swallows_what_goes_wrong(run, knobs, answer):
    """A connection that the broker closed, a radio that is off, and a message that is none."""
    script = run(
        client(
            """
def tell(message):
    try:
        print(c.publish('t/x', message))
    except (OSError, TypeError):
        print('raised')
tell(5)
tell({'a': 1})
c.close()
tell('x')
net.setModemFun(4)
tell('x')
""",
            ctor=", reconn=False",
            reader=False,
        ),
        **knobs,
    )
    assert script.printed == [answer] * 4


@pytest.mark.parametrize(("knobs", "result"), [(G21, "None"), (G25, "False")])
def test_2_3_publish_at_qos_2_is_not_supported_and_nothing_comes_out(run, knobs, result):
    script = run(client("print(c.publish('t/1', 'two', qos=2))\n"), **knobs)
    assert result in script.printed
    assert script.tracebacks == []


def test_2_3_qos_1_from_within_a_callback_waits_five_seconds_for_a_puback_that_nobody_reads(run):
    more = """
    if topic == b't/1':
        start = utime.time()
        print('inner', c.publish('t/2', 'x', qos=1), utime.time() - start)
"""
    script = run(client("c.publish('t/1', 'go')\n", more=more))
    assert "inner False 5" in script.printed
    assert "got t/2 x" in script.printed


def test_2_3_without_a_reading_thread_g25_reads_one_packet_by_itself_and_that_may_be_another(run):
    """The first publish reads its own message, the second the PUBACK of the first: both were delivered, both say no."""
    script = run(client("print(c.publish('t/1', 'x', qos=1), c.publish('t/2', 'y', qos=1))\n", reader=False))
    assert script.printed == ["got t/1 x", "False False"]


@pytest.mark.parametrize(("knobs", "error"), [(G21, ["MQTTException"]), (G25, [])])
def test_2_3_a_refused_subscription_is_an_exception_in_g21_and_a_log_line_in_g25(run, knobs, error):
    from sim.ports import Suback
    from sim.script.mqtt_socket import MqttSocket

    script = run("import utime\nutime.sleep(2)\n", 1, **knobs)
    script.run(6)
    inner = MqttSocket._arrive

    def refuse(socket, link, arrival):
        inner(socket, link, Suback(arrival.packet_id, 0x80) if isinstance(arrival, Suback) else arrival)

    MqttSocket._arrive = refuse
    try:
        script.device.mounts.write("/usr/main.py", client("print('went on')\n", reader=False).encode())
        script.device.reset("by hand")
        script.run(60)
    finally:
        MqttSocket._arrive = inner
    assert [kind for _, kind, _ in script.tracebacks] == error
    assert ("went on" in script.printed) is not bool(error)
    assert "subscribe topic ACK Fail" in logged(script)


# -- reading


BAD = """
    if message == b'bad':
        raise KeyError('execution')
"""


def test_2_3_g25_logs_a_callback_that_raises_and_keeps_the_connection(run):
    script = run(client("c.publish('t/1', 'bad', qos=1)\nc.publish('t/1', 'good')\n", more=BAD), **G25)
    assert logged(script) == ["set_callback OSError[execution]."]
    assert "got t/1 good" in script.printed
    assert connects(script) == 1


def test_2_3_g21_takes_a_callback_that_raises_for_a_network_error(run):
    rest = "c.publish('t/1', 'bad')\nutime.sleep(20)\nc.publish('t/1', 'good')\n"
    script = run(client(rest, more=BAD), **G21)
    assert logged(script)[0] == "wait msg, Network exception. Trying to reconnect"
    assert connects(script) == 2
    assert script.printed[-1] == "got t/1 good"
    assert [data["filter"] for data in script.kinds("mqtt.subscribe")] == ["t/+", "t/+"]


def test_2_3_g21_acknowledges_after_the_callback_so_a_lasting_session_delivers_it_again_and_again(run):
    main = client("utime.sleep(1)\nc.publish('t/1', 'bad', qos=1)\n", more=BAD).replace(
        "c.connect()", "c.connect(False)"
    )
    again = run(main, 120, **G21)
    assert again.printed.count("got t/1 bad") > 3
    assert connects(again) > 3
    once = run(main, 120, **G25)
    assert once.printed.count("got t/1 bad") == 1


def test_2_3_g21_without_reconn_lets_it_out(run):
    script = run(client("c.publish('t/1', 'bad')\n", more=BAD, ctor=", reconn=False"), **G21)
    assert [error for _, error, _ in script.tracebacks] == ["KeyError"]


def test_2_3_topic_and_message_are_bytes(run):
    script = run(client("c.publish('t/1', 'x')\n", more="    print(type(topic) is bytes, type(message) is bytes)"))
    assert "True True" in script.printed


def test_2_3_check_msg_gives_none_at_once_when_nothing_is_there(run):
    script = run(
        client(
            "start = utime.ticks_ms()\nprint(c.check_msg(), utime.ticks_diff(utime.ticks_ms(), start))\n", reader=False
        )
    )
    assert script.printed[-1] == "None 0"


def test_2_3_wait_msg_gives_none_in_a_tight_loop_when_the_server_has_closed(run):
    """Another device with the same name: the broker closes our connection. The ping thread notices at its next ping."""
    rest = """
calls = []
def count():
    while True:
        if c.wait_msg() is None:
            calls.append(utime.time())
_thread.start_new_thread(count, ())
utime.sleep(10)
d = MQTTClient('dut', 'iot.amazonaws.com', ssl=True)
d.set_callback(print)
d.connect()
utime.sleep(5)
print('closed', c.get_mqttsta(), len(calls) > 50)
d.disconnect()
utime.sleep(60)
print('again', c.get_mqttsta())
"""
    script = run(client(rest, reader=False), 120)
    assert "closed 2 True" in script.printed
    assert "again 0" in script.printed
    assert script.printed.index("told reconnect_start") > script.printed.index("closed 2 True")


# -- reconnecting


def test_2_3_reconnecting_waits_for_the_network_and_five_seconds_between_looks(run):
    rest = "utime.sleep(10)\nnet.setModemFun(4)\nutime.sleep(150)\nnet.setModemFun(1)\n"
    script = run(client(rest, keepalive=30), 260)
    assert len(script.kinds("mqtt.connect")) == 2
    assert "told reconnect_success" in script.printed
    assert [text for text in logged(script) if "tried again" in text] == []


def test_2_3_failed_rounds_wait_longer_each_time(run, monkeypatch):
    """The name is taken away from the device's certificate, so that the broker refuses it."""
    script = run(client("utime.sleep(300)\n", keepalive=30), 20)
    real, tries = Radio.open_mqtt, []

    def refused(radio, hello, receive):
        tries.append(radio.clock.now_us)
        return real(radio, type(hello)("nowhere.example", hello.port, hello.client_id), receive)

    monkeypatch.setattr(Radio, "open_mqtt", refused)
    script.device.radio.lose_signal(1_000_000)
    script.run(180)
    waits = [text.rpartition("after ")[2] for text in logged(script) if "tried again" in text]
    assert waits[:4] == ["6 seconds.", "7 seconds.", "8 seconds.", "9 seconds."]
    gaps = [(b - a) // 1_000_000 for a, b in pairwise(tries)]
    assert gaps[:3] == sorted(gaps[:3])
    assert gaps[0] < gaps[2]


# -- the end


@BOTH
def test_2_3_disconnect_takes_half_a_second_and_ends_the_object_for_good(run, generation):
    rest = """
start = utime.ticks_ms()
c.disconnect()
print(utime.ticks_diff(utime.ticks_ms(), start), c.get_mqttsta(), c.wait_msg())
print(c.connect(), c.get_mqttsta(), c.wait_msg())
"""
    script = run(client(rest, reader=False), generation=generation)
    assert script.printed == ["500 -1 None", "0 0 None"]


def test_2_3_get_mqttsta_tells_connected_connecting_closed_and_lost(run):
    script = run("""
        import utime, _thread
        from umqtt import MQTTClient
        c = MQTTClient('dut', 'iot.amazonaws.com', ssl=True, reconn=False)
        seen = [c.get_mqttsta()]
        def watch():
            while True:
                if seen[-1] != c.get_mqttsta():
                    seen.append(c.get_mqttsta())
                utime.sleep_ms(5)
        _thread.start_new_thread(watch, ())
        c.set_callback(print)
        c.connect()
        utime.sleep(1)
        c.disconnect()
        print(seen)
    """)
    assert script.printed == ["[-1, 1, 0, -1]"]


def test_2_3_get_mqttsta_is_not_there_on_bg95(run):
    main = (
        "from umqtt import MQTTClient\nc = MQTTClient('dut', 'h')\n"
        "try:\n    print(c.get_mqttsta())\nexcept AttributeError:\n    print('AttributeError')\n"
    )
    assert FIRMWARE["BG95"]
    assert run(main, model="BG95").printed == ["AttributeError"]
    assert run(main).printed == ["-1"]


def test_2_3_a_closed_socket_is_mended_by_the_ping_thread(run):
    script = run(client("c.close()\nprint(c.get_mqttsta())\nutime.sleep(80)\nprint(c.get_mqttsta())\n"), 120)
    assert [line for line in script.printed if line.lstrip("-").isdigit()] == ["-1", "0"]
    assert connects(script) == 2
