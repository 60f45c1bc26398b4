"""The file server: Python's own FTP client, over real sockets, is content with it; and what it refuses."""

from __future__ import annotations

import ftplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sim.kernel.clock import Clock
from sim.manner import Manner
from sim.net.memory_streams import MemoryStreams
from sim.net.stream_ftp import DATA_PORT, IDLE_US, LINE_LIMIT_BYTES, Folder, FtpServer
from sim.net.wire_streams import WireStreams
from sim.ports import Address, Data, Ended, HttpResponse, Opened, TcpArrival

AT = Address("198.18.0.9", 21)
NEAR = Address("10.1.2.3", 49_152)
FILES = {"a.bin": bytes(range(256)) * 300, "empty": b""}
CUT = Manner(cut_at_bytes=1000)


def read(path: str) -> HttpResponse:
    if path == "cut.bin":
        return HttpResponse(200, {}, FILES["a.bin"], CUT)
    found = FILES.get(path)
    return HttpResponse(404, {}, b"") if found is None else HttpResponse(200, {}, found)


class Outside(ftplib.FTP):
    """A client in another program, which finds the ports of the emulated world under those of the machine."""

    real: dict[int, int]

    def makepasv(self) -> tuple[str, int]:
        host, port = super().makepasv()
        return host, self.real[port]


def talk(story: Callable[[Outside], object]) -> list[tuple[str, str, int]]:
    """A client's story in paced time; the commands that the server saw."""
    clock = Clock("paced", 200.0)
    streams = WireStreams(clock)
    clock.loop.on_quiet.append(streams.hand_over)
    seen: list[tuple[str, str, int]] = []
    server = FtpServer(clock, Folder("me", "secret", read), lambda _ip, *said: seen.append(said))
    assert server.open(streams, "files", AT) is not None
    ports = {at.port: real[1] for _, at, real in streams.listening()}

    def client() -> None:
        with Outside(timeout=20) as ftp:
            ftp.real = ports
            ftp.connect("127.0.0.1", ports[21])
            story(ftp)

    try:
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(client)
            told.add_done_callback(lambda _: clock.loop.call_soon_threadsafe(clock.loop.end_simulation))
            clock.run()
            told.result()
    finally:
        clock.loop.run_until_complete(streams.close())
        clock.close()
    return seen


def test_pythons_own_client_gets_a_file_whole_and_from_the_middle() -> None:
    got: list[bytes] = []

    def story(ftp: Outside) -> None:
        ftp.login("me", "secret")
        assert (ftp.size("a.bin"), ftp.size("/empty")) == (len(FILES["a.bin"]), 0)
        ftp.retrbinary("RETR a.bin", got.append)
        assert b"".join(got) == FILES["a.bin"]
        got.clear()
        ftp.retrbinary("RETR /a.bin", got.append, rest=70_000)
        assert b"".join(got) == FILES["a.bin"][70_000:]
        ftp.retrbinary("RETR empty", got.append)

    seen = talk(story)
    assert seen[:2] == [("USER", "me", 331), ("PASS", "", 230)]
    assert [argument for command, argument, _ in seen if command == "RETR"] == ["a.bin", "/a.bin", "empty"]


def test_pythons_own_client_is_told_what_goes_wrong() -> None:
    def story(ftp: Outside) -> None:
        with pytest.raises(ftplib.error_perm, match="530"):
            ftp.retrbinary("RETR a.bin", lambda _: None)
        with pytest.raises(ftplib.error_perm, match="530 login incorrect"):
            ftp.login("me", "wrong")
        ftp.login("me", "secret")
        for command in ("SIZE none", "RETR none"):
            with pytest.raises(ftplib.error_perm, match="550"):
                ftp.sendcmd(command)
        with pytest.raises(ftplib.error_perm, match="502"):
            ftp.storbinary("STOR a.bin", None)  # type: ignore[arg-type]
        with pytest.raises(ftplib.error_temp, match="426"):
            ftp.retrbinary("RETR cut.bin", lambda _: None)

    talk(story)


# -- without sockets


class Caller:
    """One connection in memory: what came, and whether it has ended."""

    def __init__(self, port: int = 21) -> None:
        self.heard, self.ended, self.open = b"", False, False
        self.channel = STREAMS[0].connect("a", NEAR, Address(AT.ip, port), self.take)

    def take(self, arrival: TcpArrival) -> None:
        match arrival:
            case Data(data=data):
                self.heard += data
            case Ended():
                self.ended = True
            case Opened():
                self.open = True

    def say(self, data: bytes, seconds: int = 1) -> bytes:
        """What is answered."""
        before = len(self.heard)
        self.channel.send(data)
        CLOCKS[0].run(CLOCKS[0].now_us + seconds * 1_000_000)
        return self.heard[before:]


STREAMS: list[MemoryStreams] = []
CLOCKS: list[Clock] = []


@pytest.fixture
def caller() -> Caller:
    CLOCKS[:] = [Clock("memory")]
    STREAMS[:] = [MemoryStreams(CLOCKS[0])]
    FtpServer(CLOCKS[0], Folder("me", "secret", read), lambda *_: None).open(STREAMS[0], "files", AT)
    return Caller()


def test_lines_may_come_in_any_pieces_and_several_at_once(caller: Caller) -> None:
    assert caller.say(b"US") == b"220 ready\r\n"
    assert caller.say(b"ER me\r\nPASS secret\nTYPE I\r\n") == b"331 password\r\n230 logged in\r\n200 ok\r\n"


@pytest.mark.parametrize("rubbish", [b"\r\n", b"\x00\xff\r\n", b"__init__ x\r\n", b"RETR\r\n", b"PASV\r\n"])
def test_what_is_no_command_or_not_allowed_yet_changes_nothing(caller: Caller, rubbish: bytes) -> None:
    assert caller.say(rubbish).splitlines()[-1][:3] in (b"502", b"530")
    assert b"230" in caller.say(b"USER me\r\nPASS secret\r\n")


def test_a_line_without_end_and_a_silent_client_are_let_go(caller: Caller) -> None:
    other = Caller()
    assert caller.say(b"x" * (LINE_LIMIT_BYTES + 1)).endswith(b"500 line too long\r\n")
    assert (caller.ended, other.ended) == (True, False)
    other.say(b"", IDLE_US // 1_000_000)
    assert other.ended


def test_a_data_connection_that_nobody_asked_for_is_closed(caller: Caller) -> None:
    caller.say(b"USER me\r\nPASS secret\r\n")
    stray = Caller(DATA_PORT)
    assert stray.say(b"") == b""
    assert stray.ended
    assert caller.say(b"PASV\r\n").startswith(b"227 Entering Passive Mode (198,18,0,9,195,80)")
    wanted = Caller(DATA_PORT)
    assert caller.say(b"RETR a.bin\r\n").splitlines()[-1] == b"226 transfer complete"
    assert (wanted.heard, wanted.ended) == (FILES["a.bin"], True)


def test_a_second_pasv_lets_the_first_data_connection_go(caller: Caller) -> None:
    caller.say(b"USER me\r\nPASS secret\r\nPASV\r\n")
    first = Caller(DATA_PORT)
    first.say(b"")
    caller.say(b"PASV\r\n")
    second = Caller(DATA_PORT)
    caller.say(b"RETR a.bin\r\n")
    assert (first.heard, first.ended, second.heard) == (b"", True, FILES["a.bin"])
