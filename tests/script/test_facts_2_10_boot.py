"""Section 2.10 of the facts: what the interpreter does before main.py, by generation; first what goes wrong."""

import json
import zlib

import pytest

from sim.device.peek import read_file
from sim.flash.filesystem import build_volume

MAIN = "print('main runs')"


class Watched:
    """A device whose console is looked at from its first moment."""

    def __init__(self, script):
        self.script, self.device = script, script.device
        self.shown = bytearray()
        self.device.console.peer = self.shown.extend

    def reboot(self, change=lambda device: None, seconds=20):
        """Power off, change something, power on; what the console shows then."""
        self.device.power_cut()
        change(self.device)
        self.shown.clear()
        self.device.power_on()
        self.script.run(seconds)
        return self.shown.decode().replace("\r\n", "\n")


@pytest.fixture
def watched(run):
    def start(main=MAIN, **more):
        return Watched(run(main, **more))

    return start


def volume(device, point, files):
    region = device.regions.volumes[point]
    region.load(0, build_volume(region.size_bytes, files))


def wreck(point):
    def change(device):
        region = device.regions.volumes[point]
        region.load(0, bytes(region.size_bytes))

    return change


def crc(data):
    return f"{zlib.crc32(data):08x}"


def backup(device, files, listed=None, enable=1):
    """/bak as the production tool leaves it."""
    listed = {name: crc(data) for name, data in files.items()} if listed is None else listed
    entries = [{"name": name, "crc32": value} for name, value in listed.items()]
    volume(
        device,
        "/bak",
        {
            "/backup_restore.json": json.dumps({"enable": enable}).encode(),
            "/checksum.json": json.dumps(entries).encode(),
            **files,
        },
    )


def test_2_10_g25_makes_a_wrecked_volume_anew_and_all_scripts_are_lost(watched):
    device = watched(generation="G25")
    shown = device.reboot(wreck("/usr"))
    assert "main runs" not in shown
    assert "error ocurs" not in shown
    assert device.device.mounts.listdir("/usr") == ["system_config.json"]


def test_2_10_g21_prints_the_boot_error_and_goes_on_without_volumes(watched):
    device = watched(generation="G21")
    shown = device.reboot(wreck("/usr"))
    assert "error ocurs in boot step.\n" in shown
    assert "mount.\n" not in shown
    assert ">>> " in shown
    assert device.device.mounts.listdir("/") == []
    assert device.device.radio.attached


def test_2_10_g21_leaves_out_the_steps_after_a_wrecked_backup(watched):
    device = watched(generation="G21")
    shown = device.reboot(wreck("/bak"))
    assert shown.startswith("error ocurs in boot step.\n")
    assert "main runs\n" in shown


def test_2_10_g21_says_that_it_mounted(watched):
    assert watched(generation="G21").reboot().startswith("mount.\n")
    assert "mount." not in watched(generation="G25").reboot()


def test_2_10_without_a_backup_the_console_says_so_and_the_boot_goes_on(watched):
    shown = watched().reboot()
    assert shown.startswith("x backup restore procedure error: '/bak/backup_restore.json not exist'\n")
    assert "main runs\n" in shown


@pytest.mark.parametrize(
    ("flag", "told"),
    [(b"", "is empty"), (b"{", "procedure error"), (b"{}", "procedure error"), (b"[1]", "procedure error")],
)
def test_2_10_a_damaged_flag_ends_the_check(watched, flag, told):
    shown = watched().reboot(lambda device: volume(device, "/bak", {"/backup_restore.json": flag}))
    assert told in shown.splitlines()[0]


def test_2_10_a_damaged_file_is_restored_and_one_without_a_copy_is_not(watched):
    good = b"print('restored')"

    def change(device):
        backup(device, {"/usr/main.py": good}, {"/usr/main.py": crc(good), "/usr/gone.py": "1"})

    device = watched()
    shown = device.reboot(change)
    assert "- restoring /usr/main.py\n" in shown
    assert "~ backup file does not exist: /usr/gone.py\n" in shown
    assert "restored\n" in shown
    assert [data["file"] for data in device.script.kinds("backup.restored")] == ["/usr/main.py", "/usr/gone.py"]


def test_2_10_a_backup_that_is_off_restores_nothing(watched):
    device = watched()
    shown = device.reboot(lambda device: backup(device, {"/usr/main.py": b"print('restored')"}, enable=0))
    assert "restoring" not in shown
    assert "main runs\n" in shown


def test_2_10_whole_files_stay_and_later_boots_write_nothing(watched):
    device = watched()
    device.reboot(lambda device: backup(device, {"/usr/main.py": MAIN.encode()}))
    ops = device.device.nor.ops
    assert "restoring" not in device.reboot()
    assert device.device.nor.ops == ops


def staged(device, name, data):
    """An application file that waits to be copied."""
    files = {
        "/main.py": MAIN.encode(),
        name.removeprefix("/usr"): b"old",
        "/checksum.json": json.dumps([{"name": name, "crc32": crc(b"old")}]).encode(),
        "/.updater" + name: data,
        "/.updater/update.flag": b"",
        "/.updater/download.stat": json.dumps([{"url": "u", "name": name, "total_size": len(data)}]).encode(),
    }
    volume(device, "/usr", files)
    backup(device, {name: b"old"})


def test_2_10_an_upgraded_file_that_is_protected_stays_upgraded(watched):
    device = watched()
    device.reboot(lambda device: staged(device, "/usr/a.py", b"new"))
    assert read_file(device.device, "/usr/a.py") == b"new"
    assert "restoring" not in device.reboot()
    assert read_file(device.device, "/usr/a.py") == b"new"


def test_2_10_a_file_that_was_changed_by_hand_is_rolled_back(watched):
    device = watched("with open('/usr/a.py', 'w') as f:\n    f.write('by hand')")
    device.reboot(lambda device: backup(device, {"/usr/a.py": b"old"}))
    assert read_file(device.device, "/usr/a.py") == b"by hand"
    assert "- restoring /usr/a.py" in device.reboot()


def test_2_10_settings_are_made_once_and_a_damaged_file_is_only_told(watched):
    device = watched()
    assert json.loads(read_file(device.device, "/usr/system_config.json")) == {"replFlag": 0}
    files = {"/main.py": MAIN.encode(), "/system_config.json": b"{"}
    assert "ValueError: " in device.reboot(lambda device: volume(device, "/usr", files))
    assert "main runs" in device.shown.decode()


def test_2_10_the_data_call_at_boot_can_be_turned_off(watched):
    files = {"/main.py": MAIN.encode(), "/system_config.json": b'{"replFlag": 0, "datacallFlag": 0}'}
    device = watched()
    assert device.device.radio.attached
    device.reboot(lambda device: volume(device, "/usr", files), seconds=60)
    assert device.device.radio.registered
    assert not device.device.radio.attached


def test_2_10_the_prompt_comes_after_main_ends_or_raises(watched):
    assert watched().reboot().endswith(">>> ")
    shown = watched("1/0").reboot()
    assert "ZeroDivisionError" in shown
    assert shown.endswith(">>> ")


def test_2_10_scripts_use_backup_and_checksums(run):
    script = run("""\
        import backup_restore, checksum, file_crc32
        print(backup_restore.bak_file('/usr/none'), backup_restore.bak_file('/usr/main.py'))
        print(checksum.update('/usr/main.py'), file_crc32.calc('/usr/none'))
    """)
    assert script.printed == ["-1 -2", "None None"]
    script.device.power_cut()
    main = b"""\
import backup_restore, checksum, file_crc32
print(backup_restore.bak_file('usr/main.py'))
print(checksum.retrieve('/usr/main.py') == file_crc32.calc('/usr/main.py'))
print(backup_restore.bak_update('/usr/made.json', {'a': 1}), open('/bak/usr/made.json').read())
try:
    open('/bak/x', 'w')
except OSError as e:
    print(e.args[0])
"""
    volume(script.device, "/usr", {"/main.py": main})
    backup(script.device, {"/usr/other.py": b"x"})
    script.device.power_on()
    script.run(20)
    assert script.printed[2:] == ["1", "True", '0 {"a": 1}', "30"]


def test_2_10_a_soft_reset_takes_the_same_steps(watched):
    device = watched()
    device.device.power_cut()
    backup(device.device, {"/usr/main.py": b"print('restored')"}, enable=1)
    device.device.power_on()
    device.script.run(20)
    device.device.mounts.write("/usr/main.py", b"damaged")
    device.shown.clear()
    device.device.soft_reset()
    device.script.run(5)
    assert "restored\r\n" in device.shown.decode()
