"""`usocket` and `ussl` against scripted hosts: what a script sees, first of all when things go wrong."""

import textwrap

ECHO = "echo: {tcp: {host: echo.example, port: 7}, moves: [{then: echo}]}\n"
SILENT = "silent: {tcp: {host: silent.example, port: 7}}\n"

BEGIN = """\
import usocket, ussl, utime, checkNet, net, _thread
checkNet.waitNetworkReady(60)
def dial(name, port=7):
    s = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM)
    s.connect(usocket.getaddrinfo(name, port)[0][-1])
    return s
def fails(fn, *args):
    start = utime.ticks_ms()
    try:
        print('no error', fn(*args))
    except OSError as e:
        print(e, (utime.ticks_ms() - start + 500) // 1000)
"""


def play(run, main, hosts="", seconds=200, **more):
    return run(BEGIN + textwrap.dedent(main), hosts=textwrap.dedent(hosts), seconds=seconds, **more)


# -- what goes wrong


def test_errors_carry_the_devices_numbers(run):
    script = play(
        run,
        """
        s = usocket.socket()
        fails(s.recv, 1)
        fails(s.send, b'x')
        fails(s.connect, ('198.18.9.9', 1))
        fails(s.connect, ('', 1))
        s = dial('silent.example')
        fails(s.connect, ('198.18.0.1', 7))
        s.setblocking(False)
        fails(s.recv, 1)
        print(s.read(), s.readline())
        s.settimeout(2.5)
        fails(s.recv, 1)
        s.close()
        s.close()
        fails(s.recv, 1)
        fails(s.send, b'x')
        try:
            s.settimeout(-1)
        except ValueError:
            print('ValueError')
        fails(usocket.socket, 2, 3)
    """,
        SILENT,
    )
    assert script.tracebacks == []
    assert script.printed == [
        "[Errno 107] ENOTCONN 0",
        "[Errno 107] ENOTCONN 0",
        "[Errno 111] ECONNREFUSED 0",
        "[Errno 22] EINVAL 0",
        "106 0",
        "[Errno 11] EAGAIN 0",
        "None None",
        "[Errno 110] ETIMEDOUT 3",
        "[Errno 9] EBADF 0",
        "[Errno 9] EBADF 0",
        "ValueError",
        "[Errno 22] EINVAL 0",
    ]


def test_a_name_that_does_not_resolve_is_an_empty_list(run):
    script = play(run, "print(usocket.getaddrinfo('example.com', 80))\nusocket.getaddrinfo('example.com', 80)[0]\n")
    assert script.printed == ["[]"]
    assert script.tracebacks == [("main", "IndexError", "list index out of range")]


def test_without_a_network_a_connection_and_a_name_fail_at_once(run):
    script = play(
        run,
        """
        net.setModemFun(4)
        fails(usocket.socket().connect, ('198.18.0.1', 7))
        start = utime.ticks_ms()
        print(usocket.getaddrinfo('echo.example', 7), (utime.ticks_ms() - start) // 1000)
    """,
        ECHO,
    )
    assert script.printed == ["[Errno 113] EHOSTUNREACH 0", "[] 0"]


def test_a_lost_network_ends_a_blocking_read_after_a_minute(run):
    script = play(run, "s = dial('silent.example')\nfails(s.recv, 1)\nfails(s.send, b'x')\n", SILENT, seconds=20)
    script.device.radio.lose_signal(10_000_000)
    script.run(200)
    assert script.printed == ["[Errno 110] ETIMEDOUT 73", "[Errno 110] ETIMEDOUT 0"]


def test_a_lost_network_in_the_middle_of_a_transfer_keeps_what_had_come(run):
    hosts = "big: {tcp: {host: big.example, port: 7}, moves: [{fill: 4MiB}, {then: close}]}\n"
    main = """
        s = dial('big.example')
        got = 0
        try:
            while True:
                got += len(s.recv(4096))
        except OSError as e:
            print(e, 0 < got < 4 * 1024 * 1024)
    """
    script = play(run, main, hosts, seconds=9)
    script.device.radio.lose_signal(5_000_000)
    script.run(200)
    assert script.printed == ["[Errno 110] ETIMEDOUT True"]
    assert script.tracebacks == []


def test_a_radio_that_is_switched_off_aborts_every_socket(run):
    script = play(
        run,
        """
        s = dial('silent.example')
        def reader():
            fails(s.recv, 1)
        def server():
            a = usocket.socket()
            a.bind(('', 99))
            a.listen(1)
            fails(a.accept)
        _thread.start_new_thread(reader, ())
        _thread.start_new_thread(server, ())
        utime.sleep(2)
        net.setModemFun(0)
        utime.sleep(1)
        fails(s.send, b'x')
    """,
        SILENT,
    )
    assert sorted(script.printed) == [
        "[Errno 103] ECONNABORTED 0",
        "[Errno 103] ECONNABORTED 2",
        "[Errno 103] ECONNABORTED 2",
    ]


def test_a_power_cut_in_the_middle_leaves_nothing_behind_and_the_next_life_connects_again(run):
    script = play(
        run, "s = dial('echo.example')\nwhile True:\n    s.write(b'x' * 5000)\n    s.recv(5000)\n", ECHO, seconds=20
    )
    script.device.power_returns_us = 5_000_000
    script.device.power_cut()
    script.run(60)
    radio = script.device.radio
    assert len(radio._links) == 1
    assert script.world.hosts[0].connections == 2
    assert script.tracebacks == []


def test_the_other_side_closes_or_resets(run):
    hosts = """
        closes: {tcp: {host: closes.example, port: 7}, moves: [{send: "bye\\n"}, {then: close}]}
        resets: {tcp: {host: resets.example, port: 7}, moves: [{send: "bye\\n"}, {wait: 1s}, {then: reset}]}
    """
    script = play(
        run,
        """
        s = dial('closes.example')
        print(s.readline(), s.recv(9), s.read(), s.readline(), s.getsocketsta())
        print(s.send(b'anybody?'))
        utime.sleep(1)
        fails(s.send, b'x')
        s = dial('resets.example')
        print(s.readline())
        fails(s.recv, 9)
        fails(s.recv, 9)
        print(s.getsocketsta())
    """,
        hosts,
    )
    assert script.printed == [
        "b'bye\\n' b'' b'' b'' 7",
        "8",
        "[Errno 104] ECONNRESET 0",
        "b'bye\\n'",
        "[Errno 104] ECONNRESET 1",
        "[Errno 104] ECONNRESET 0",
        "0",
    ]


def test_a_close_by_another_thread_ends_a_blocking_call(run):
    script = play(
        run,
        """
        s = dial('silent.example')
        def closer():
            utime.sleep(3)
            s.close()
        _thread.start_new_thread(closer, ())
        fails(s.recv, 1)
    """,
        SILENT,
    )
    assert script.printed == ["[Errno 9] EBADF 3"]


# -- what works


def test_states_are_told_as_the_vendor_counts_them(run):
    script = play(
        run,
        """
        s = usocket.socket()
        print(s.getsocketsta())
        s.settimeout(0)
        fails(s.connect, usocket.getaddrinfo('echo.example', 7)[0][-1])
        print(s.getsocketsta())
        utime.sleep(1)
        print(s.getsocketsta(), s.send('now'))
        utime.sleep(1)
        print(s.recv(9))
        s.close()
        print(s.getsocketsta())
    """,
        ECHO,
    )
    assert script.printed == ["0", "[Errno 115] EINPROGRESS 0", "2", "4 3", "b'now'", "-1"]


def test_every_way_to_read_and_to_write(run):
    script = play(
        run,
        """
        s = dial('echo.example').makefile('rwb')
        s.setsockopt(usocket.SOL_SOCKET, usocket.TCP_KEEPALIVE, 1)
        print(s.send('a'), s.write(b'bc'), s.sendall(bytearray(b'de')), s.sendto(b'f', None))
        print(s.read(4))
        buf = bytearray(2)
        print(s.readinto(buf), buf)
        s.write('one\\ntwo')
        print(s.readline(), s.read(3), s.recvfrom is not None)
        s.write(b'0123456789')
        utime.sleep(1)
        print(s.recv(3), s.recvfrom(3))
    """,
        ECHO,
    )
    assert script.printed == [
        "1 2 None 1",
        "b'abcd'",
        "2 bytearray(b'ef')",
        "b'one\\n' b'two' True",
        "b'012' (b'345', ('198.18.0.1', 7))",
    ]


def test_a_stream_takes_the_time_of_the_radio_both_ways(run):
    script = play(
        run,
        """
        s = dial('echo.example')
        start = utime.ticks_ms()
        s.write(b'x' * 200000)
        up = utime.ticks_ms() - start
        n = 0
        while n < 200000:
            n += len(s.recv(8000))
        print(up, utime.ticks_ms() - start)
    """,
        ECHO,
    )
    up_ms, both_ms = map(int, script.printed[0].split())
    spec = script.device.radio.spec
    assert 0.8 * 184_000 / spec.up_bytes_per_s < up_ms / 1000 < 1.3 * 200_000 / spec.up_bytes_per_s + 0.5
    assert both_ms / 1000 < 200_000 / spec.up_bytes_per_s + 200_000 / spec.down_bytes_per_s + 1


def test_a_reader_that_takes_its_time_holds_the_sender_up(run):
    hosts = "big: {tcp: {host: big.example, port: 7}, moves: [{fill: 1MiB}]}\n"
    script = play(run, "s = dial('big.example')\nutime.sleep(60)\nprint(len(s.recv(1 << 20)))\n", hosts)
    assert script.printed == [str(64 * 1024)]


def test_a_device_listens_and_a_host_dials(run):
    hosts = """
        reader:
          dial: {device: dut, port: 8080, at: 5s, every: 5s}
          moves: [{send: "status?"}, {expect: "fine"}, {then: close}]
    """
    script = play(
        run,
        """
        utime.sleep(20)
        a = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM, usocket.IPPROTO_TCP_SER)
        fails(a.listen, 1)
        a.bind(('', 8080))
        a.listen(1)
        b = usocket.socket()
        b.bind(('', 8080))
        fails(b.listen, 1)
        print(a.getsocketsta())
        conn, ip, port = a.accept()
        print(ip, conn.recv(7), conn.send('fine'), conn.recv(1))
        a.settimeout(1)
        fails(a.accept)
    """,
        hosts,
    )
    assert script.printed == [
        "[Errno 22] EINVAL 0",
        "[Errno 98] EADDRINUSE 0",
        "1",
        "198.18.0.1 b'status?' 4 b''",
        "[Errno 110] ETIMEDOUT 1",
    ]
    (host,) = script.world.hosts
    assert (host.connections, host.finished, host.unmet) == (1, 1, 0)


def test_a_script_with_a_ca_checks_the_server(run):
    from sim.cloud.things import Things

    script = play(
        run,
        """
        with open('/usr/own.pem') as f:
            own = f.read()
        t = ussl.wrap_socket(dial('safe.example', 443), ca=own)
        t.write('secret')
        print(t.read(6))
        fails(lambda: ussl.wrap_socket(dial('safe.example', 443), cadata='none'))
        import request
        for ca in (own, 'none'):
            try:
                print(request.get('https://safe.example/', ssl_params={'ca': ca}).status_code)
            except (RuntimeError, IndexError, ValueError) as e:
                print(type(e).__name__)
    """,
        "safe: {tcp: {host: safe.example, port: 443, tls: true}, moves: [{then: echo}]}",
        files={"own.pem": Things(3).authority_pem},
    )
    assert script.printed == ["b'secret'", "-9984 0", "ValueError", "RuntimeError"]


def test_tls_is_a_handshake_and_then_the_same(run):
    hosts = """
        safe: {tcp: {host: safe.example, port: 443, tls: true}, moves: [{then: echo}]}
        plain: {tcp: {host: plain.example, port: 443}}
    """
    script = play(
        run,
        """
        t = ussl.wrap_socket(dial('safe.example', 443), server_hostname='safe.example')
        t.write('secret')
        print(t.read(6))
        t.close()
        fails(ussl.wrap_socket, dial('plain.example', 443))
        s = dial('safe.example', 443)
        s.write('no handshake')
        fails(s.recv, 1)
        fails(ussl.wrap_socket, usocket.socket())
    """,
        hosts,
    )
    assert script.printed == [
        "b'secret'",
        "-29184 0",
        "[Errno 104] ECONNRESET 0",
        "[Errno 107] ENOTCONN 0",
    ]


def test_datagrams_go_there_and_back_or_get_lost(run):
    hosts = "log: {udp: {host: log.example, port: 514}, moves: [{expect: ping}, {send: pong}, {send: again}]}\n"
    script = play(
        run,
        """
        s = usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM)
        fails(s.send, b'x')
        to = usocket.getaddrinfo('log.example', 514)[0][-1]
        print(s.sendto('no answer to this', to), s.sendto('ping', to))
        print(s.recvfrom(100), s.recv(2))
        s.settimeout(2)
        fails(s.recvfrom, 100)
        fails(s.sendto, bytes(65508), to)
        s.connect(to)
        print(s.send(b'ping'), s.recv(100))
        s.close()
        fails(s.sendto, b'x', to)
    """,
        hosts,
    )
    assert script.printed == [
        "[Errno 107] ENOTCONN 0",
        "17 4",
        "(b'pong', ('198.18.0.1', 514)) b'ag'",
        "[Errno 110] ETIMEDOUT 2",
        "90 0",
        "4 b'pong'",
        "[Errno 9] EBADF 0",
    ]


def test_the_artifact_server_answers_who_speaks_http_himself(run):
    script = play(
        run,
        """
        s = dial('open.s3.us-west-2.amazonaws.com', 80)
        s.write('GET /a.txt HTTP/1.0\\r\\nHost: open.s3.us-west-2.amazonaws.com\\r\\nRange: bytes=2-3\\r\\n\\r\\n')
        head, body = s.read().split(b'\\r\\n\\r\\n')
        print(head.split(b'\\r\\n')[0], body)
    """,
        objects={"a.txt": b"012345"},
    )
    assert script.printed == ["b'HTTP/1.1 206 Partial Content' b'23'"]
