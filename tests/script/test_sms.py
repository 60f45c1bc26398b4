"""Short messages: what a script that is commanded by them sees, first of all when they cannot come."""

import pytest

LISTENER = """
    import sms, utime
    def came(args):
        print(args, sms.searchTextMsg(args[1]), sms.getMsgNums())
    print(sms.setCallback(came), sms.setCallback(5))
    utime.sleep(3600)
"""
HELLO = "sms: {from: '+4912345', text: 'AT+RESET'}"


def test_a_message_is_told_with_slot_index_and_storage_and_is_read(run):
    script = run(LISTENER, seconds=40, steps=f"{{device: dut, at: 20s, every: 5s, times: 2, {HELLO}}}")
    assert script.tracebacks == []
    assert script.printed == [
        "0 -1",
        "[0, 0, 'SM'] ('+4912345', 'AT+RESET', 16) 1",
        "[0, 1, 'SM'] ('+4912345', 'AT+RESET', 16) 2",
    ]
    assert script.kinds("sms.in") == [{"number": "+4912345", "place": 0}, {"number": "+4912345", "place": 1}]


@pytest.mark.parametrize(
    "why",
    [
        "{device: dut, at: 10s, network: none}, {device: dut, at: 50s, network: home}",
        "{device: dut, at: 10s, sim: {state: absent}}, {device: dut, at: 50s, sim: {state: ready}}",
        "{device: dut, at: 10s, power: off}, {device: dut, at: 50s, power: on}",
    ],
)
def test_what_cannot_be_delivered_is_tried_again(run, why):
    script = run(LISTENER, seconds=130, steps=f"{{device: dut, at: 20s, {HELLO}}}, {why}")
    assert script.printed[-1] == "[0, 0, 'SM'] ('+4912345', 'AT+RESET', 16) 1"
    assert [at_us // 1_000_000 for at_us in script.times_us("sms.in")] == [80]


def test_a_full_card_takes_no_more_until_something_is_deleted_and_the_network_gives_up_after_a_day(run):
    script = run(LISTENER, seconds=30)
    for number in range(50):
        script.device.sim.messages.put(script.device.sim.messages.kept.get(number) or message(number))
    from sim.device.mail import deliver

    deliver(script.device, "+1", "late")
    script.run(300)
    assert script.kinds("sms.in") == []
    del script.device.sim.messages.kept[7]
    script.run(61)
    assert script.kinds("sms.in") == [{"number": "+1", "place": 7}]
    deliver(script.device, "+2", "never")
    script.run(86_460)
    assert script.kinds("sms.lost") == [{"number": "+2"}]


def message(number):
    from sim.device.messages import Message

    return Message("+1", str(number), 0)


def test_messages_outlive_a_reset_and_are_deleted_one_or_all(run):
    script = run(
        """
        import sms, misc, utime
        if misc.Power.powerOnReason() == 1:
            utime.sleep(20)
            misc.Power.powerRestart()
        print(sms.getMsgNums(), sms.searchTextMsg(0)[1], sms.searchTextMsg(9), sms.getSaveLoc())
        print(sms.deleteMsg(0), sms.deleteMsg(0), sms.getMsgNums(), sms.deleteMsg(1, 4), sms.getMsgNums())
        print(sms.deleteMsg(0, 3), sms.setSaveLoc('SM', 'ME', 'MT'))
        print(sms.setSaveLoc('SM', 'ME'), sms.setSaveLoc(1, 2, 3))
        print(sms.getSaveLoc()[1], sms.getCenterAddr(), sms.setCenterAddr('+123'), sms.getCenterAddr())
        print(sms.setCenterAddr('x'), sms.setRcvDealmode(1), sms.setRcvDealmode(9), sms.searchPduMsg(0))
        """,
        seconds=60,
        steps=f"{{device: dut, at: 10s, every: 1s, times: 3, {HELLO}}}",
    )
    assert script.printed == [
        "3 AT+RESET -1 (['SM', 3, 50], ['SM', 3, 50], ['SM', 3, 50])",
        "0 -1 2 0 0",
        "-1 0",
        "-1 -1",
        "['ME', 0, 50] +99900000000 0 +123",
        "-1 0 -1 -1",
    ]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("'+49123', 'hi', 'GSM'", 0),
        ("'49123', 'grüß', 'UCS2'", 0),
        ("'49123', 'grüß', 'GSM'", -1),
        ("'49123', '', 'GSM'", -1),
        ("'49123', 5, 'GSM'", -1),
        ("'49123', 'x' * 640, 'GSM'", 0),
        ("'49123', 'x' * 641, 'GSM'", -1),
        ("'49123', 'x' * 281, 'UCS2'", -1),
        ("'49123', 'hi', 'ASCII'", -1),
        ("'me', 'hi', 'GSM'", -1),
        ("'1' * 21, 'hi', 'GSM'", -1),
    ],
)
def test_what_is_sent_has_its_limits(run, call, answer):
    script = run(f"import sms, checkNet\ncheckNet.waitNetworkReady(60)\nprint(sms.sendTextMsg({call}))")
    assert script.printed == [str(answer)]
    assert len(script.kinds("sms.out")) == (1 if answer == 0 else 0)


def test_without_a_network_or_a_card_nothing_is_sent_and_to_oneself_it_comes(run):
    script = run(
        """
        import sms, sim, net, checkNet, utime
        print(sms.sendTextMsg('123', 'too early', 'GSM'))
        checkNet.waitNetworkReady(60)
        print(sms.sendTextMsg(sim.getPhoneNumber(), 'to me', 'gsm'))
        utime.sleep(5)
        print(sms.searchTextMsg(0)[1:])
        net.setModemFun(4)
        print(sms.sendTextMsg('123', 'off', 'GSM'), sms.getMsgNums())
        utime.sleep(60)
        print(sms.getMsgNums(), sms.searchTextMsg(0), sms.deleteMsg(0), sms.getSaveLoc(), sms.getCenterAddr())
        """,
        seconds=90,
        steps="{device: dut, at: 30s, sim: {state: absent}}",
    )
    assert script.printed == ["-1", "0", "('to me', 10)", "-1 1", "-1 -1 -1 -1 -1"]


def test_the_ec600m_has_no_sms(run):
    script = run("import sms", model="EC600M", firmware="EC600MCNLAR01A01M08_OCPU_QPY")
    assert [error for _, error, _ in script.tracebacks] == ["ImportError"]


@pytest.mark.parametrize("wrong", ["{from: '12', text: x}", "{from: '+49123', text: ''}", "{text: x}"])
def test_a_wrong_step_is_found_before_the_run(run, wrong):
    from sim.errors import SpecError

    with pytest.raises(SpecError, match="sms"):
        run("pass", steps=f"{{device: dut, at: 1s, sms: {wrong}}}")
