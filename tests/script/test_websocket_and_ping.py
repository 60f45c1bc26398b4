"""`uwebsocket` against a host that speaks frames, and `uping`."""

import textwrap

SWITCH = 'expect: "\\r\\n\\r\\n"}, {send: "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\n\\r\\n"'
BEGIN = "import uwebsocket, uping, utime, checkNet, net\ncheckNet.waitNetworkReady(60)\n"


def play(run, main, moves="", seconds=100):
    hosts = f"ws: {{tcp: {{host: ws.example, port: 80}}, moves: [{moves}]}}\n" if moves else ""
    return run(BEGIN + textwrap.dedent(main), hosts=hosts, seconds=seconds)


def unmasked(data):
    """Payload of the first frame that a client sent, which must be masked."""
    frame = data[data.index(b"\r\n\r\n") + 4 :]
    assert frame[1] & 0x80
    size = frame[1] & 0x7F
    return frame[0], bytes(byte ^ frame[2 + at % 4] for at, byte in enumerate(frame[6 : 6 + size]))


def test_messages_pings_pieces_and_the_end(run):
    frames = "81 02 68 69  89 01 21  01 01 61  80 01 62  82 02 00 ff  88 02 03 e8".replace("  ", " ")
    script = play(
        run,
        """
        ws = uwebsocket.Client.connect('ws://ws.example/path', headers={'X-A': 'b'})
        ws.send('hello')
        print([ws.recv() for _ in range(4)], ws.recv(), ws.open)
        ws.send('not any more')
        ws.close()
    """,
        f'{{{SWITCH}}}, {{receive: 11B}}, {{send_hex: "{frames}"}}',
    )
    assert script.tracebacks == []
    assert script.printed == ["['hi', 'ab', b'\\x00\\xff', None] None False"]
    (host,) = script.world.hosts
    received = bytes(host._conversations[0].received)
    assert received.startswith(b"GET /path HTTP/1.1\r\nHost: ws.example:80\r\n")
    assert b"X-A: b\r\n" in received
    assert unmasked(received) == (0x81, b"hello")


def test_long_messages_have_long_lengths(run):
    script = play(
        run,
        """
        ws = uwebsocket.Client.connect('ws://ws.example')
        ws.send(b'x' * 300)
        ws.send(b'x' * 70000)
        m = ws.recv()
        print(len(m), ws.recv())
    """,
        f'{{{SWITCH}}}, {{receive: 70322B}}, {{send_hex: "82 7e 01 00"}}, {{fill: 256B}}, {{then: close}}',
    )
    assert script.printed == ["256 None"]
    assert script.world.hosts[0].finished == 1


def test_another_answer_than_101_and_a_name_that_does_not_resolve(run):
    script = play(
        run,
        """
        for url in ('ws://ws.example/', 'ws://nowhere.example/', 'ws://ws.example:81/'):
            try:
                uwebsocket.Client.connect(url)
            except Exception as e:
                print(type(e).__name__, e)
    """,
        '{send: "HTTP/1.1 404 Not Found\\r\\n\\r\\n"}',
    )
    assert script.printed == [
        "AssertionError b'HTTP/1.1 404 Not Found\\r\\n'",
        "IndexError list index out of range",
        "OSError [Errno 111] ECONNREFUSED",
    ]


def test_a_broken_connection_is_none(run):
    script = play(run, "print(uwebsocket.Client.connect('ws://ws.example').recv())\n",
                  f'{{{SWITCH}}}, {{send_hex: "81 05 61"}}, {{then: close}}')  # fmt: skip
    assert script.printed == ["None"]


def test_ping_takes_round_trips_and_counts(run):
    script = play(
        run,
        """
        start = utime.ticks_ms()
        print(uping.ping('ws.example', COUNT=2))
        print(utime.ticks_ms() - start < 1500, uping.ping('10.9.9.9', COUNT=1, TIMEOUT=300, quiet=True))
        try:
            uping.ping('nowhere.example')
        except IndexError:
            print('IndexError')
    """,
        "{then: echo}",
    )
    lines = script.printed
    assert lines[0].startswith("72 bytes from ws.example [198.18.0.1], ttl=53, time=")
    assert lines[2:] == ["2 packets transmitted, 2 received, 0% packet loss", "(2, 2)", "True (1, 0)", "IndexError"]
