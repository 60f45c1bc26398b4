"""Which of the vendor's public names are here: implemented, inert or missing, and docs/api.md that says so."""

from pathlib import Path

import pytest

from sim.script.api_page import api, page
from sim.script.modules import FIRMWARE_MODULES
from sim.script.surface import INERT_MODULES, OTHER_MODULES, SURFACE

API = api()
PAGE = Path(__file__).parents[2] / "docs" / "api.md"

USED_BY_PUBLIC_APPLICATIONS = {
    "utime": ["sleep", "localtime", "sleep_ms", "mktime", "time"],
    "_thread": ["start_new_thread", "allocate_lock", "stop_thread", "stack_size", "threadIsRunning", "get_ident"],
    "machine": ["UART", "Pin", "RTC", "Timer", "I2C", "ExtInt", "WDT"],
    "misc": ["Power.powerRestart", "Power.getVbatt", "Power.powerOnReason", "ADC", "PWM", "USB"],
    "ujson": ["loads", "dumps", "load", "dump"],
    "uos": ["remove", "uname", "stat", "rename", "statvfs", "mkdir"],
    "checkNet": ["waitNetworkReady", "CheckNetwork"],
    "umqtt": ["MQTTClient"],
    "modem": ["getDevFwVersion", "getDevImei"],
    "usys": ["print_exception", "stdout", "modules"],
    "ql_fs": ["path_exists", "touch", "read_json", "mkdirs", "rmdirs", "path_getsize"],
    "osTimer": ["start", "stop"],
    "net": ["setModemFun", "csqQueryPoll", "getState", "getModemFun"],
    "queue": ["Queue.put", "Queue.get", "Queue.empty"],
    "sim": ["getStatus", "getImsi", "getIccid", "getPhoneNumber"],
    "app_fota": ["new.bulk_download", "new.set_update_flag"],
    "log": ["getLogger", "basicConfig"],
    "fota": ["httpDownload", "write", "flush", "verify"],
    "dataCall": ["getInfo", "setCallback"],
    "pm": ["create_wakelock", "wakelock_lock"],
    "request": ["get", "post", "put", "head", "Response.status_code", "Response.text", "Response.json"],
    "uhashlib": ["sha256", "md5"],
    "usocket": ["socket.connect", "socket.recv", "socket.send", "socket.settimeout", "getaddrinfo", "TCP_KEEPALIVE"],
}
"""Ranks 1 to 21 of facts quecpython §2.11, as far as they are of the firmware's own modules."""


def test_every_emulated_module_has_its_public_names_listed():
    assert set(FIRMWARE_MODULES) <= set(SURFACE)


def test_every_name_is_in_one_of_three_states():
    states = {state for names in API.values() for state in names.values()}
    assert states == {"implemented", "inert", "missing"}
    assert sum(len(names) for names in API.values()) > 700


@pytest.mark.parametrize("module", USED_BY_PUBLIC_APPLICATIONS)
def test_what_public_applications_use_is_implemented(module):
    assert [name for name in USED_BY_PUBLIC_APPLICATIONS[module] if API[module][name] != "implemented"] == []


def test_the_page_is_current():
    assert PAGE.read_text() == page(), "run: python -m sim.script.surface > docs/api.md"


def test_one_table_says_which_modules_exist_and_are_not_emulated():
    assert frozenset(SURFACE) >= INERT_MODULES
    assert frozenset(FIRMWARE_MODULES).isdisjoint(OTHER_MODULES)


def test_ranges_of_names_are_spelled_out():
    pins = [member.name for member in next(m for m in SURFACE["machine"] if m.name == "Pin").inner]
    assert [name for name in pins if name.startswith("GPIO")] == [f"GPIO{number}" for number in range(1, 48)]


def test_a_missing_name_is_an_attribute_error_and_a_missing_module_an_import_error(run):
    script = run("""
        import uos, net
        for owner, name in ((uos, 'VfsSd'), (net, 'bandRst')):
            try:
                getattr(owner, name)
            except AttributeError as e:
                print(e)
        try:
            import upip
        except ImportError as e:
            print(e)
    """)
    assert script.printed == [
        "module 'uos' has no attribute 'VfsSd'",
        "module 'net' has no attribute 'bandRst'",
        "no module named 'upip'",
    ]


@pytest.mark.parametrize("module", sorted(INERT_MODULES - frozenset(FIRMWARE_MODULES)))
def test_inert_modules_can_be_imported_and_their_calls_fail(run, module):
    first = next(member for member in SURFACE[module] if not member.constant)
    use = f"{module}.{first.name}(1, key=2)"
    if first.inner:
        use += f".{first.inner[0].name}('x')"
    script = run(f"import {module}\nprint({use})\ntry:\n    {module}.nothing\nexcept AttributeError:\n    print('no')")
    assert script.printed == ["-1", "no"]
    path = f"{module}.{first.name}"
    expected = [module, path] + ([f"{path}.{first.inner[0].name}"] if first.inner else [])
    assert [data["name"] for data in script.kinds("inert")] == expected


def test_an_inert_module_says_so_once_a_boot(run):
    script = run("import audio\nfrom audio import Audio\nimport audio as again\nprint(again is audio)")
    assert script.printed == ["True"]
    assert script.kinds("inert") == [{"name": "audio"}]


def test_constants_of_inert_modules_are_numbers(run):
    assert run("import wakeup, audio\nprint(wakeup.WakeUp.PULL_PU, audio.Record.AMRNB)").printed == ["0 0"]


def test_semaphores_let_in_as_many_as_they_count(run):
    script = run("""
        import _thread, utime
        gate = _thread.allocate_semphore(2)
        def worker(n):
            gate.acquire()
            print(n, gate.getCnt())
            utime.sleep(1)
            gate.release()
        for n in range(3):
            _thread.start_new_thread(worker, (n,))
        utime.sleep(5)
        gate.release()
        print(gate.getCnt())
        _thread.delete_semphore(gate)
    """)
    assert script.printed == ["0 (2, 1)", "1 (2, 0)", "2 (2, 1)", "(2, 2)"]


def test_a_module_taken_out_of_the_table_is_loaded_again(run):
    script = run(
        "import usys, usr.part\ndel usys.modules['usr.part']\nimport usr.part\n", files={"part.py": "print('loaded')"}
    )
    assert script.printed == ["loaded", "loaded"]


def test_automatic_collection_can_be_switched(run):
    assert run("import gc\ngc.disable()\nprint(gc.isenabled())\ngc.enable()\nprint(gc.isenabled())").printed == [
        "False",
        "True",
    ]
