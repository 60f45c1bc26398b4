"""What the facts say of queue, ql_fs, log, uos, utime and other small modules, section 2.9, one surprise a test."""

import pytest
from script_rig import FIRMWARE

FULL = """
    import queue
    q = queue.Queue(2)
    print([q.put(i) for i in range(5)], q.size())
"""


def test_2_9_put_never_waits_and_says_false_when_it_is_full(run):
    assert run(FULL).printed == ["[True, True, False, False, False] 2"]


def test_2_9_in_2021_full_means_more_than_its_size(run):
    assert run(FULL, generation="G21").printed == ["[True, True, True, False, False] 3"]


def test_2_9_get_waits_without_a_time_out(run):
    script = run(
        """
        import queue, _thread, utime
        q = queue.Queue()
        def late():
            utime.sleep(40)
            q.put('late')
        _thread.start_new_thread(late, ())
        print(q.get(), utime.ticks_ms() > 40000)
        try:
            q.get(timeout=1)
        except TypeError:
            print('TypeError')
        """
    )
    assert script.printed == ["late True", "TypeError"]


def test_2_9_the_size_of_a_missing_file_is_a_name_error(run):
    script = run("import ql_fs\nql_fs.path_getsize('/usr/missing')")
    assert [error for _, error, _ in script.tracebacks] == ["NameError"]


def test_2_9_file_copy_takes_the_target_first_and_says_false_for_a_missing_source(run):
    script = run(
        """
        import ql_fs
        ql_fs.touch('/usr/a.json', {'a': 1})
        print(ql_fs.file_copy('/usr/b.json', '/usr/a.json'), ql_fs.read_json('/usr/b.json'))
        print(ql_fs.file_copy('/usr/b.json', '/usr/missing'), ql_fs.read_json('/usr/b.json'))
        """
    )
    assert script.printed == ["True {'a': 1}", "False {'a': 1}"]


def test_2_9_file_copy_empties_its_target_before_it_knows_that_there_is_no_room(run):
    script = run(
        """
        import ql_fs, uos
        ql_fs.touch('/usr/target', {'old': 1})
        with open('/usr/big', 'wb') as f:
            for _ in range(50):
                f.write(bytes(4096))
        try:
            ql_fs.file_copy('/usr/target', '/usr/big')
        except OSError as e:
            print('OSError', e.args[0])
        """
    )
    assert script.printed == ["OSError 28"]


def test_2_9_touch_writes_json_and_read_json_gives_none_without_a_file(run):
    script = run(
        """
        import ql_fs
        print(ql_fs.touch('/usr/deep/er/c.json', {'k': None}), ql_fs.read_json('/usr/deep/er/c.json'))
        print(ql_fs.read_json('/usr/none'), ql_fs.path_dirname('/usr/deep/er/c.json'), repr(ql_fs.path_dirname('c')))
        ql_fs.rmdirs('/usr/deep')
        print(ql_fs.path_exists('/usr/deep'))
        """
    )
    assert script.printed == ["0 {'k': None}", "None /usr/deep/er ''", "False"]


@pytest.mark.parametrize(("level", "seen"), [("DEBUG", 5), ("INFO", 4), ("WARNING", 3), ("ERROR", 2), ("CRITICAL", 1)])
def test_2_9_log_keeps_what_is_at_its_level_or_above_and_takes_percent_arguments(run, level, seen):
    script = run(
        f"""
        import log
        log.basicConfig(level=log.{level})
        l = log.getLogger('app')
        for method in (l.debug, l.info, l.warning, l.error, l.critical):
            method('%s of %d', 'one', 5)
        """
    )
    assert [(data["name"], data["text"]) for data in script.kinds("log")] == [("app", "one of 5")] * seen


def test_2_9_uname_is_a_tuple_of_key_value_texts_and_uname2_has_attributes(run):
    script = run("""
        import uos
        print(type(uos.uname()), [text.split('=', 1)[0] for text in uos.uname()], uos.uname()[1].split('=', 1))
        names = uos.uname2()
        print(names.sysname, names.nodename, names.release, names.version, names.machine, names.qpyver)
    """)
    assert script.printed[0] == (
        "<class 'tuple'> ['sysname', 'nodename', 'release', 'version', 'machine', 'qpyver'] ['nodename', 'EG915U']"
    )
    assert script.printed[1].endswith("EG915UEUABR03A20M08_OCPU_QPY")


def test_2_9_sdkver_is_a_text(run):
    assert run("import uos\nprint(uos.sdkver())").printed == ["UIS8910DM_SDK"]


VOLUMES = """
    import uos
    def tell(what, *args):
        try:
            print(what(*args))
        except OSError as e:
            print('OSError', e.args[0])
"""


def test_2_9_a_volume_is_unmounted_and_mounted_elsewhere_with_what_it_holds(run):
    script = run(
        VOLUMES
        + """
    kept = open('/usr/open.txt', 'w')
    uos.umount('/usr')
    print(uos.listdir('/'))
    tell(uos.stat, '/usr/main.py')
    uos.mount(uos.VfsLfs1(32, 32, 32, 'customer_fs'), '/mnt')
    print('main.py' in uos.listdir('/mnt'), uos.listdir('/'))
    kept.write('still open')
    kept.close()
    print(open('/mnt/open.txt').read())
    uos.umount('/mnt')
    uos.mount(uos.VfsLfs1(32, 32, 32, 'customer_fs'), '/r', readonly=True)
    tell(open, '/r/x', 'w')
    uos.umount('/r')
    uos.mount(uos.VfsLfs1(uos.FlashDevice('customer_fs', 4096)), '/usr')
    print(uos.stat('/usr/open.txt')[6])
        """
    )
    assert script.tracebacks == []
    assert script.printed == ["['bak']", "OSError 2", "True ['bak', 'mnt']", "still open", "OSError 30", "10"]
    script.device.reset("by hand")
    assert script.run(20).printed[6:] == script.printed[:6]  # each boot mounts as the firmware does


def test_2_9_what_cannot_be_mounted_or_unmounted_has_its_number(run):
    script = run(
        VOLUMES
        + """
    fs = uos.VfsLfs1(32, 32, 32, 'customer_fs')
    tell(uos.mount, fs, '/mnt')
    tell(uos.mount, fs, '/bak')
    tell(uos.mount, fs, 'mnt')
    tell(uos.mount, 5, '/mnt')
    tell(uos.umount, '/none')
    tell(uos.VfsLfs1, 32, 32, 32, 'none')
    tell(uos.VfsLfs1.mkfs, 'customer_fs')
    uos.umount(fs)
    tell(uos.umount, fs)
    tell(open, '/usr/a.py', 'w')
        """
    )
    assert [line.split()[-1] for line in script.printed] == ["16", "1", "1", "19", "22", "19", "16", "22", "2"]


def test_2_9_a_volume_is_made_anew_and_read_as_blocks(run):
    script = run(
        VOLUMES
        + """
    device = uos.FlashDevice('customer_backup_fs', 4096)
    print(device.ioctl(4, 0), device.ioctl(5, 0))
    tell(device.writeblocks, 0, b'x' * 4096)
    uos.umount('/bak')
    print(device.writeblocks(0, b'x' * 8192))
    piece = bytearray(6)
    print(device.readblocks(0, piece, 4090), bytes(piece))
    tell(device.readblocks, 32, bytearray(1))
    tell(uos.mount, uos.VfsLfs1(device), '/bak')
    uos.VfsLfs1.mkfs(device)
    uos.mount(uos.VfsLfs1(device), '/b')
    with open('/b/new', 'w') as f:
        f.write('1')
    print(uos.listdir('/b'))
        """
    )
    assert script.tracebacks == []
    assert script.printed[0] == "32 4096"
    assert script.printed[1:4] == ["OSError 16", "0", "0 b'xxxxxx'"]
    assert script.printed[4] == "OSError 22"
    assert script.printed[5] == "OSError 19"
    assert script.printed[6:] == ["['new']"]


@pytest.mark.parametrize(
    ("model", "there"),
    [("EG915U", "VfsLfs1"), ("EC600NCNLC", "VfsLfs1"), ("EC800E", "VfsLfs2"), ("BG95", "VfsEfs")],
)
def test_2_9_each_family_has_the_file_system_of_its_maker(run, model, there):
    main = "import uos\nprint([name for name in ('VfsEfs', 'VfsLfs1', 'VfsLfs2') if hasattr(uos, name)])"
    assert run(main, model=model).printed == [f"['{there}']"]


@pytest.mark.parametrize(
    ("model", "generation", "there"),
    [("EG915U", "G21", False), ("EC200U", "G21", False), ("EG915U", "G25", True), ("EC600NCNLC", "G21", True)],
)
def test_2_9_uhashlib_was_not_there_on_rda_in_2021(run, model, generation, there):
    main = "try:\n    import uhashlib\n    print(True)\nexcept ImportError as e:\n    print(False)"
    firmware = FIRMWARE.get(model, "EC200UEUAAR03A02M08_OCPU_QPY")
    script = run(main, model=model, generation=generation, firmware=firmware)
    assert script.printed == [str(there)]


def test_2_9_the_root_cannot_be_written_and_bak_only_be_read(run):
    script = run("""
        import uos
        def fails(fn, *args):
            try:
                print('no error', fn(*args))
            except OSError as e:
                print(fn.__name__ if fn is open else args, type(e))
        fails(open, '/root.txt', 'w')
        fails(uos.mkdir, '/folder')
        fails(open, '/bak/x', 'w')
        fails(uos.mkdir, '/bak/folder')
        fails(uos.remove, '/bak/x')
        print(uos.listdir('/'))
    """)
    assert [line for line in script.printed if "no error" in line] == []
    assert len(script.printed) == 6
    assert script.printed[5] == "['bak', 'usr']"


def test_2_9_an_open_file_can_neither_be_removed_nor_renamed_nor_replaced(run):
    script = run("""
        import uos
        def fails(fn, *args):
            try:
                print('no error', fn(*args))
            except OSError as e:
                print(e.args[0])
        f = open('/usr/open.txt', 'w')
        f.write('kept')
        open('/usr/other.txt', 'w').close()
        fails(uos.remove, '/usr/open.txt')
        fails(uos.rename, '/usr/open.txt', '/usr/new.txt')
        fails(uos.rename, '/usr/other.txt', '/usr/open.txt')
        f.close()
        with open('/usr/open.txt') as f:
            print(f.read())
        print(uos.remove('/usr/open.txt'), 'open.txt' in uos.listdir('/usr'))
    """)
    assert script.printed == ["16", "16", "16", "kept", "None False"]


def test_2_9_mktime_takes_eight_hours_east_and_zones_go_to_twelve(run):
    script = run("""
        import utime
        print(utime.mktime((1970, 1, 1, 8, 0, 0, 3, 1)), utime.localtime(0)[:4])
        print(utime.setTimeZone(12), utime.setTimeZone(-12), utime.setTimeZone(-13), utime.getTimeZone())
    """)
    assert script.printed == ["0 (1970, 1, 1, 8)", "0 0 -1 -12"]


def test_2_9_ticks_wrap_at_two_to_the_thirty(run):
    script = run(
        """
        import utime
        before = utime.ticks_us()
        utime.sleep(1074)
        print(utime.ticks_us() < before + 1074000000, utime.ticks_diff(utime.ticks_us(), before) < 1000000)
        """,
        seconds=1100,
    )
    assert script.printed == ["True True"]


def test_2_9_print_exception_writes_a_traceback_to_the_console_or_into_a_stream(run):
    script = run("""
        import usys, uio
        def fails():
            {}['x']
        try:
            fails()
        except KeyError as e:
            usys.print_exception(e)
            text = uio.StringIO()
            usys.print_exception(e, text)
            print(text.getvalue())
    """)
    assert script.tracebacks == [("print_exception", "KeyError", "x")]
    told = script.printed[0].splitlines()
    assert told[0] == "Traceback (most recent call last):"
    assert [line.strip().rpartition(", in ")[2] for line in told[1:3]] == ["<module>", "fails"]
    assert told[3] == "KeyError: x"


def test_2_9_a_digest_has_no_hexdigest_and_these_three_are_there(run):
    script = run("""
        import uhashlib, ubinascii
        for kind in (uhashlib.md5, uhashlib.sha1, uhashlib.sha256):
            print(len(kind(b'x').digest()), hasattr(kind(b'x'), 'hexdigest'))
    """)
    assert script.printed == ["16 False", "20 False", "32 False"]


def test_2_9_modem_tells_texts(run):
    script = run("""
        import modem
        print([type(fn()) for fn in (
            modem.getDevFwVersion, modem.getDevImei, modem.getDevModel, modem.getDevSN, modem.getDevProductId
        )])
    """)
    assert script.printed == ["[" + ", ".join(["<class 'str'>"] * 5) + "]"]


def test_2_9_log_lines_go_to_a_serial_port_until_they_are_wanted_on_the_console_again(run):
    script = run("""
        import log, usys, utime
        from machine import UART
        app = log.getLogger('app')
        app.info('before')
        log.set_output(UART(UART.UART1, 115200, 8, 0, 1, 0))
        app.warning('%d volts', 3)
        app.debug('below the level')
        log.set_output(usys)
        app.info('after')
    """)
    assert [data["text"] for data in script.kinds("log")] == ["before", "3 volts", "after"]
    (sent,) = script.kinds("uart.out")
    line = "2026-01-01 08:00:04 [app][WARNING] 3 volts\r\n"
    assert sent["port"] == 1
    assert sent["bytes"] == len(line)


def test_2_9_hashlib_and_hmac_are_frozen_on_eigen_alone(run):
    main = """
        import ubinascii, uhashlib
        try:
            import hashlib, hmac
            h = hashlib.sha256(b'a')
            c = h.copy()
            h.update('b')
            print(h.hexdigest() == ubinascii.hexlify(uhashlib.sha256(b'ab').digest()).decode(), c.digest_size)
            print(c.digest() == uhashlib.sha256(b'a').digest(), hashlib.new('MD5').hexdigest()[:6])
            for digestmod in (hashlib.sha1, 'sha1'):
                print(hmac.new(b'key', b'text', digestmod).hexdigest()[:8])
            print(hmac.compare_digest(b'a', b'a'), hmac.compare_digest(b'a', b'b'))
            for call in (lambda: hashlib.new('crc'), lambda: hmac.new('key', b''), lambda: hmac.new(b'k', b'', 'crc')):
                try:
                    call()
                except (ValueError, TypeError) as e:
                    print(type(e).__name__)
        except ImportError:
            print('ImportError')
    """
    assert run(main, model="EG915U").printed == ["ImportError"]
    assert run(main, model="EC800E").printed == [
        "True 32", "True d41d8c", "369e2959", "369e2959", "True False", "ValueError", "TypeError",
        "ValueError",
    ]  # fmt: skip


@pytest.mark.parametrize("when", ["flushed", "not flushed"])
def test_2_9_an_unclosed_file_at_a_power_cut_leaves_what_was_there_before(run, when):
    """The vendor speaks of fragments; littlefs keeps the last state that was synchronised whole."""
    main = f"""
        import misc, utime
        if misc.Power.powerOnReason() == 1:
            with open('/usr/f', 'w') as f:
                f.write('old')
            f = open('/usr/f', 'w')
            f.write('new')
            {"f.flush()" if when == "flushed" else "pass"}
            misc.Power.powerRestart()
        print(open('/usr/f').read())
    """
    assert run(main, seconds=40).printed == ["new" if when == "flushed" else "old"]
