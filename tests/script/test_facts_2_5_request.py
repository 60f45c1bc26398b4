"""Section 2.5 of the facts: `request` against scripted web servers, in both generations of firmware."""

import textwrap

import pytest

WEB = """
web:
  http: {host: web.example, port: 80}
  paths:
    /ok: {body: '{"a": 1}', headers: {X-Time: "12:30:45", ETag: abc}}
    /long: {fill: 5000B}
    /chunked: {fill: 5000B, framing: chunked}
    /close: {fill: 5000B, framing: close}
    /moved: {status: 302, headers: {Location: "http://web.example/ok"}}
    /slow: {delay: 25s, body: late}
    /missing: {status: 404, body: no}
    /made: {method: POST, status: 201, body: yes}
safe: {http: {host: safe.example, port: 443, tls: true}, paths: {/: {body: secret}}}
high: {http: {host: high.example, port: 8080}, paths: {/: {body: port}}}
"""
BROKEN = """
short:
  tcp: {host: short.example, port: 80}
  moves: [{expect: "\\r\\n\\r\\n"}, {send: "HTTP/1.0 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nthat"}, {then: close}]
stalls:
  tcp: {host: stalls.example, port: 80}
  moves: [{expect: "\\r\\n\\r\\n"}, {send: "HTTP/1.0 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nand then"}]
resets:
  tcp: {host: resets.example, port: 80}
  moves: [{send: "HTTP/1.0 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nmore"}, {wait: 1s}, {then: reset}]
mute: {tcp: {host: mute.example, port: 80}, moves: [{expect: "\\r\\n\\r\\n"}, {then: close}]}
lower:
  tcp: {host: lower.example, port: 80}
  moves: [{expect: "\\r\\n\\r\\n"}, {send: "HTTP/1.0 200 OK\\r\\ncontent-length: 3\\r\\n\\r\\n12345"}, {then: close}]
plain: {tcp: {host: plain.example, port: 443}, moves: []}
"""

BEGIN = """\
import request, utime, checkNet
checkNet.waitNetworkReady(60)
def fails(fn, *args, **words):
    start = utime.ticks_ms()
    try:
        print('no error', fn(*args, **words))
    except Exception as e:
        print(type(e).__name__, e, (utime.ticks_ms() - start + 500) // 1000)
"""


def play(run, main, hosts=WEB, **more):
    return run(BEGIN + textwrap.dedent(main), hosts=hosts, seconds=200, **more)


# -- what goes wrong


@pytest.mark.parametrize("generation", ["G21", "G25"])
def test_2_5_what_cannot_be_reached(run, generation):
    script = play(
        run,
        """
        fails(request.get, 'http://nowhere.example/')
        fails(request.get, 'http://web.example:99/')
        fails(request.get, 'https://plain.example/')
        fails(request.get, 'ftp://web.example/')
        fails(request.get, 'http://mute.example/')
    """,
        WEB + BROKEN,
        generation=generation,
    )
    assert script.printed == [
        "IndexError list index out of range 0",
        "RuntimeError [Errno 111] ECONNREFUSED 0",
        "RuntimeError -29184 0",
        "ValueError Unsupported protocol: ftp 0",
        "IndexError list index out of range 0",
    ]


BODY_THAT_BREAKS_OFF = """
for host in ('short', 'resets', 'stalls'):
    r = request.get('http://%s.example/' % host)
    print(r.status_code, r.headers['Content-Length'])
    fails(lambda: b''.join(r.content))
"""


def test_2_5_a_body_that_breaks_off_looks_whole_and_g25_tells_a_time_out(run):
    script = play(run, BODY_THAT_BREAKS_OFF, BROKEN, generation="G25")
    assert script.printed == [
        "200  100",
        "no error b'that'",
        "200  100",
        "no error b''",
        "200  100",
        "ValueError [Errno 110] ETIMEDOUT 20",
    ]


def test_2_5_g21_has_no_time_out_of_its_own_and_swallows_one_that_is_given(run):
    main = "r = request.get('http://stalls.example/', timeout=3)\nfails(lambda: b''.join(r.content))\n"
    script = play(run, main + "b''.join(request.get('http://stalls.example/').content)\nprint('never')\n", BROKEN,
                  generation="G21")  # fmt: skip
    assert script.printed == ["no error b''"]
    script.device.radio.lose_signal(1_000_000)
    script.run(100)
    assert script.printed == ["no error b''", "never"]


def test_2_5_a_late_answer_is_a_time_out_in_g25_only(run):
    main = "fails(lambda: next(request.get('http://web.example/slow').text))\n"
    assert play(run, main, generation="G25").printed == ["ValueError [Errno 110] ETIMEDOUT 20"]
    assert play(run, main, generation="G21").printed == ["no error late"]


def test_2_5_redirects_are_refused_in_g21_and_handed_out_in_g25(run):
    main = "fails(lambda: request.get('http://web.example/moved').headers['Location'])\n"
    assert play(run, main, generation="G21").printed == ["NotImplementedError Redirects not yet supported 0"]
    assert play(run, main, generation="G25").printed == ["no error  http"]


def test_2_5_a_length_in_another_spelling_does_not_count(run):
    script = play(run, "print(b''.join(request.get('http://lower.example/').content))\n", BROKEN)
    assert script.printed == ["b'12345'"]


def test_2_5_json_that_is_none(run):
    script = play(run, "fails(request.get('http://web.example/missing').json)\n")
    assert script.printed == ["ValueError syntax error in JSON 0"]


# -- what works


def test_2_5_status_reason_and_headers_as_the_vendors_code_leaves_them(run):
    script = play(
        run,
        """
        r = request.get('http://web.example/ok')
        print(r.status_code, r.reason, r.headers['X-Time'], r.headers['ETag'])
        print(r.json())
        print(request.get('web.example/missing').status_code, request.get('http://web.example/none').status_code)
        print(request.get('http://high.example:8080').status_code, next(request.get('https://safe.example').text))
    """,
    )
    assert script.printed == ["200 OK  12  abc", "{'a': 1}", "404 404", "200 secret"]


@pytest.mark.parametrize(("generation", "step"), [("G21", 255), ("G25", 2048)])
@pytest.mark.parametrize("path", ["long", "chunked", "close"])
def test_2_5_bodies_come_in_the_steps_of_the_generation(run, generation, step, path):
    main = f"""
        r = request.get('http://web.example/{path}')
        pieces = [len(p) for p in r.content]
        print(sum(pieces), pieces[0], max(pieces))
        print(list(r.content))
        print(max(len(p) for p in request.get('http://web.example/{path}', sizeof=100).text))
    """
    script = play(run, main, generation=generation)
    assert script.tracebacks == []
    assert script.printed == [f"5000 {step} {step}", "[]", "100"]


def test_2_5_what_is_sent(run):
    hosts = "raw: {tcp: {host: raw.example, port: 80}, moves: [{expect: '#'}, {send: 'HTTP/1.0 200 OK\\r\\n\\r\\n'}]}\n"
    script = play(run, "request.post('raw.example/a?b=c', data='x#', headers={'X-A': 1})\n", hosts)
    (host,) = script.world.hosts
    assert host.text == "POST /a?b=c HTTP/1.0\r\nHost: raw.example\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nx#"
    script = play(run, "request.put('raw.example', json={'a': '#'}, version=1)\n", hosts)
    (host,) = script.world.hosts
    assert host.text == (
        "PUT / HTTP/1.1\r\nHost: raw.example\r\nConnection: close\r\nContent-Type: application/json\r\n"
        'Content-Length: 10\r\n\r\n{"a": "#"}'
    )


def test_2_5_every_method_and_an_upload(run):
    script = play(
        run,
        """
        print(request.head('http://web.example/ok').status_code, request.post('http://web.example/made').status_code)
        print(request.get('http://web.example/made').status_code, request.delete('http://web.example/ok').status_code)
        print(request.patch('http://web.example/ok', data=b'12').status_code)
        with open('/usr/big.txt', 'w') as f:
            f.write('0123456789' * 300)
        r = request.post('http://web.example/made', files={'filepath': '/usr/big.txt', 'filename': 'b.txt'})
        print(next(r.text))
    """,
    )
    assert script.tracebacks == []
    assert script.printed == ["200 201", "405 200", "200", "yes"]
    host = script.world.hosts[0]
    assert 'filename="b.txt"' in host.text
    assert "0123456789" * 300 in host.text


def test_2_5_the_artifact_server_answers_too(run):
    script = play(
        run,
        """
        r = request.get('https://open.s3.us-west-2.amazonaws.com/a.txt', headers={'Range': 'bytes=1-2'})
        print(r.status_code, b''.join(r.content))
        print(request.get('https://open.s3.us-west-2.amazonaws.com/b.txt').status_code)
    """,
        objects={"a.txt": b"0123"},
    )
    assert script.printed == ["206 b'12'", "404"]
