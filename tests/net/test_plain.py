"""Lean plain connections to a server outside: what they do when a peer is slow, gone, or never there."""

import asyncio
import errno
import socket
import sys

import pytest

from sim.errors import MachineError
from sim.net.plain import Dialler

LARGE = bytes(range(256)) * 40_000  # ten megabytes: more than any socket buffer here


class Peer(asyncio.Protocol):
    """Keeps what it is told."""

    def __init__(self):
        self.transport = None
        self.data = b""
        self.lost = 0
        self.changed = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        self.changed.set()

    def data_received(self, data):
        self.data += data
        self.changed.set()

    def connection_lost(self, exc):
        assert exc is None
        self.lost += 1
        self.changed.set()

    async def until(self, true):
        while not true():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)


def run(story, **options):
    """Run `story(dialler, listener)` on a loop of its own; nothing may be left open."""

    async def main():
        with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
            dialler = Dialler(asyncio.get_running_loop(), **options)
            try:
                await story(dialler, listener)
            finally:
                dialler.close()
                assert not dialler.open

    asyncio.run(main())


def dial(dialler, listener, peer):
    def failed(error):
        raise AssertionError(error)

    dialler.dial(peer, listener.getsockname(), failed)
    end, address = listener.accept()
    return end, address


def test_nobody_listens():
    async def story(dialler, listener):
        told = asyncio.get_running_loop().create_future()
        address = listener.getsockname()
        listener.close()
        peer = Peer()
        dialler.dial(peer, address, told.set_result)
        assert not told.done()  # never within the call
        assert (await asyncio.wait_for(told, 10)).errno == errno.ECONNREFUSED
        assert peer.transport is None
        assert peer.lost == 0

    run(story)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EADDRNOTAVAIL])
def test_a_full_machine_is_told_as_such(number, monkeypatch):
    async def story(dialler, listener):
        with monkeypatch.context() as patch:

            def full(*_):
                raise OSError(number, "full")

            patch.setattr("sim.net.plain.socket.socket", full)
            with pytest.raises(MachineError, match="ulimit -n" if number == errno.EMFILE else "no free port"):
                dialler.dial(Peer(), listener.getsockname(), pytest.fail)

    run(story)


def test_a_slow_reader_gets_everything_and_the_end_comes_after_it():
    async def story(dialler, listener):
        peer = Peer()
        end, _ = dial(dialler, listener, peer)
        await peer.until(lambda: peer.transport)
        peer.transport.write(LARGE[:5_000_000])
        peer.transport.write(LARGE[5_000_000:])
        assert peer.transport.get_write_buffer_size() > 1_000_000
        peer.transport.close()
        assert peer.transport.is_closing()
        peer.transport.write(b"too late")
        read = await asyncio.to_thread(lambda: b"".join(iter(lambda: end.recv(1 << 20), b"")))
        assert read == LARGE
        await peer.until(lambda: peer.lost)
        end.close()

    run(story)


def test_what_waits_is_dropped_by_abort():
    async def story(dialler, listener):
        peer = Peer()
        end, _ = dial(dialler, listener, peer)
        await peer.until(lambda: peer.transport)
        peer.transport.write(LARGE)
        peer.transport.abort()
        peer.transport.abort()
        await peer.until(lambda: peer.lost)
        assert len(await asyncio.to_thread(lambda: b"".join(iter(lambda: end.recv(1 << 20), b"")))) < len(LARGE)
        end.close()
        assert peer.lost == 1

    run(story)


def test_the_other_side_ends():
    async def story(dialler, listener):
        peer = Peer()
        end, _ = dial(dialler, listener, peer)
        end.sendall(b"last words")
        end.close()
        await peer.until(lambda: peer.lost)
        assert peer.data == b"last words"
        assert peer.transport.is_closing()

    run(story)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_each_source_address_starts_so_many():
    async def story(dialler, listener):
        ends = [dial(dialler, listener, Peer()) for _ in range(5)]
        assert [address[0] for _, address in ends] == ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.3"]
        for end, _ in ends:
            end.close()

    run(story, per_source=2)


def test_a_name_is_left_to_those_who_can_look_it_up():
    assert Dialler.takes("127.0.0.1")
    assert not Dialler.takes("localhost")
    assert not Dialler.takes("::1")
