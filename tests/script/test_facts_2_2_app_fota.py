"""What the facts say of `app_fota`, section 2.2, one surprise a test."""

import gzip
import io
import json
import tarfile

import pytest
from script_rig import FIRMWARE, OPEN, slow

from sim.device.peek import read_file

R05 = "EG915UEUABR05A20M08_OCPU_QPY"
BOTH = pytest.mark.parametrize("generation", ["G21", "G25"])

STAGE = """
    import app_fota, uos, ujson, utime
    OPEN = '{open}'
    a = app_fota.new()
    def stat():
        with open('/usr/.updater/download.stat') as f:
            return ujson.loads(f.read())
    def size(path):
        return uos.stat(path)[6]
"""


def staging(body, before=""):
    lines = "\n".join("    " + line.strip("\n") for line in body.splitlines())
    return before + STAGE.format(open=OPEN) + lines


def again(body):
    """A main.py that does `body` at the first boot and lets the device stand after the next one."""
    return (
        "import misc\nif misc.Power.powerOnReason() == 1:\n" + "\n".join("    " + x for x in body.splitlines()) + "\n"
    )


def ranges(script):
    return [data["range"] for data in script.kinds("http")]


FILES = {"a.py": b"VERSION = '2.0'\n", "b.py": b"VERSION = '2.1'\n"}


@BOTH
def test_2_2_files_are_staged_under_their_whole_name_and_noted_with_url_name_and_size(run, generation):
    script = run(
        staging("""
print(a.download(OPEN + 'a.py', '/usr/lib/a.py'), a.set_update_flag())
print(uos.listdir('/usr/.updater'), size('/usr/.updater/usr/lib/a.py'), size('/usr/.updater/update.flag'))
item = stat()[0]
print(item['url'] == OPEN + 'a.py', item['name'], item['total_size'])
"""),
        objects=FILES,
        generation=generation,
    )
    assert script.printed == ["0 None", "['download.stat', 'update.flag', 'usr'] 16 0", "True /usr/lib/a.py 16"]


def test_2_2_a_range_is_asked_for_always_and_a_whole_file_is_not_fetched_again(run):
    main = staging("print(a.download(OPEN + 'a.py', '/usr/a.py'), a.download(OPEN + 'a.py', '/usr/a.py'))")
    script = run(main, objects=FILES)
    assert script.printed == ["0 0"]
    assert [(data["range"], data["status"]) for data in script.kinds("http")] == [("bytes=0-", 206)]


def test_2_2_the_headers_that_are_passed_in_come_back_with_a_range(run):
    script = run(
        staging("""
headers = {'X-Mine': '1'}
a.bulk_download([{'url': OPEN + 'a.py', 'file_name': '/usr/a.py'}], headers)
print(sorted(headers), headers['Range'])
"""),
        objects=FILES,
    )
    assert script.printed == ["['Range', 'X-Mine'] bytes=0-"]


@BOTH
def test_2_2_a_truncated_transfer_counts_as_complete(run, generation):
    main = staging("""
print(a.download(OPEN + 'a.py', '/usr/a.py'), stat()[0]['total_size'])
print(a.download(OPEN + 'a.py', '/usr/a.py'), size('/usr/.updater/usr/a.py'))
""")
    cut = "{truncated: {bucket: open, key: a.py, after: 7B}}"
    script = run(main, objects=FILES, faults=cut, generation=generation)
    assert script.printed == ["0 7", "0 7"]
    assert len(script.kinds("http")) == 1


def test_2_2_a_socket_that_dies_in_the_body_looks_like_success(run):
    cut = "{connection_reset: {bucket: open, key: a.py, after: 9B}}"
    script = run(
        staging("print(a.download(OPEN + 'a.py', '/usr/a.py'), stat()[0]['total_size'])"), objects=FILES, faults=cut
    )
    assert script.printed == ["0 9"]


def test_2_2_g25_gives_up_a_silent_server_with_a_value_error_and_g21_waits_for_it(run):
    main = staging("""
start = utime.time()
try:
    print(a.download(OPEN + 'a.py', '/usr/a.py'))
except ValueError as e:
    print('ValueError', 'ETIMEDOUT' in str(e))
print(utime.time() - start > 100)
""")
    stall = "{stalled: {bucket: open, key: a.py, after: 8B, for: 2m}}"
    seen = {g: run(main, 200, objects=FILES, faults=stall, generation=g).printed for g in ("G21", "G25")}
    assert seen == {"G21": ["0", "True"], "G25": ["ValueError True", "False"]}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_2_2_a_redirect_is_not_implemented_in_g21_and_minus_one_in_g25(run, status):
    main = staging("""
try:
    print(a.download(OPEN + 'a.py', '/usr/a.py'))
except NotImplementedError:
    print('NotImplementedError')
""")
    fault = f"{{redirected: {{bucket: open, key: a.py, to: '{OPEN}b.py', status: {status}}}}}"
    seen = {g: run(main, objects=FILES, faults=fault, generation=g).printed for g in ("G21", "G25")}
    assert seen == {"G21": ["NotImplementedError"], "G25": ["-1"]}


@pytest.mark.parametrize(
    ("url", "error"),
    [("http://nowhere.example/a.py", "IndexError"), (OPEN.replace("https", "http") + "none.py", "-1")],
)
def test_2_2_only_an_http_status_is_minus_one_and_dns_is_an_index_error(run, url, error):
    main = staging(f"""
try:
    print(a.download('{url}', '/usr/a.py'))
except Exception as e:
    print(type(e).__name__)
""")
    assert run(main).printed == [error]


def test_2_2_bulk_download_gives_none_or_the_items_that_were_refused_as_they_are(run):
    script = run(
        staging("""
good, bad = {'url': OPEN + 'a.py', 'file_name': '/usr/a.py'}, {'url': OPEN + 'none.py', 'file_name': '/usr/n.py'}
print(a.bulk_download([good]), a.bulk_download(), a.bulk_download([bad, good]) == [bad])
"""),
        objects=FILES,
    )
    assert script.printed == ["None None True"]


def test_2_2_a_missing_file_name_is_a_key_error_after_the_files_before_it_were_staged(run):
    script = run(
        staging("""
try:
    a.bulk_download([{'url': OPEN + 'a.py', 'file_name': '/usr/a.py'}, {'url': OPEN + 'b.py'}])
except KeyError as e:
    print('KeyError', e)
print([item['name'] for item in stat()])
"""),
        objects=FILES,
    )
    assert script.printed == ["KeyError file_name", "['/usr/a.py']"]


def test_2_2_a_full_flash_comes_out_of_bulk_download_as_oserror_28(run):
    script = run(
        staging("""
try:
    print(a.bulk_download([{'url': OPEN + 'big.bin', 'file_name': '/usr/big.bin'}]))
except OSError as e:
    print('OSError', e.args[0], stat()[0]['total_size'])
"""),
        objects={"big.bin": bytes(range(256)) * 2000},
    )
    assert script.printed == ["OSError 28 unknown"]


TWICE = staging("""
print(a.download(OPEN + 'a.py', '/usr/a.py'))
with open('/usr/.updater/usr/a.py') as f:
    print(repr(f.read()))
""")
HALF = {
    ".updater/download.stat": json.dumps([{"url": "u", "name": "/usr/A.py", "total_size": "unknown"}]),
    ".updater/usr/a.py": b"VERSION =",
}


def test_2_2_an_interrupted_transfer_goes_on_where_it_stopped(run):
    script = run(TWICE, objects=FILES, files=HALF)
    assert script.printed == ["0", repr(FILES["a.py"].decode())]
    assert ranges(script) == ["bytes=9-"]


def test_2_2_a_server_that_ignores_the_range_has_its_bytes_appended_twice(run):
    script = run(TWICE, objects=FILES, files=HALF, faults="{ignored_range: {bucket: open, key: a.py}}")
    assert script.printed == ["0", repr("VERSION =VERSION = '2.0'\n")]


def test_2_2_a_cut_between_the_last_byte_and_the_note_is_refused_for_ever(run):
    """The file is whole, its size still unknown: nothing is left to ask for, and the server says 416."""
    files = {**HALF, ".updater/usr/a.py": FILES["a.py"]}
    script = run(staging("print(a.download(OPEN + 'a.py', '/usr/a.py'))"), objects=FILES, files=files)
    assert script.printed == ["-1"]
    assert script.kinds("http")[0]["status"] == 416


def test_2_2_names_that_differ_in_case_only_are_one_entry_and_the_second_file_is_lost(run):
    main = again(
        staging("""
print(a.download(OPEN + 'a.py', '/usr/a.py'), a.download(OPEN + 'b.py', '/usr/A.PY'))
print([(item['name'], item['url'][-4:]) for item in stat()])
a.set_update_flag()
misc.Power.powerRestart()
""").replace("\n    ", "\n")
    )
    script = run(main, 60, objects=FILES)
    assert script.printed == ["0 0", "[('/usr/a.py', 'b.py')]"]
    assert read_file(script.device, "/usr/a.py") == FILES["a.py"]
    assert script.device.mounts.listdir("/usr") == ["a.py", "main.py", "system_config.json"]


# -- at boot


def booted(run, files, seconds=12, **knobs):
    """A device that finds these files in /usr at its first boot and does nothing."""
    script = run("import utime\nutime.sleep(1)\n", seconds, files=files, **knobs)
    return script, script.device.mounts


def staged(names, flag=True, known=None):
    entries = [{"url": "u", "name": name, "total_size": 3} for name in (names if known is None else known)]
    files = {".updater/download.stat": json.dumps(entries), **{f".updater{name}": b"new" for name in names}}
    return {**files, ".updater/update.flag": b""} if flag else files


def test_2_2_boot_copies_every_staged_file_and_clears_up(run):
    script, mounts = booted(run, {**staged(["/usr/a.py", "/usr/lib/deep/b.py"]), "a.py": "old"})
    assert mounts.read("/usr/a.py") == mounts.read("/usr/lib/deep/b.py") == b"new"
    assert mounts.listdir("/usr") == ["a.py", "lib", "main.py", "system_config.json"]
    assert [data["file"] for data in script.kinds("app.copied")] == ["/usr/a.py", "/usr/lib/deep/b.py"]


def test_2_2_without_the_flag_boot_does_nothing(run):
    script, mounts = booted(run, staged(["/usr/a.py"], flag=False))
    assert not mounts.exists("/usr/a.py")
    assert mounts.exists("/usr/.updater/usr/a.py")
    assert script.kinds("app.failed") == []


@pytest.mark.parametrize(
    "stat", [None, b"", b"not json", b"null", b"{}", b'[{"url": "u"}]', b"[1]"], ids=lambda stat: repr(stat)
)
def test_2_2_any_exception_keeps_the_flag_so_that_every_boot_tries_again(run, stat):
    files = staged(["/usr/a.py"])
    del files[".updater/download.stat"]
    script, _ = booted(run, files if stat is None else {**files, ".updater/download.stat": stat})
    for boot in range(3):
        assert len(script.kinds("app.failed")) == 1 + boot
        assert script.device.mounts.exists("/usr/.updater/update.flag")
        script.device.reset("by hand")
        script.run(12)
    assert not script.device.mounts.exists("/usr/a.py")


def test_2_2_an_entry_without_its_file_costs_one_boot_and_the_next_one_does_the_rest(run):
    files = staged(["/usr/b.py"], known=["/usr/gone.py", "/usr/b.py"])
    script, mounts = booted(run, files)
    assert len(script.kinds("app.failed")) == 1
    assert not mounts.exists("/usr/b.py")
    assert [e["name"] for e in json.loads(mounts.read("/usr/.updater/download.stat"))] == ["/usr/b.py"]
    script.device.reset("by hand")
    script.run(12)
    assert script.device.mounts.read("/usr/b.py") == b"new"
    assert not script.device.mounts.exists("/usr/.updater")


def test_2_2_a_copy_that_was_cut_heals_itself_at_the_next_boot(run):
    files = staged(["/usr/a.py"])
    files[".updater/usr/a.py"] = bytes(range(256)) * 128
    script = run("import utime\nutime.sleep(1)\n", 1, files={**files, "a.py": "old"})
    torn = []

    def cut(phase, _progress):
        if phase == "app_copy" and not torn:
            torn.append(script.device.clock.after(200_000, script.device.power_cut))

    script.device.watch_phases(cut)
    script.run(12)
    assert script.device.state == "off"
    assert read_file(script.device, "/usr/a.py") != files[".updater/usr/a.py"]
    script.device.power_on()
    script.run(20)
    assert script.device.mounts.read("/usr/a.py") == files[".updater/usr/a.py"]
    assert not script.device.mounts.exists("/usr/.updater")


def test_2_2_a_broken_main_is_never_rolled_back(run):
    files = staged(["/usr/main.py"])
    files[".updater/usr/main.py"] = b"raise ValueError('broken')\n"
    script, _ = booted(run, files)
    script.device.reset("by hand")
    script.run(60)
    assert [error for _, error, _ in script.tracebacks] == ["ValueError"] * 2
    assert script.device.boots == 2


def test_2_2_whoever_protects_files_is_told_of_each_copy_in_order(run):
    """The seam for checksums of protected files."""
    from sim.update.app_files import apply_staged

    script, _ = booted(run, staged(["/usr/a.py", "/usr/b.py"], flag=False))
    device, told = script.device, []
    device.mounts.write("/usr/.updater/update.flag", b"")

    def copied(name):
        told.append((name, device.mounts.read(name), device.mounts.exists("/usr/.updater" + name)))

    device.life.spawn(apply_staged(device, copied))
    script.run(5)
    assert told == [("/usr/a.py", b"new", True), ("/usr/b.py", b"new", True)]


def test_2_2_a_script_may_have_the_copy_made_without_a_restart(run):
    script = run(
        staging("""
print(a.update(), a.download(OPEN + 'a.py', '/usr/a.py'), a.set_update_flag(), a.update(), a.update())
import usr.a
print(usr.a.VERSION)
"""),
        objects=FILES,
    )
    assert script.printed == ["-1 0 None 0 -1", "2.0"]


LONG = "x" * 1500
MANY = 12


def many(generation, run):
    body = f"""
for i in range({MANY}):
    a.download(OPEN + 'a.py?{LONG}', '/usr/f%d.py' % i)
print(size('/usr/.updater/download.stat') > 16384)
a.set_update_flag()
misc.Power.powerRestart()
"""
    main = again(staging(body).replace("\n    ", "\n"))
    return run(main, 100, objects=FILES, generation=generation)


def test_2_2_a_dozen_long_urls_overflow_the_state_file_and_g25_is_stuck_at_every_boot(run):
    script = many("G25", run)
    assert script.printed == ["True"]
    for boot in range(2):
        assert len(script.kinds("app.failed")) == 1 + boot
        assert script.kinds("app.failed")[-1]["reason"].startswith("JSONDecodeError")
        script.device.reset("by hand")
        script.run(12)
    assert not script.device.mounts.exists("/usr/f0.py")
    assert script.device.mounts.exists("/usr/.updater/update.flag")


def test_2_2_g21_reads_the_state_file_short_while_downloading_and_forgets_the_first_files(run):
    script = many("G21", run)
    assert script.printed == ["False"]
    assert script.kinds("app.failed") == []
    there = [i for i in range(MANY) if script.device.mounts.exists(f"/usr/f{i}.py")]
    assert there[-1] == MANY - 1
    assert 0 not in there
    assert not script.device.mounts.exists("/usr/.updater")


# -- the volume of its own


def test_2_2_an_r05_build_stages_under_fota_and_an_r03_build_does_not(run):
    main = staging("""
print(a.app_fota_pkg_mount.fota_dir, a.download(OPEN + 'a.py', '/usr/a.py'))
print(sorted(uos.listdir('/')), [name for name in uos.listdir('/usr') if name != 'system_config.json'])
""")
    assert run(main, objects=FILES, firmware=R05).printed == ["/fota 0", "['bak', 'fota', 'usr'] ['main.py']"]
    assert run(main, objects=FILES).printed == [" 0", "['bak', 'usr'] ['.updater', 'main.py']"]


def test_2_2_what_was_staged_under_fota_is_copied_to_usr_at_boot_and_fota_is_unmounted(run):
    main = (
        again(
            staging("""
print(a.bulk_download([{'url': OPEN + 'a.py', 'file_name': '/usr/a.py'}]), a.set_update_flag())
misc.Power.powerRestart()
""").replace("\n    ", "\n")
            + "\n"
        )
        + "else:\n    import uos\n    print(uos.listdir('/'))\n"
    )
    script = run(main, objects=FILES, firmware=R05)
    assert script.printed == ["None None", "['bak', 'usr']"]
    assert script.device.mounts.read("/usr/a.py") == FILES["a.py"]


SPACE = (
    again(
        staging("""
print(a.download(OPEN + 'big.bin', '/usr/big.bin'), a.set_update_flag())
misc.Power.powerRestart()
""").replace("\n    ", "\n")
    )
    + "\n"
)


def test_2_2_without_a_volume_of_its_own_a_file_needs_its_room_twice(run):
    big = bytes(range(256)) * 860
    tight = run(SPACE, 100, objects={"big.bin": big})
    assert (tight.printed, len(tight.kinds("app.failed"))) == (["0 None"], 1)
    assert "Errno 28" in tight.kinds("app.failed")[0]["reason"]
    assert len(tight.device.mounts.read("/usr/big.bin")) < len(big)
    assert tight.device.mounts.exists("/usr/.updater/update.flag")
    roomy = run(SPACE, 100, objects={"big.bin": big}, firmware=R05)
    assert roomy.device.mounts.read("/usr/big.bin") == big


def test_2_2_the_mount_object_is_one_and_keeps_its_folder_after_umount(run):
    script = run(
        """
        from app_fota_mount import AppFotaPkgMount
        import app_fota, app_fota_download
        m = AppFotaPkgMount()
        print(m is AppFotaPkgMount(), m is app_fota_download.app_fota_pkg_mount, m.mount_state, repr(m.fota_dir))
        m.mount_disk()
        print(m.mount_state, m.can_mount, m.get_fota_file_name('/usr/x'), app_fota_download.get_updater_dir())
        m.umount_disk()
        print(m.mount_state, m.can_mount, m.fota_dir)
        try:
            app_fota_download.set_update_flag()
        except OSError as e:
            print('OSError', e.args[0])
        """,
        firmware=R05,
    )
    assert script.printed == [
        "True True False '/fota'",
        "True True /fota/usr/x /fota/usr/.updater",
        "False True /fota",
        "OSError 2",
    ]


def test_2_2_a_damaged_volume_is_not_used_and_nobody_is_told(run):
    script = run("import utime\nutime.sleep(1)\n", 5, firmware=R05)
    region = script.device.regions.temp
    region.load(0, b"\0" * 8192)
    source = "import app_fota\nprint(repr(app_fota.new().app_fota_pkg_mount.fota_dir))\n"
    script.device.mounts.write("/usr/main.py", source.encode())
    script.device.reset("by hand")
    assert script.run(12).printed == ["''"]


# -- what applications use beside it


def test_2_2_an_application_that_unpacks_by_itself_notes_its_files(run):
    main = again(
        staging("""
import app_fota_download as d, ql_fs
ql_fs.mkdirs(d.get_updater_dir() + '/usr')
with open(d.get_updater_dir() + '/usr/mine.py', 'w') as f:
    f.write('x = 1')
d.update_download_stat('none', '/usr/mine.py', 5)
print(d.get_update_flag_file(), d.get_download_stat())
d.set_update_flag()
misc.Power.powerRestart()
""").replace("\n    ", "\n")
    )
    script = run(main)
    stat = [{"url": "none", "name": "/usr/mine.py", "total_size": 5}]
    assert script.printed == [f"/usr/.updater/update.flag {stat}"]
    assert script.device.mounts.read("/usr/mine.py") == b"x = 1"


UNPACK = """
import app_fota, app_fota_download as d, uos, ql_fs, uzlib, misc
if misc.Power.powerOnReason() == 1:
    app_fota.new()
    with open('/usr/new.tar.gz', 'rb') as packed:
        packed.seek(10)
        tar = uzlib.DecompIO(packed, -15, 1)
        while True:
            head = tar.read(512)
            name = head[:100].decode('ascii').rstrip('\\0')
            if not name:
                break
            size = int(head[124:135].decode('ascii').rstrip('\\0'), 8)
            path = d.get_updater_dir() + '/usr/' + name
            ql_fs.mkdirs(ql_fs.path_dirname(path))
            with open(path, 'wb') as f:
                f.write(tar.read(size))
            tar.read(-size % 512)
            d.update_download_stat('', '/usr/' + name, size)
    print(ql_fs.path_dirname(path), [item['name'] for item in d.get_download_stat()])
    d.set_update_flag()
    misc.Power.powerRestart()
"""


@pytest.mark.parametrize(
    ("firmware", "folder"), [(FIRMWARE["EG915U"], "/usr/.updater/usr/lib"), (R05, "/fota/usr/.updater/usr/lib")]
)
def test_2_2_an_archive_is_unpacked_into_the_updaters_folder_and_copied_at_the_next_boot(run, firmware, folder):
    content = {"a.py": b"VERSION = '2.0'\n", "lib/b.py": b"x = 1\n" * 200}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    packed = gzip.compress(archive.getvalue(), mtime=0)
    script = run(UNPACK, files={"new.tar.gz": packed}, firmware=firmware)
    assert script.printed == [f"{folder} ['/usr/a.py', '/usr/lib/b.py']"]
    assert {name: script.device.mounts.read(f"/usr/{name}") for name in content} == content
    assert ".updater" not in script.device.mounts.listdir("/usr")


def test_2_2_the_folder_that_one_application_writes_into_is_there_on_r05_builds_only(run):
    main = """
        import app_fota, ql_fs
        app_fota.new()
        try:
            ql_fs.mkdirs('/fota/usr/.updater')
            print('made')
        except OSError as e:
            print('OSError', e.args[0])
    """
    assert run(main, firmware=R05).printed == ["made"]
    assert run(main).printed == ["OSError 2"]


def test_2_2_a_file_that_was_deleted_from_the_list_stays_staged_and_null_is_written_for_an_empty_one(run):
    script = run(
        staging("""
import app_fota_download as d
a.download(OPEN + 'a.py', '/usr/a.py')
d.delete_update_file('/USR/A.PY')
print(d.get_download_stat(), uos.listdir('/usr/.updater'))
d.delete_update_file('/usr/a.py')
with open('/usr/.updater/download.stat') as f:
    print(f.read())
"""),
        objects=FILES,
    )
    assert script.printed == ["None ['download.stat', 'usr']", "null"]


def test_2_2_in_2021_there_were_constants_and_no_mount_module(run):
    script = run(
        """
        import app_fota_download as d
        print(d.updater_dir, d.download_stat_file_max_size, hasattr(d, 'get_updater_dir'))
        try:
            import app_fota_mount
        except ImportError:
            print('ImportError')
        """,
        generation="G21",
    )
    assert script.printed == ["/usr/.updater 16384 False", "ImportError"]


def test_2_2_a_slow_server_costs_time_and_nothing_else(run):
    script = run(
        staging("""
start = utime.ticks_ms()
print(a.download(OPEN + 'a.bin', '/usr/a.bin'), utime.ticks_diff(utime.ticks_ms(), start) > 9000)
"""),
        objects={"a.bin": b"x" * 10240},
        faults=slow("a.bin", "1KiB/s"),
    )
    assert script.printed == ["0 True"]


# -- the network goes in the middle of a body


GOES = """
start = utime.time()
try:
    print(a.download(OPEN + 'big.bin', '/usr/big.bin'))
    print(stat()[0]['total_size'], size('/usr/.updater/usr/big.bin'))
except Exception as e:
    print(type(e).__name__, 'ETIMEDOUT' in str(e))
print(utime.time() - start)
"""
LOSS = "{link_loss: {device: dut, when: {at: 10200ms}, for: 60s}}"


@pytest.mark.parametrize("rate", [None, "10KiB/s"])
def test_2_2_what_g21_had_received_when_the_signal_went_counts_as_the_whole_file(run, rate):
    """Of an answer that is on the air at its own rate (160 kB/s here), and of one that its server sends slowly."""
    body = bytes(range(256)) * (1200 if rate is None else 400)
    script = run(
        staging("while utime.ticks_ms() < 9000:\n    utime.sleep_ms(10)\n" + GOES),
        objects={"big.bin": body},
        faults=LOSS + ("" if rate is None else ", " + slow("big.bin", rate)),
        generation="G21",
        seconds=120,
    )
    assert script.printed[0] == "0"
    told, there = map(int, script.printed[1].split())
    assert told == there
    assert 4096 < there < len(body)
    assert script.device.mounts.read("/usr/.updater/usr/big.bin") == body[:there]
    assert int(script.printed[2]) >= 20


def test_2_2_g25_tells_a_time_out_when_the_signal_goes(run):
    script = run(
        staging("while utime.ticks_ms() < 9000:\n    utime.sleep_ms(10)\n" + GOES),
        objects={"big.bin": bytes(300_000)},
        faults=LOSS,
        generation="G25",
        seconds=120,
    )
    assert script.printed[0] == "ValueError True"
    assert "big.bin" not in script.device.mounts.listdir("/usr/.updater/usr")


# -- the third generation


def test_2_2_uni_counts_what_came_against_content_length_and_goes_on_there(run):
    main = staging("""
print(a.download(OPEN + 'a.py', '/usr/a.py'), stat()[0]['total_size'])
print(a.download(OPEN + 'a.py', '/usr/a.py'), stat()[0]['total_size'])
""")
    cut = "{truncated: {bucket: open, key: a.py, after: 7B, times: 1}}"
    script = run(main, objects=FILES, faults=cut, generation="UNI")
    assert script.printed == ["-1 unknown", "0 16"]
    assert ranges(script) == ["bytes=0-", "bytes=7-"]


def test_2_2_the_newest_take_an_external_flash_and_without_the_chip_files_go_where_they_went(run):
    main = staging("""
b = app_fota.new(ext_enable=1, spi_port=1, spi_clk=2, dl_location=0)
print(b.download(OPEN + 'a.py', '/usr/a.py'), size('/usr/.updater/usr/a.py'))
""")
    assert run(main, objects=FILES, generation="UNI").printed == ["0 16"]
    for generation in ("G21", "G25"):
        assert [error for _, error, _ in run(main, objects=FILES, generation=generation).tracebacks] == ["TypeError"]
