"""A package by FTP, into the staging area: the other way in for families that take such addresses.

One connection for commands, one for the file, in passive mode; the size is asked for first. Nothing is resumed: what
was interrupted begins again from zero, as with HTTP. Error numbers: Quectel LTE Standard(A) DFOTA user guide V1.5, FTP
table, as far as the facts give them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sim.device.stream_talk import StreamTalk, TalkFailed
from sim.kernel.clock import Story
from sim.update.download import HTTP_CONTEXT, NO_SPACE, RANGE_BYTES
from sim.update.firmware import check_start, stage_verified
from sim.update.methods import staged_kinds
from sim.update.site import UpdateFailed

if TYPE_CHECKING:
    from sim.device.module import Module

FTP_DNS, FTP_NETWORK, FTP_CLOSED, FTP_TIMEOUT, FTP_OPEN_FILE, FTP_LOGIN = 604, 605, 608, 609, 611, 625
_FAILURES: Mapping[str, int] = {
    "dns": FTP_DNS,
    "dns_timeout": FTP_DNS,
    "refused": FTP_NETWORK,
    "reset": FTP_CLOSED,
    "closed": FTP_CLOSED,
    "timeout": FTP_TIMEOUT,
    "aborted": HTTP_CONTEXT,
}

ADDRESS = re.compile(
    r"ftp://(?P<user>[^:@/\s]+):(?P<password>[^@/\s]+)@(?P<host>[^:/\s]+):(?P<port>\d{1,5})/(?P<path>[^\r\n]+)"
)
"""`ftp://user:password@ip:port/file`, every part of it."""

_PASSIVE = re.compile(r"\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)")


def install_by_ftp(module: Module, url: str, progress: Callable[[int], None]) -> Story:
    """Download, verify, ask the bootloader; raises UpdateFailed, and then nothing changed. `url` matches `ADDRESS`."""
    module.enter_phase("download", 0.0)
    control, data = StreamTalk(module.radio), StreamTalk(module.radio)
    try:
        size = yield from _transfer(module, url, (control, data), progress)
    except TalkFailed as failure:
        raise UpdateFailed(_FAILURES[failure.reason], f"the FTP transfer ended: {failure.reason}") from failure
    finally:
        control.close()
        data.close()
    yield from stage_verified(module, size, staged_kinds(module))


def _transfer(module: Module, url: str, talks: tuple[StreamTalk, StreamTalk], progress: Callable[[int], None]) -> Story:
    """Story whose value is the size of what now stands in the staging area."""
    part = ADDRESS.fullmatch(url)
    assert part is not None, "the address was looked at before"
    control, data = talks
    ip = yield from control.open(part["host"], int(part["port"]))
    yield from _answer(control, (220,), FTP_NETWORK)
    if (yield from _ask(control, f"USER {part['user']}", (230, 331), FTP_LOGIN))[0] != 230:
        yield from _ask(control, f"PASS {part['password']}", (230,), FTP_LOGIN)
    yield from _ask(control, "TYPE I", (200,), FTP_NETWORK)
    _, text = yield from _ask(control, f"SIZE {part['path']}", (213,), FTP_OPEN_FILE)
    if not text.strip().isdigit():
        raise UpdateFailed(FTP_OPEN_FILE, f"the server names no size: {text!r}")
    total = int(text)
    if total > module.layout.package.size_bytes:
        room = module.layout.package.size_bytes
        raise UpdateFailed(NO_SPACE, f"the package has {total} bytes, the staging area holds {room}")
    yield from data.open(ip, (yield from _passive_port(control)))
    yield from _ask(control, f"RETR {part['path']}", (125, 150), FTP_OPEN_FILE)
    yield from _receive(module, data, total, progress)
    yield from _answer(control, (226, 250), FTP_CLOSED)
    control.say("QUIT")
    module.trace("ftp", host=part["host"], file=part["path"], bytes=total)
    return total


def _receive(module: Module, data: StreamTalk, total: int, progress: Callable[[int], None]) -> Story:
    """Program what comes, piece by piece."""
    area, offset = module.layout.package, 0
    while offset < total:
        piece = yield from data.take(min(RANGE_BYTES, total - offset))
        if not piece or len(piece) < min(RANGE_BYTES, total - offset):
            raise UpdateFailed(FTP_CLOSED, f"the file ended at byte {offset + len(piece)} of {total}")
        if offset == 0:
            check_start(module, piece, staged_kinds(module))
        area.rewrite(offset, piece)
        yield from module.flash_time()
        offset += len(piece)
        module.enter_phase("download", offset / total)
        progress(offset * 100 // total)
    if not total:
        raise UpdateFailed(FTP_OPEN_FILE, "the file is empty")


def _passive_port(control: StreamTalk) -> Story:
    """Story whose value is the port that the server names. Its address is not used: servers behind NAT name a wrong
    one, and clients that know this dial the one they dialled before."""
    _, text = yield from _ask(control, "PASV", (227,), FTP_NETWORK)
    numbers = _PASSIVE.search(text)
    if numbers is None or int(numbers[5]) > 255 or int(numbers[6]) > 255:
        raise UpdateFailed(FTP_NETWORK, f"the server names no port: {text!r}")
    return int(numbers[5]) * 256 + int(numbers[6])


def _ask(control: StreamTalk, command: str, wanted: tuple[int, ...], code: int) -> Story:
    control.say(command)
    return (yield from _answer(control, wanted, code))


def _answer(control: StreamTalk, wanted: tuple[int, ...], code: int) -> Story:
    """Story whose value is (number, text) of the next whole answer, which may have several lines; UpdateFailed with
    `code` when it is none of the wanted."""
    line = yield from control.line()
    first = line[:3]
    while line[3:4] == "-" or line[:3] != first:
        line = yield from control.line()
    number = int(first) if first.isdigit() else 0
    if number not in wanted:
        raise UpdateFailed(code, f"the FTP server says: {line}")
    return number, line[4:]
