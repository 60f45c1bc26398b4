"""What the facts say of `fota`, section 2.1, one surprise a test."""

import pytest
from script_rig import FIRMWARE, OPEN, slow

from sim.device.catalogue import known_models, load_model
from sim.device.peek import installed_version
from sim.update.failures import n_series_code
from sim.update.site import UpdateFailed

BLOCKING = ["EG915U", "EC200A", "EC800G", "EC800E", "BG95"]
ASYNCHRONOUS = ["EC600NCNLC", "EC800NCNLA", "EC800M"]


def codes(script):
    return [data["code"] for data in script.kinds("fota.failed")]


def erased(module):
    """The staging area was never written."""
    area = module.layout.package
    return area.image(0, area.size_bytes) == b"\xff" * area.size_bytes


def test_2_1_fota_is_the_class_itself_and_fota_fota_is_an_attribute_error(run):
    script = run("""
        import fota
        try:
            fota.fota()
        except AttributeError:
            print('AttributeError')
        print(fota() is fota(), type(fota()) is fota)
    """)
    assert script.printed == ["AttributeError", "True True"]


@pytest.mark.parametrize(
    "call",
    [
        "fota(1)",
        "fota(reset_disable='yes')",
        "fota(reset=1)",
        "fota().httpDownload('http://h/f.pack')",
        "fota().httpDownload(url='http://h/f.pack')",
        "fota().httpDownload(url1=5)",
    ],
)
def test_2_1_arguments_are_by_keyword_and_others_are_a_type_error(run, call):
    script = run(f"import fota\ntry:\n    {call}\nexcept TypeError:\n    print('TypeError')\n")
    assert script.printed == ["TypeError"]


def test_2_1_the_certificates_for_https_are_taken(run):
    assert run("import fota\nfota(key='k', cert='c', root_cert='r', reset_disable=0)\nprint('taken')").printed == [
        "taken"
    ]


UPGRADE = """
    import fota, utime, modem
    print(modem.getDevFwVersion())
    if modem.getDevFwVersion() == '{old}':
        start = utime.ticks_ms()
        def took():
            return utime.ticks_diff(utime.ticks_ms(), start) > 300
        f = fota({options})
        print(f.httpDownload(url1='{url}', callback=print), took())
        utime.sleep({sleep})
        print('still here')
"""


def upgrading(model, options="", sleep=60, name="a.pack"):
    return UPGRADE.format(old=FIRMWARE[model], url=OPEN + name, options=options, sleep=sleep)


@pytest.mark.parametrize("model", ["EG915U", "EC200A", "EC800G", "EC800E"])
def test_2_1_reset_disable_is_honoured_off_the_n_and_m_series(run, upgrade, model):
    packages, new = upgrade(model)
    script = run(upgrading(model, "reset_disable=1"), model=model, seconds=200, objects={"a.pack": packages[0]})
    assert script.printed[-1] == "still here"
    assert script.kinds("reset") == []
    script.device.reset("by hand")
    assert script.run(200).printed[-1] == new


@pytest.mark.parametrize("generation", ["G21", "G25"])
def test_2_1_reset_disable_is_ignored_on_the_n_series(run, upgrade, generation):
    packages, new = upgrade("EC600NCNLC")
    main = upgrading("EC600NCNLC", "reset_disable=1")
    script = run(main, model="EC600NCNLC", seconds=300, objects={"a.pack": packages[0]}, generation=generation)
    assert "still here" not in script.printed
    assert script.printed[-1] == new


def test_2_1_reset_disable_by_family_is_data(run):
    ignoring = [row.variant for row in known_models() if not load_model(row.variant).fota.reset_disable]
    assert {"EC600NCNLC", "EC800NCNLA", "EG912N", "EC600M", "EC800M", "EG810M"} <= set(ignoring)
    assert not {"EG915U", "EC200A", "EC800G", "EC800E", "BG95"} & set(ignoring)


@pytest.mark.parametrize("model", ASYNCHRONOUS + BLOCKING)
def test_2_1_rows_1_to_3_return_at_once_and_the_others_when_all_is_done(run, model):
    """With an object that is no package: the first accept it, and the others know better by then."""
    second = f", url2='{OPEN}a.mini_2'" if load_model(model).methods == {"minimal"} else ""
    script = run(
        f"""
        import fota, utime
        start = utime.ticks_ms()
        print(fota().httpDownload(url1='{OPEN}a.mini_1'{second}), utime.ticks_diff(utime.ticks_ms(), start) > 300)
        """,
        model=model,
        seconds=120,
        objects={"a.mini_1": b"rubbish" * 1000, "a.mini_2": b"rubbish"},
        generation="G25",
    )
    assert script.printed[0] == ("-1 True" if model in BLOCKING else "0 False")


TWO_THREADS = """
    import fota, utime, _thread, modem
    {before}
    beats = []
    def beat():
        while True:
            beats.append(utime.ticks_ms())
            utime.sleep_ms(100)
    _thread.start_new_thread(beat, ())
    utime.sleep(8)
    start = utime.ticks_ms()
    result = fota(reset_disable=1).httpDownload(url1='{url}', callback={callback})
    end = utime.ticks_ms()
    utime.sleep_ms(500)
    inside = len([t for t in beats if start + 100 < t < end])
    print(result, end - start > 1000, inside > 5, inside)
    {after}
"""


def two_threads(before="pass", after="pass", callback="None"):
    return TWO_THREADS.format(url=OPEN + "a.pack", before=before, after=after, callback=callback)


def test_2_1_g21_holds_the_interpreter_lock_so_every_thread_freezes(run, upgrade):
    objects = {"a.pack": upgrade("EG915U")[0][0]}
    assert run(two_threads(), objects=objects, generation="G21").printed == ["0 True False 0"]


def test_2_1_g25_lets_other_threads_run_while_it_blocks(run, upgrade):
    printed = run(two_threads(), objects={"a.pack": upgrade("EG915U")[0][0]}, generation="G25").printed
    assert printed[0].startswith("0 True True ")


def test_2_1_g21_calls_back_after_the_blocking_call_returned_and_g25_meanwhile(run, upgrade):
    seen = {}
    for generation in ("G21", "G25"):
        script = run(
            two_threads(callback="lambda told: print('told', told)"),
            objects={"a.pack": upgrade("EG915U")[0][0]},
            generation=generation,
        )
        lines = script.printed
        seen[generation] = [at for record, at in zip(lines, script.times_us("print"), strict=True) if "told" in record]
    assert len(seen["G21"]) == len(seen["G25"]) > 3
    assert len(set(seen["G21"])) == 1
    assert len(set(seen["G25"])) > 3


def test_2_1_g21_resets_at_once_so_what_was_to_be_told_is_lost_and_so_is_the_rest_of_the_script(run, upgrade):
    packages, new = upgrade("EG915U")
    script = run(upgrading("EG915U", sleep=0), objects={"a.pack": packages[0]}, seconds=200, generation="G21")
    assert script.printed == [FIRMWARE["EG915U"], new]


def test_2_1_g25_runs_on_for_a_quarter_of_a_second(run, upgrade):
    packages, new = upgrade("EG915U")
    script = run(upgrading("EG915U", sleep=0), objects={"a.pack": packages[0]}, seconds=200, generation="G25")
    assert {"0 True", "still here", "[2, 100]"} < set(script.printed)
    assert script.printed[-1] == new


WATCHDOG = """
    from machine import WDT
    watchdog = WDT(6)
    def feed():
        while True:
            watchdog.feed()
            utime.sleep(1)
    _thread.start_new_thread(feed, ())
    print('boot')
"""


@pytest.mark.parametrize(("generation", "boots"), [("G21", 2), ("G25", 1)])
def test_2_1_a_watchdog_fires_inside_a_blocking_download_under_g21_only(run, upgrade, generation, boots):
    script = run(
        two_threads(before=WATCHDOG.strip()),
        objects={"a.pack": upgrade("EG915U")[0][0]},
        faults=slow("a.pack", "10KiB/s"),
        generation=generation,
        seconds=28,
    )
    assert script.printed.count("boot") == boots
    assert [data["reason"] for data in script.kinds("reset")] == ["watchdog"] * (boots - 1)


def test_2_1_the_mqtt_ping_freezes_too_under_g21_and_the_broker_lets_go(run, upgrade):
    connect = """from umqtt import MQTTClient
    c = MQTTClient('dut', 'iot.amazonaws.com', ssl=True, keepalive=30)
    c.set_callback(print)
    c.connect()"""
    closed = {}
    for generation in ("G21", "G25"):
        script = run(
            two_threads(before=connect),
            objects={"a.pack": upgrade("EG915U")[0][0]},
            faults=slow("a.pack", "1KiB/s"),
            generation=generation,
            seconds=68,
        )
        closed[generation] = len(script.kinds("mqtt.closed"))
    assert closed == {"G21": 1, "G25": 0}


TICKS = """
    import osTimer
    ticks = []
    t = osTimer()
"""


def test_2_1_the_scheduler_keeps_64_calls_and_drops_the_rest(run, upgrade):
    main = two_threads(before=TICKS.strip(), after="print(len(ticks))")
    main = main.replace("    start = ", "    t.start(50, 1, ticks.append)\n    start = ")
    main = main.replace("    end = ", "    t.stop()\n    end = ")
    script = run(
        main,
        objects={"a.pack": upgrade("EG915U")[0][0]},
        faults=slow("a.pack", "20KiB/s"),
        generation="G21",
    )
    assert script.printed[-1] == "64"


def test_2_1_a_callback_gets_one_list_of_status_and_percent_in_order(run, upgrade):
    main = upgrading("EG915U", "reset_disable=1", sleep=1).replace("callback=print", "callback=tell")
    main = main.replace(
        "import fota", "def tell(told):\n        print('%s %s' % tuple(told), type(told))\n    import fota"
    )
    script = run(main, objects={"a.pack": upgrade("EG915U")[0][0]}, seconds=120)
    told = [line.rpartition(" <")[0] for line in script.printed if "<class 'list'>" in line]
    percents = [int(line.split()[1]) for line in told[:-2]]
    assert [line.split()[0] for line in told] == ["1"] * len(percents) + ["0", "2"]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert told[-2:] == ["0 100", "2 100"]


def test_2_1_a_callback_that_raises_is_printed_and_does_no_harm(run, upgrade):
    packages, new = upgrade("EG915U")
    script = run(
        f"""
        import fota, modem
        def tell(told):
            raise KeyError('execution')
        if modem.getDevFwVersion() != '{new}':
            print(fota().httpDownload(url1='{OPEN}a.pack', callback=tell))
        """,
        objects={"a.pack": packages[0]},
        seconds=200,
    )
    assert script.printed[0] == "0"
    assert {(thread, error) for thread, error, _ in script.tracebacks} == {("callback", "KeyError")}
    assert installed_version(script.device) == new


def test_2_1_del_clears_the_callback_and_a_later_download_keeps_the_old_one(run):
    script = run(f"""
        import fota, utime
        f = fota()
        f.httpDownload(url1='{OPEN}none.pack', callback=lambda told: print('told', told[0]))
        utime.sleep(1)
        f.httpDownload(url1='{OPEN}none.pack')
        utime.sleep(1)
        f.__del__()
        print(f.httpDownload(url1='{OPEN}none.pack'))
        utime.sleep(1)
    """)
    assert script.printed == ["told -1", "told -1", "-1"]


def test_2_1_url2_is_for_the_minimal_method_and_refused_for_a_differential_one(run):
    script = run(f"import fota\nprint(fota().httpDownload(url1='{OPEN}a.pack', url2='{OPEN}b.pack'))")
    assert (script.printed, codes(script)) == (["-1"], [711])
    assert script.kinds("http") == []


def test_2_1_a_minimal_upgrade_never_calls_back(run, upgrade):
    packages, new = upgrade("EC800NCNLA", "minimal")
    script = run(
        f"""
        import fota, modem, utime
        if modem.getDevFwVersion() == '{FIRMWARE["EC800NCNLA"]}':
            print(fota().httpDownload(url1='{OPEN}a.mini_1', url2='{OPEN}a.mini_2', callback=lambda told: print(told)))
            utime.sleep(100)
        """,
        model="EC800NCNLA",
        seconds=3600,
        objects=dict(zip(("a.mini_1", "a.mini_2"), packages, strict=True)),
    )
    assert script.printed == ["0"]
    assert installed_version(script.device) == new


@pytest.mark.parametrize("again", ["f", "fota()"])
def test_2_1_a_second_call_while_one_runs_is_minus_one(run, upgrade, again):
    script = run(
        f"""
        import fota, _thread, utime
        f = fota(reset_disable=1)
        def first():
            print('first', f.httpDownload(url1='{OPEN}a.pack'))
        _thread.start_new_thread(first, ())
        utime.sleep(7)
        print('second', {again}.httpDownload(url1='{OPEN}a.pack'))
        """,
        objects={"a.pack": upgrade("EG915U")[0][0]},
        faults=slow("a.pack", "40KiB/s"),
    )
    assert "second -1" in script.printed
    assert codes(script) == [703]
    assert script.kinds("update.requested") != []


def ftp_main(address):
    return f"""
        import fota, utime
        start = utime.ticks_ms()
        result = fota().httpDownload(url1='ftp://{address}/a.bin', callback=lambda told: told[0] == -1 and print(told))
        print(result, utime.ticks_diff(utime.ticks_ms(), start) > 90)
        utime.sleep_ms(10)
    """


def test_2_1_only_the_ec200a_takes_ftp_addresses_and_where_nobody_answers_it_is_605(run):
    main = ftp_main("me:secret@10.0.0.7:21")
    assert codes(run(main)) == [711]
    script = run(main, model="EC200A")
    assert (sorted(script.printed), codes(script)) == (["-1 True", "[-1, 605]"], [605])


FILES = "files: {ftp: {host: files.example, bucket: open, user: me, password: secret}}"


def test_2_1_a_package_comes_by_ftp_and_is_installed(run, upgrade):
    packages, new = upgrade("EC200A")
    main = upgrading("EC200A").replace(OPEN + "a.pack", "ftp://me:secret@files.example:21/a.pack")
    script = run(main, model="EC200A", seconds=300, hosts=FILES, objects={"a.pack": packages[0]})
    assert script.printed[-1] == new
    assert [data["bytes"] for data in script.kinds("ftp")] == [len(packages[0])]
    percents = [line for line in script.printed if line.startswith("[1, ")]
    assert percents[-1] == "[1, 100]"
    assert script.kinds("http") == []


LOST = "{link_loss: {device: dut, when: {at: 14s}, for: 2m}}"
FTP_ROWS = {
    "the name does not resolve": ("me:secret@nowhere.example:21", "", "", 604),
    "no network": ("me:secret@files.example:21", "", "{device: dut, at: 0s, network: none}", 604),
    "nobody listens": ("me:secret@files.example:2121", "", "", 605),
    "a wrong password": ("me:wrong@files.example:21", "", "", 625),
    "no such file": ("me:secret@files.example:21/none", "", "", 611),
    "the server closes early": ("me:secret@files.example:21", "{truncated: {PACK, after: 40KiB}}", "", 608),
    "the connection is reset": ("me:secret@files.example:21", "{connection_reset: {PACK, after: 40KiB}}", "", 608),
    "the server falls silent": ("me:secret@files.example:21", "{stalled: {PACK, after: 40KiB, for: 5m}}", "", 609),
    "an object that the store refuses": ("me:secret@files.example:21", "{http_status: {PACK, status: 403}}", "", 611),
    "a lost network": ("me:secret@files.example:21", LOST + ", {rate_limited: {PACK, rate: 9KiB/s}}", "", 609),
}


@pytest.mark.parametrize("cause", FTP_ROWS)
def test_2_1_an_ftp_transfer_that_fails_has_numbers_of_its_own_and_changes_nothing(run, upgrade, cause):
    address, faults, steps, code = FTP_ROWS[cause]
    script = run(
        ftp_main(address),
        model="EC200A",
        generation="G25",
        hosts=FILES,
        objects={"a.bin": upgrade("EC200A")[0][0]},
        faults=faults.replace("PACK", "bucket: open, key: a.bin"),
        steps=steps,
        seconds=80,
    )
    assert (sorted(script.printed), codes(script)) == (["-1 True", f"[-1, {code}]"], [code])
    assert installed_version(script.device) == FIRMWARE["EC200A"]
    assert script.kinds("reset") == []


@pytest.mark.parametrize(("content", "code"), [(b"", 611), (bytes(6 << 20), 511), (bytes(range(256)) * 400, 505)])
def test_2_1_what_an_ftp_server_has_may_be_empty_too_large_or_no_package(run, content, code):
    script = run(
        ftp_main("me:secret@files.example:21"), model="EC200A", hosts=FILES, objects={"a.bin": content}, seconds=80
    )
    assert codes(script) == [code]


def test_2_1_a_modem_that_is_switched_off_ends_an_ftp_transfer_at_once(run, upgrade):
    main = OFF_UNDER_WAY.format(url="ftp://me:secret@files.example:21/a.pack", none=OPEN + "none.pack")
    script = run(
        main,
        model="EC200A",
        generation="G25",
        hosts=FILES,
        objects={"a.pack": upgrade("EC200A")[0][0]},
        faults=slow("a.pack", "10KiB/s"),
        seconds=75,
    )
    assert sorted(script.printed[:3]) == sorted(["off 0", "-1", "[-1, 709]"])


@pytest.mark.parametrize(
    "url", ["ftp://10.0.0.7/a.bin", "ftp://me@10.0.0.7:21/a.bin", "ftp://me:secret@10.0.0.7/a.bin"]
)
def test_2_1_an_ftp_address_needs_user_password_and_port(run, url):
    assert codes(run(f"import fota\nprint(fota().httpDownload(url1='{url}'))", model="EC200A")) == [711]


LOCAL = """
    import fota, uos, modem
    f = fota()
    print(hasattr(f, 'write'), hasattr(f, 'flush'), hasattr(f, 'verify'))
    if hasattr(f, 'write') and modem.getDevFwVersion() == '{old}':
        size = uos.stat('/usr/up.pack')[6]
        print(f.write(), f.write(b'x'))
        with open('/usr/up.pack', 'rb') as package:
            results = [f.write(package.read(4096), size) for _ in range(0, size, 4096)]
        print(results.count(0) == len(results), f.flush(), f.verify())
        print('not reset by itself')
"""


@pytest.mark.parametrize("model", ["EG915U", "EC800G", "EC800E"])
def test_2_1_a_local_package_is_written_flushed_and_verified_and_the_script_restarts(run, upgrade, model):
    packages, new = upgrade(model)
    script = run(LOCAL.format(old=FIRMWARE[model]), model=model, files={"up.pack": packages[0]}, seconds=90)
    assert script.printed == ["True True True", "-1 -1", "True 0 0", "not reset by itself"]
    script.device.reset("by hand")
    script.run(200)
    assert installed_version(script.device) == new


@pytest.mark.parametrize("model", ["EC800NCNLA", "EC800M", "EC200A", "BG95"])
def test_2_1_a_local_package_is_refused_where_the_vendor_does_not_list_the_family(run, model):
    script = run(LOCAL.format(old=FIRMWARE[model]), model=model, files={"up.pack": b"x" * 5000})
    assert script.printed == ["True True True", "-1 -1", "False -1 -1", "not reset by itself"]
    assert erased(script.device)


def test_2_1_the_2021_port_has_no_write_on_rda(run):
    script = run(LOCAL.format(old=FIRMWARE["EG915U"]), files={"up.pack": b"x" * 5000}, generation="G21")
    assert script.printed == ["False False False"]


def test_2_1_a_local_package_that_is_rubbish_fails_verify_and_nothing_else(run):
    script = run(LOCAL.format(old=FIRMWARE["EG915U"]), files={"up.pack": b"x" * 5000})
    assert script.printed == ["True True True", "-1 -1", "True 0 -1", "not reset by itself"]


def test_2_1_every_number_from_1001_to_1014_has_a_cause():
    causes = [
        UpdateFailed(714, ""), UpdateFailed(714, "", failure="dns_timeout"), UpdateFailed(714, "", failure="dns_name"),
        UpdateFailed(716, ""), UpdateFailed(723, "", 403), UpdateFailed(723, "", 404), UpdateFailed(723, "", 416),
        UpdateFailed(719, ""), UpdateFailed(505, ""), UpdateFailed(701, ""), UpdateFailed(705, ""),
        UpdateFailed(729, ""), UpdateFailed(511, ""), UpdateFailed(711, ""),
    ]  # fmt: skip
    assert [n_series_code(cause) for cause in causes] == list(range(1001, 1015))


LOCAL_HERE = [
    "EC600NCNLC",
    "EC600NCNLF",
    "EG912N",
    "EC600U",
    "EC200U",
    "EG915U",
    "EG912U",
    "EC800G",
    "EC600E",
    "EC800E",
]


def test_2_1_local_packages_by_family_are_data():
    rows = {row.variant: load_model(row.variant).fota.local for row in known_models()}
    assert [model for model in LOCAL_HERE if rows[model]["G25"] != "works"] == []
    assert [model for model in ("EC800NCNLA", "EC800M", "EC200A", "BG95") if rows[model]["G25"] == "works"] == []
    assert {use["G21"] for model, use in rows.items() if model in ("EC600U", "EC200U", "EG915U", "EG912U")} == {
        "absent"
    }


@pytest.mark.parametrize(("model", "answer", "told"), [("EC600NCNLC", "0", 1002), ("EG915U", "-1", 714)])
def test_2_1_error_1002_domain_timeout_is_a_network_that_is_not_there(run, model, answer, told):
    main = f"import fota, utime\nprint(fota().httpDownload(url1='{OPEN}a.pack', callback=print))\nutime.sleep(60)"
    script = run(main, model=model, seconds=80, steps="{device: dut, at: 0s, network: none}")
    assert sorted(script.printed) == sorted([answer, f"[-1, {told}]"])


NOBODY = """
    import fota, utime
    f = fota()
    print(f.httpDownload(url1='https://{name}/a.pack', callback=print))
    utime.sleep(20)
"""


@pytest.mark.parametrize("name", ["a..example", "-a.example", "x" * 64 + ".example", "a b.example"])
def test_2_1_error_1003_domain_unknown_is_a_name_that_no_resolver_asks_for(run, name):
    assert run(NOBODY.format(name=name), model="EC600NCNLC").printed == ["0", "[-1, 1003]"]


@pytest.mark.parametrize("name", ["nowhere.example", "x" * 63 + ".example"])
def test_2_1_error_1001_domain_not_exist_is_a_name_that_nobody_has(run, name):
    assert run(NOBODY.format(name=name), model="EC600NCNLC").printed == ["0", "[-1, 1001]"]


OFF_UNDER_WAY = """
    import fota, utime, _thread, net
    def off():
        utime.sleep(10)
        print('off', net.setModemFun(4))
    _thread.start_new_thread(off, ())
    print(fota(reset_disable=1).httpDownload(url1='{url}', callback=lambda told: told[0] == -1 and print(told)))
    utime.sleep(60)
    net.setModemFun(1)
    print(fota().httpDownload(url1='{none}'))
"""


@pytest.mark.parametrize(("model", "answer", "told"), [("EC600NCNLC", "0", 1011), ("EG915U", "-1", 709)])
def test_2_1_error_1011_not_in_progress_is_a_modem_that_was_switched_off_under_the_download(
    run, upgrade, model, answer, told
):
    """And the next call is not refused as the second of two."""
    script = run(
        OFF_UNDER_WAY.format(url=OPEN + "a.pack", none=OPEN + "none.pack"),
        model=model,
        objects={"a.pack": upgrade(model)[0][0]},
        faults=slow("a.pack", "10KiB/s"),
        seconds=90,
    )
    assert sorted(script.printed[:3]) == sorted(["off 0", answer, f"[-1, {told}]"])
    assert codes(script)[1:] in ([723], [723, 723])


def test_2_1_error_1011_or_705_is_also_a_package_of_ones_own_that_nobody_began(run, upgrade):
    script = run("import fota\nf = fota()\nprint(f.flush(), f.verify())\n", model="EC600NCNLC")
    assert (script.printed, codes(script)) == (["-1 -1"], [705, 705])
    assert n_series_code(UpdateFailed(705, "")) == 1011


def test_2_1_there_is_one_staging_area_so_a_download_and_a_local_package_do_not_mix(run, upgrade):
    script = run(
        f"""
        import fota, utime
        f = fota()
        print(f.write(b'x' * 4096, 9000))
        print(f.httpDownload(url1='{OPEN}a.pack'))
        utime.sleep(10)
        print(f.write(b'x' * 4096, 9000), f.flush())
        """,
        model="EC600NCNLC",
        objects={"a.pack": upgrade("EC600NCNLC")[0][0]},
        faults=slow("a.pack", "10KiB/s"),
        seconds=40,
    )
    assert (script.printed, codes(script)) == (["0", "0", "-1 -1"], [703, 705])


HUNGRY = """
    import fota, utime, _thread
    _thread.stack_size(100 * 1024)
    lock = _thread.allocate_lock()
    lock.acquire()
    try:
        while True:
            _thread.start_new_thread(lock.acquire, ())
    except OSError:
        pass
    print(_thread.get_heap_size() < 65536)
    print(fota().httpDownload(url1='{url}', callback=print))
    utime.sleep(5)
"""


@pytest.mark.parametrize(("model", "answer", "told"), [("EC600NCNLC", "0", 1012), ("EG915U", "-1", 729)])
def test_2_1_error_729_or_1012_no_memory_is_a_system_heap_that_threads_have_used_up(run, upgrade, model, answer, told):
    packages = upgrade(model)[0]
    script = run(HUNGRY.format(url=OPEN + "a.pack"), model=model, objects={"a.pack": packages[0]}, generation="G25")
    assert script.printed[0] == "True"
    assert sorted(script.printed[1:]) == sorted([answer, f"[-1, {told}]"])
    assert (codes(script), script.kinds("http"), script.kinds("reset")) == ([729], [], [])


def test_2_1_apn_set_and_download_cancel_are_there_on_bg95_alone(run):
    main = """
        import fota
        for name in ('apn_set', 'download_cancel'):
            try:
                getattr(fota(), name)
                print('there')
            except AttributeError:
                print('AttributeError')
    """
    for model in ASYNCHRONOUS + BLOCKING:
        assert run(main, model=model).printed == ["there" if model == "BG95" else "AttributeError"] * 2


def test_2_1_bg95_takes_an_apn_by_keyword_and_cancels_a_download(run, upgrade):
    script = run(
        f"""
        import fota, _thread, utime
        f = fota()
        print(f.apn_set(fota_apn='iot', ip_type=0, fota_user='u', fota_password='p'), f.apn_set(ip_type=7))
        try:
            f.apn_set('iot')
        except TypeError:
            print('TypeError')
        print(f.download_cancel())
        def later():
            utime.sleep(25)
            print('cancel', f.download_cancel())
        _thread.start_new_thread(later, ())
        print(f.httpDownload(url1='{OPEN}a.pack', callback=lambda told: print(told) if told[0] != 1 else None))
        utime.sleep(1)
        """,
        model="BG95",
        generation="G25",
        objects={"a.pack": upgrade("BG95")[0][0]},
        faults=slow("a.pack", "10KiB/s"),
        seconds=120,
    )
    assert script.printed == ["0 -1", "TypeError", "-1", "cancel 0", "-1", "[-1, 701]"]
    assert script.kinds("reset") == []


@pytest.mark.parametrize(
    ("model", "limit"), [("EG915U", None), ("EC600NCNLC", None), ("EC800NCNLA", 128), ("EC800M", 128), ("EC200A", None)]
)
def test_2_1_the_length_of_a_url_is_limited_by_family(run, model, limit):
    spec = load_model(model)
    assert (spec.mini.url_limit_chars if spec.methods == {"minimal"} else spec.fota.url_limit_chars) == limit
    second = ", url2=HOST + 'a.mini_2'" if spec.methods == {"minimal"} else ""
    script = run(
        f"""
        import fota
        HOST = '{OPEN}'
        print(fota().httpDownload(url1=HOST + 'x' * 1500 + '/a.mini_1'{second}))
        """,
        model=model,
        seconds=90,
    )
    assert codes(script)[0] == (711 if limit else 723)
    assert (script.kinds("http") == []) is (limit is not None)


# -- the third generation, UniRTOS


def uni(run, main, **more):
    return run(main, generation="UNI", **more)


@pytest.mark.parametrize("model", ["EG915U", "EC600NCNLC"])
def test_2_1_uni_returns_at_once_on_every_family_and_resets_a_quarter_of_a_second_after_success(run, upgrade, model):
    packages, new = upgrade(model)
    script = uni(
        run,
        upgrading(model).replace("callback=print", "callback=lambda told: print('told', told)"),
        model=model,
        objects={"a.pack": packages[0]},
        seconds=300,
    )
    assert script.printed[1] == "0 False"
    assert "told [2, 100]" in script.printed
    told_us = script.times_us("print")[script.printed.index("told [2, 100]")]
    assert script.times_us("reset")[0] - told_us == 250_000
    assert "still here" not in script.printed
    assert script.printed[-1] == new


def test_2_1_uni_tells_a_slow_callback_only_the_newest(run, upgrade):
    main = f"""
        import fota, utime
        def tell(told):
            print(told)
            utime.sleep(2)
        fota(reset_disable=1).httpDownload(url1='{OPEN}a.pack', callback=tell)
        utime.sleep(30)
    """
    objects = {"a.pack": upgrade("EG915U")[0][0]}
    told = uni(run, main, objects=objects).printed
    assert told[-1] == "[2, 100]"
    assert "[0, 100]" not in told
    every = run(main, objects=objects, generation="G25").printed
    assert len(told) < len(every)


@pytest.mark.parametrize(("chars", "code"), [(255, 723), (256, 711)])
def test_2_1_uni_rejects_addresses_of_256_characters(run, chars, code):
    script = uni(
        run, f"import fota, utime\nprint(fota().httpDownload(url1='{OPEN.ljust(chars, 'x')}'))\nutime.sleep(20)"
    )
    assert (script.printed, codes(script)) == (["-1" if code == 711 else "0"], [code])


UNI_CALL = """
    import fota, utime
    print(fota(reset_disable=1).httpDownload(url1='{url}', callback=lambda told: told[0] != 1 and print(told){words}))
    utime.sleep(90)
"""
REDIRECTED = f"{{redirected: {{bucket: open, key: a.pack, to: '{OPEN}b.pack', status: 302}}}}"
LOOPED = REDIRECTED.replace("b.pack", "a.pack")


@pytest.mark.parametrize(("faults", "end"), [(REDIRECTED, "[2, 100]"), (LOOPED, "[-1, 723]")])
def test_2_1_uni_follows_redirects_but_not_for_ever(run, upgrade, faults, end):
    package = upgrade("EG915U")[0][0]
    script = uni(
        run, UNI_CALL.format(url=OPEN + "a.pack", words=""), objects={"a.pack": b"x", "b.pack": package}, faults=faults,
        seconds=110,
    )  # fmt: skip
    assert script.printed == ["0", end]


@pytest.mark.parametrize(("seconds", "end"), [(50, "[2, 100]"), (70, "[-1, 722]")])
def test_2_1_uni_waits_a_minute_for_a_silent_server(run, upgrade, seconds, end):
    stall = f"{{stalled: {{bucket: open, key: a.pack, after: 40KiB, for: {seconds}s, times: 1}}}}"
    objects = {"a.pack": upgrade("EG915U")[0][0]}
    main = UNI_CALL.format(url=OPEN + "a.pack", words="")
    assert uni(run, main, objects=objects, faults=stall, seconds=110).printed == ["0", end]
    assert sorted(run(main, objects=objects, faults=stall, seconds=110, generation="G25").printed) == [
        "-1",
        "[-1, 722]",
    ]


@pytest.mark.parametrize("status", [204, 404, 500])
def test_2_1_uni_takes_no_answer_but_a_good_one_with_something_in_it(run, status):
    refused = f"{{http_status: {{bucket: open, key: a.pack, status: {status}}}}}" if status != 204 else ""
    script = uni(
        run, UNI_CALL.format(url=OPEN + "a.pack", words=""), objects={"a.pack": b""}, faults=refused, seconds=30
    )
    assert len(codes(script)) == 1
    assert script.kinds("update.requested") == []


def test_2_1_uni_has_words_of_its_own_and_refuses_a_second_call(run, upgrade):
    from sim.cloud.things import Things

    words = ", header={'X-Mine': 1}, public_key='k', mode=0, ssl_params={'ca': open('/usr/ca.pem').read()}"
    main = UNI_CALL.format(url=OPEN + "a.pack", words=words) + "    print('never')\n"
    main = main.replace("utime.sleep(90)", f"print(fota().httpDownload(url1='{OPEN}a.pack'))\n    utime.sleep(30)")
    objects = {"a.pack": upgrade("EG915U")[0][0]}
    asked = []
    script = uni(
        run, "import utime\nutime.sleep(1)", objects=objects, files={"ca.pem": Things(3).authority_pem}, seconds=8
    )
    http = script.device.radio.network.http
    script.device.radio.network.http = lambda device, request, take: (
        asked.append(request) or http(device, request, take)
    )
    script.device.radio.network.foresee = lambda *_: None
    script.device.mounts.write("/usr/main.py", "\n".join(line[4:] for line in main.splitlines()).encode())
    script.device.reset("by hand")
    script.run(40)
    assert script.printed[:3] == ["0", "-1", "[2, 100]"]
    assert {request.headers["X-Mine"] for request in asked} == {"1"}
    script = run(UNI_CALL.format(url=OPEN + "a.pack", words=", mode=0"), generation="G25")
    assert [error for _, error, _ in script.tracebacks] == ["TypeError"]


def test_2_1_uni_checks_the_server_when_it_is_given_a_ca(run, upgrade):
    script = uni(
        run,
        UNI_CALL.format(url=OPEN + "a.pack", words=", ssl_params={'ca': 'none'}"),
        objects={"a.pack": upgrade("EG915U")[0][0]},
    )
    assert script.printed == ["0", "[-1, 716]"]


def test_2_1_uni_looks_for_room_before_it_writes(run):
    script = uni(run, UNI_CALL.format(url=OPEN + "a.pack", words=""), objects={"a.pack": b"x" * (3 << 20)}, seconds=30)
    assert (script.printed, codes(script)) == (["0", "[-1, 511]"], [511])
    assert erased(script.device)
