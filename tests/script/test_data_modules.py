"""The modules that work on data alone: what scripts get from them, and where MicroPython differs from Python."""

import gzip
import zlib

import pytest


def test_ubinascii_turns_bytes_into_digits_and_back(run):
    script = run("""
        import ubinascii
        print(ubinascii.hexlify(b'\\x00\\xff'), ubinascii.hexlify(b'\\x01\\x02\\x03', ':'), ubinascii.unhexlify('00ff'))
        print(ubinascii.b2a_base64(b'hello'), ubinascii.a2b_base64('aGVsbG8='), ubinascii.crc32(b'123456789'))
        for bad in ('abc', 'zz'):
            try:
                ubinascii.unhexlify(bad)
            except ValueError as e:
                print(e)
    """)
    assert script.printed == [
        r"b'00ff' b'01:02:03' b'\x00\xff'",
        r"b'aGVsbG8=\n' b'hello' 3421780262",
        "odd-length string",
        "non-hex digit found",
    ]


def test_ustruct_takes_longer_buffers_and_says_value_error(run):
    script = run("""
        import ustruct
        print(ustruct.pack('>HBx', 0x1234, 7), ustruct.unpack('<H', b'\\x01\\x02rest'), ustruct.calcsize('<IH'))
        buf = bytearray(4)
        ustruct.pack_into('<H', buf, -2, 0x0201)
        print(buf, ustruct.unpack_from('<H', buf, 2))
        for name, args in (('unpack', ('<I', b'abc')), ('pack_into', ('<I', buf, 1, 1)), ('calcsize', ('?!',))):
            try:
                getattr(ustruct, name)(*args)
            except ValueError as e:
                print(e)
    """)
    assert script.printed == [
        r"b'\x124\x07\x00' (513,) 6",
        r"bytearray(b'\x00\x00\x01\x02') (513,)",
        "buffer too small",
        "buffer too small",
        "bad typecode",
    ]


def test_uhashlib_has_no_hexdigest(run):
    script = run("""
        import uhashlib, ubinascii
        h = uhashlib.sha256(b'abc')
        h.update('d')
        print(ubinascii.hexlify(h.digest())[:16], ubinascii.hexlify(uhashlib.md5(b'').digest())[:8])
        print(len(uhashlib.sha1().digest()))
        h.hexdigest()
    """)
    assert script.printed == ["b'88d4266fd4e6338d' b'd41d8cd9'", "20"]
    assert script.tracebacks == [("main", "AttributeError", "'sha256' object has no attribute 'hexdigest'")]


def test_urandom_repeats_with_the_seed_and_differs_from_boot_to_boot(run):
    source = """
        import urandom, misc
        print(urandom.getrandbits(32), urandom.randint(1, 6), urandom.choice('abc'))
        urandom.seed(5)
        print(urandom.randrange(10**6))
        if misc.Power.powerOnReason() == 1:
            misc.Power.powerRestart()
    """
    first, again = run(source).printed, run(source).printed
    assert first == again
    assert first[0] != first[2]
    assert first[1] == first[3]


def test_urandom_gives_at_most_32_bits(run):
    assert run("import urandom\nurandom.getrandbits(33)").tracebacks == [
        ("main", "ValueError", "bits must be 32 or less")
    ]


def test_math_has_the_names_of_micropython_only(run):
    script = run(
        "import math\nprint(math.sqrt(16), math.floor(2.5), hasattr(math, 'factorial'), hasattr(math, 'hypot'))"
    )
    assert script.printed == ["4.0 2 False False"]


def test_queue_hands_over_between_threads_and_refuses_when_full(run):
    script = run("""
        import queue, _thread, utime
        q = queue.Queue(2)
        print(q.put(1), q.put(2), q.put(3), q.size())
        def reader():
            while True:
                print('got', q.get())
        _thread.start_new_thread(reader, ())
        utime.sleep(1)
        print(q.empty(), q.put('late'))
    """)
    assert script.printed == ["True True False 2", "got 1", "got 2", "True True", "got late"]


def test_2_7_os_timer_calls_back_once_or_again_and_again(run):
    script = run("""
        import osTimer, utime
        start = utime.ticks_ms()
        once, often = osTimer(), osTimer()
        print(once.start(500, 0, lambda arg: print('once', arg, utime.ticks_diff(utime.ticks_ms(), start))))
        often.start(1000, 1, lambda arg: print('often', utime.ticks_diff(utime.ticks_ms(), start)))
        utime.sleep_ms(3500)
        print(often.stop(), often.delete_timer(), often.start(10, 0, print), often.stop(), once.start(0, 0, print))
    """)
    assert script.printed == ["0", "once None 500", "often 1000", "often 2000", "often 3000", "0 0 -1 -1 -1"]


def test_2_7_an_os_timer_dies_with_the_boot(run):
    script = run("""
        import osTimer, misc, utime
        if misc.Power.powerOnReason() == 1:
            osTimer().start(1000, 1, lambda arg: print('ghost'))
            misc.Power.powerRestart()
        utime.sleep(10)
        print('quiet')
    """)
    assert script.printed == ["quiet"]


@pytest.mark.parametrize(
    ("packed", "wbits"),
    [
        (zlib.compress(b"text" * 2000), 0),
        (zlib.compress(b"text" * 2000)[2:-4], -15),
        (gzip.compress(b"text" * 2000), 31),
    ],
    ids=["zlib", "raw", "gzip"],
)
def test_uzlib_inflates_whole_texts_and_streams_from_a_file(run, packed, wbits):
    script = run(
        f"""
        import uzlib
        with open('/usr/packed', 'rb') as f:
            print(uzlib.decompress(f.read(), {wbits}) == b'text' * 2000)
        with open('/usr/packed', 'rb') as f:
            stream = uzlib.DecompIO(f, {wbits})
            pieces = [stream.read(3000), stream.read(), stream.read(10)]
            print([len(p) for p in pieces], b''.join(pieces) == b'text' * 2000)
    """,
        files={"packed": packed},
    )
    assert script.printed == ["True", "[3000, 5000, 0] True"]


def test_uzlib_refuses_what_is_cut_short(run):
    script = run(
        """
        import uzlib
        with open('/usr/packed', 'rb') as f:
            try:
                uzlib.DecompIO(f).read()
            except OSError as e:
                print(e.args[0])
        try:
            uzlib.decompress(b'junk')
        except ValueError:
            print('value')
    """,
        files={"packed": zlib.compress(bytes(range(256)) * 40)[:200]},
    )
    assert script.printed == ["22", "value"]


def test_ure_finds_groups(run):
    script = run(r"""
        import ure
        m = ure.match(r'(\w+)=(\d+)', 'rate=115200;')
        print(m.group(0), m.group(1), m.groups(), ure.search('b+', 'aabb').span())
        print(ure.compile(',').split('a,b,c', 1), ure.sub('[0-9]', '#', 'a1b2'), ure.match('x', 'y'))
    """)
    assert script.printed == ["rate=115200 rate ('rate', '115200') (2, 4)", "['a', 'b,c'] a#b# None"]


@pytest.mark.parametrize("pattern", ["a{2}", "(?P<n>a)", "(?=a)", r"\bword", r"(a)\1", "(", "(?i)a"])
def test_ure_refuses_what_its_engine_does_not_know(run, pattern):
    script = run(f"import ure\nure.compile({pattern!r})")
    assert script.tracebacks == [("main", "ValueError", "Error in regex")]


def test_ql_fs_makes_copies_and_removes_trees(run):
    script = run("""
        import ql_fs
        ql_fs.mkdirs('/usr/a/b/c')
        print(ql_fs.touch('/usr/a/settings.json', {'k': [1, 'ü']}), ql_fs.read_json('/usr/a/settings.json'))
        print(ql_fs.file_copy('/usr/a/b/copy.json', '/usr/a/settings.json'), ql_fs.path_getsize('/usr/a/b/copy.json'))
        print(ql_fs.file_copy('/usr/x', '/usr/missing'), ql_fs.read_json('/usr/missing'))
        print(ql_fs.path_dirname('/usr/a/b'))
        ql_fs.rmdirs('/usr/a')
        print(ql_fs.path_exists('/usr/a'), ql_fs.touch('/bak/no', {}))
        ql_fs.path_getsize('/usr/missing')
    """)
    assert script.printed == [
        "0 {'k': [1, 'ü']}",
        "True 16",
        "False None",
        "/usr/a",
        "False -1",
    ]
    assert script.tracebacks == [("main", "NameError", "name 'FileNotFoundError' isn't defined")]
