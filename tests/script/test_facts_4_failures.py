"""The table of failure modes, section 4, row by row: what a script sees of each cause, by family."""

import pytest
from script_rig import FIRMWARE, OPEN

from sim.device.peek import installed_version
from sim.scenario.packages import build

BLOCKING, N_SERIES = "EG915U", "EC600NCNLC"
PACK = "bucket: open, key: a.pack"

FIRMWARE_UPDATE = """
    import fota, utime
    told = []
    print(fota().httpDownload(url1='{url}', callback=told.append))
    utime.sleep(40)
    print(told[-1] if told else None)
"""

OTHER = {BLOCKING: "EG915UEUABR03A05M08_OCPU_QPY", N_SERIES: "EC600NCNLCR01A05M16_OCPU_QPY"}


def good(model):
    new = FIRMWARE[model].replace("A20M", "A21M").replace("A01M", "A09M")
    return build(model, "differential", FIRMWARE[model], new)[0]


def for_another_base(model):
    new = FIRMWARE[model].replace("A20M", "A21M").replace("A01M", "A09M")
    return build(model, "differential", OTHER[model], new)[0]


def damaged(model):
    data = bytearray(good(model))
    data[len(data) // 2] ^= 1
    return bytes(data)


def raw_image(_model):
    return bytes(range(256)) * 400


def of_another_family(model):
    return good(N_SERIES if model == BLOCKING else BLOCKING)


def too_large(_model):
    return b"\0" * (3 << 20)


def nothing(_model):
    return b""


# cause: (content of the object, URL, fault, own codes, code of the N series)
URL = OPEN + "a.pack"
ROWS = {
    "wrong base or version": (for_another_base, URL, "", {507, 510, 553}, 1009),
    "package of another family": (of_another_family, URL, "", {552}, 1009),
    "corrupt package": (damaged, URL, "", {504, 505, 506}, 1009),
    "raw firmware as a package": (raw_image, URL, "", {505}, 1009),
    "no space": (too_large, URL, "", {511}, 1013),
    "DNS": (good, "https://nowhere.example/a.pack", "", {714}, 1001),
    "data time-out": (good, URL, f"{{stalled: {{{PACK}, after: 40KiB, for: 5m}}}}", {722, 727, 728}, 1008),
    "server closes early": (good, URL, f"{{truncated: {{{PACK}, after: 40KiB}}}}", {719, 608}, 1008),
    "connection reset": (good, URL, f"{{connection_reset: {{{PACK}, after: 40KiB}}}}", {719}, 1008),
    "expired presigned URL": (good, URL, f"{{http_status: {{{PACK}, status: 403}}}}", {723}, 1005),
    "missing object": (good, OPEN + "none.pack", "", {717, 723}, 1006),
    "empty object": (nothing, URL, "", {717, 723}, 1007),
    "a name that is none": (good, "https://no..where/a.pack", "", {714}, 1003),
    "server error": (good, URL, f"{{http_status: {{{PACK}, status: 503}}}}", {723}, 1008),
    "redirect": (good, URL, f"{{redirected: {{{PACK}, to: '{OPEN}b.pack', status: 302}}}}", {723}, 1008),
}


@pytest.mark.parametrize("cause", ROWS)
def test_4_a_blocking_family_answers_minus_one_and_stays_as_it_was(run, cause):
    content, url, fault, codes, _ = ROWS[cause]
    script = run(FIRMWARE_UPDATE.format(url=url), 120, objects={"a.pack": content(BLOCKING)}, faults=fault)
    code = script.kinds("fota.failed")[0]["code"]
    assert script.printed == ["-1", f"[-1, {code}]"]
    assert code in codes
    assert script.kinds("reset") == []
    assert installed_version(script.device) == FIRMWARE[BLOCKING]


@pytest.mark.parametrize("cause", ROWS)
def test_4_the_n_series_accepts_and_tells_a_number_of_its_own_to_the_callback(run, cause):
    content, url, fault, _, code = ROWS[cause]
    objects = {"a.pack": content(N_SERIES)}
    script = run(FIRMWARE_UPDATE.format(url=url), 120, objects=objects, faults=fault, model=N_SERIES)
    assert script.printed == ["0", f"[-1, {code}]"]
    assert script.kinds("reset") == []
    assert installed_version(script.device) == FIRMWARE[N_SERIES]


@pytest.mark.parametrize(("model", "status"), [(BLOCKING, "0"), (N_SERIES, "0")])
def test_4_ok_is_a_callback_and_a_reset(run, model, status):
    script = run(
        FIRMWARE_UPDATE.format(url=URL).replace("told.append", "print"),
        40,
        objects={"a.pack": good(model)},
        model=model,
    )
    assert {status, "[2, 100]", "[0, 100]"} < set(script.printed)
    assert script.kinds("reset")[0] == {"reason": "fota"}


@pytest.mark.parametrize("url", ["", "no-url", "http://", "ftp://me:me@10.0.0.7:21/a.pack"])
def test_4_a_bad_url_is_minus_one(run, url):
    script = run(FIRMWARE_UPDATE.format(url=url))
    assert script.printed[0] == "-1"
    assert script.kinds("fota.failed")[0]["code"] in (711, 712, 714, 730)


def test_4_a_url_that_is_too_long_is_minus_one_immediately(run):
    script = run(
        f"import fota, utime\nt = utime.ticks_ms()\n"
        f"print(fota().httpDownload(url1='{OPEN}{'x' * 200}.mini_1', url2='{OPEN}a.mini_2'), utime.ticks_ms() - t)",
        model="EC800NCNLA",
    )
    assert script.printed == ["-1 0"]
    assert [data["code"] for data in script.kinds("fota.failed")] == [711]


def test_4_a_wrong_pair_of_a_minimal_upgrade_ends_in_silence_and_the_old_version(run):
    first, second = build("EC800NCNLA", "minimal", "EC800NCNLAR01A05M08_OCPU_QPY", "EC800NCNLAR01A09M08_OCPU_QPY")
    script = run(
        f"""
        import fota, modem
        print(modem.getDevFwVersion())
        print(fota().httpDownload(url1='{OPEN}a.mini_1', url2='{OPEN}a.mini_2', callback=lambda told: print(told)))
        """.replace("print(fota", "import misc\n        if misc.Power.powerOnReason() == 1:\n            print(fota"),
        seconds=900,
        model="EC800NCNLA",
        objects={"a.mini_1": first, "a.mini_2": second},
    )
    old = FIRMWARE["EC800NCNLA"]
    assert script.printed == [old, "0", old]


def test_4_power_lost_while_downloading_leaves_the_old_version_and_the_script_must_ask_again(run):
    script = run(FIRMWARE_UPDATE.format(url=URL), 6, objects={"a.pack": good(BLOCKING)})
    while script.device.phase != "download":
        script.world.clock.run(script.world.clock.now_us + 10_000)
    script.device.power_cut()
    script.device.power_on()
    script.run(8)
    assert installed_version(script.device) == FIRMWARE[BLOCKING]
    assert script.kinds("update.requested") == []


def test_4_power_lost_while_applying_goes_on_where_it_stopped(run):
    script = run(FIRMWARE_UPDATE.format(url=URL), 10, objects={"a.pack": good(BLOCKING)})
    while not (script.device.phase == "apply" and script.device.progress > 0.3):
        script.run(1)
    script.device.power_cut()
    script.device.power_on()
    while not (script.device.phase == "apply" and script.device.progress > 0):
        script.world.clock.run(script.world.clock.now_us + 10_000)
    assert script.device.progress > 0.2
    script.run(200)
    assert installed_version(script.device) != FIRMWARE[BLOCKING]


APP = {
    "DNS": ("https://nowhere.example/a.py", "", "IndexError"),
    "server closes early": (OPEN + "a.py", "{truncated: {bucket: open, key: a.py, after: 5B}}", "0"),
    "expired presigned URL": (OPEN + "a.py", "{http_status: {bucket: open, key: a.py, status: 403}}", "-1"),
    "missing object": (OPEN + "none.py", "", "-1"),
    "time-out": (OPEN + "a.py", "{stalled: {bucket: open, key: a.py, after: 5B, for: 5m}}", "ValueError"),
    "no space": (OPEN + "big.bin", "", "OSError"),
    "no network": (OPEN + "a.py", "", "IndexError"),
}


@pytest.mark.parametrize("cause", APP)
def test_4_app_fota_raises_or_says_minus_one_or_notices_nothing(run, cause):
    url, fault, seen = APP[cause]
    script = run(
        f"""
        import app_fota, net
        {"net.setModemFun(4)" if cause == "no network" else "pass"}
        try:
            print(app_fota.new().download('{url}', '/usr/a.py'))
        except Exception as e:
            print(type(e).__name__)
        """,
        90,
        objects={"a.py": b"x = 1\n" * 20, "big.bin": bytes(500_000)},
        faults=fault,
    )
    assert script.printed == [seen]


@pytest.mark.parametrize("reason", ["refused", "tls", "reset"])
def test_4_app_fota_gets_a_runtime_error_from_a_connection_that_does_not_come_about(run, reason):
    from sim.ports import HttpFailure

    script = run("import utime\nutime.sleep(1)\n", 8)
    script.device.radio.network.http = lambda _device, _request, receive: script.world.clock.handover(
        receive, HttpFailure(reason)
    )
    main = "import app_fota\ntry:\n    app_fota.new().download('http://h/a', '/usr/a')\n"
    main += "except RuntimeError:\n    print('RuntimeError')\n"
    script.device.mounts.write("/usr/main.py", main.encode())
    script.device.reset("by hand")
    assert script.run(20).printed == ["RuntimeError"]


def test_4_a_refused_connection_is_716_and_1004(run):
    from sim.ports import HttpFailure

    for model, own, answer in ((BLOCKING, 716, "-1"), (N_SERIES, 716, "0")):
        script = run("import utime\nutime.sleep(1)\n", 8, model=model)
        clock = script.world.clock
        script.device.radio.network.http = lambda _device, _request, receive, clock=clock: clock.handover(
            receive, HttpFailure("refused")
        )
        lines = FIRMWARE_UPDATE.format(url="http://10.0.0.9/a.pack").splitlines()
        script.device.mounts.write("/usr/main.py", "\n".join(line[4:] for line in lines).encode())
        script.device.reset("by hand")
        script.run(70)
        assert script.printed == [answer, f"[-1, {1004 if model == N_SERIES else own}]"]
        assert script.kinds("fota.failed")[0]["code"] == own


def test_4_a_broken_new_main_leaves_a_device_that_is_on_and_off_line_for_good(run):
    script = run("raise ValueError('broken')\n", 3600)
    assert [error for _, error, _ in script.tracebacks] == ["ValueError"]
    assert (script.device.state, script.device.boots) == ("running", 1)
    assert script.kinds("mqtt.connect") == []


@pytest.mark.parametrize(("generation", "left"), [("G21", []), ("G25", ["system_config.json"])])
def test_4_a_corrupt_usr_loses_all_scripts_in_g25_and_is_a_boot_error_in_g21(run, generation, left):
    script = run("print('main runs')\n", generation=generation)
    device = script.device
    device.power_cut()
    region = device.regions.volumes["/usr"]
    region.load(0, bytes(region.size_bytes))
    device.power_on()
    script.run(60)
    assert (device.state, device.boots) == ("running", 2)
    assert script.printed == ["main runs"]
    assert [name for name in left if not device.mounts.exists(f"/usr/{name}")] == []
    assert not device.mounts.exists("/usr/main.py")
