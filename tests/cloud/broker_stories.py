"""What a client of any MQTT broker may live through. Each story returns what it saw."""

from __future__ import annotations

import asyncio
from typing import Any

from other_brokers import Peer

from sim.net.codec import Packet, Pingresp, Puback, Publish, Suback, Subscribe, Unsubscribe
from sim.ports import Will

KEEPALIVE_S = 1
WATCHED_S = 3.5 * KEEPALIVE_S
SWEEP_S = 12.0
"""mosquitto 2.0 looks for silent clients every five seconds only."""
MANY = 1000
AT_ONCE = 20
OFFLINE = 1500
SILENCE_S = 3.0
"""After this nothing more comes, even on a busy machine."""
TWO_MIB = 2 * 1024 * 1024


async def subscribed(dial: Any, client_id: str, *filters: str, qos: int = 1, **options: Any) -> Peer:
    peer = await dial(client_id, **options)
    peer.send(Subscribe(1, tuple((topic_filter, qos) for topic_filter in filters)))
    assert isinstance(await peer.take(), Suback)
    return peer  # type: ignore[no-any-return]


def publishes(packets: list[Packet]) -> list[Publish]:
    return [packet for packet in packets if isinstance(packet, Publish)]


async def a_reserved_topic(dial: Any) -> str:
    """After a request to the Jobs service: is the client still served?"""
    peer = await dial("a")
    peer.send(Publish("$aws/things/a/jobs/get", b"{}", 1, 1))
    assert await peer.take() == Puback(1)
    await peer.everything()
    peer.send(Subscribe(1, (("x", 0),)))
    try:
        answer = await peer.take(2)
    except TimeoutError:
        return "neither served nor closed"
    return "served" if answer == Suback(1, (0,)) else "closed"


async def loss_while_others_subscribe(dial: Any, count: int = MANY) -> int:
    """Of so many acknowledged messages to two subscribers, how many copies never arrive?"""
    monitor, reader = await subscribed(dial, "m", "data/+"), await subscribed(dial, "r", "data/x", qos=0)
    writer, feeding = await dial("w"), True

    async def guest(number: int) -> None:
        turn = 0
        while feeding:
            turn += 1
            peer = await subscribed(dial, f"guest{number}.{turn}", f"other/{number}/{turn}")
            peer.send(Unsubscribe(2, (f"other/{number}/{turn}",)))
            await peer.hang_up()

    async def read(peer: Peer, seen: set[bytes]) -> None:
        while len(seen) < count and (packet := await peer.take(SILENCE_S)) is not None:
            if isinstance(packet, Publish):
                seen.add(packet.payload)
                if packet.qos:
                    peer.send(Puback(packet.packet_id))

    guests = [asyncio.create_task(guest(number)) for number in range(5)]
    seen_by_monitor, seen_by_reader = set[bytes](), set[bytes]()
    readers = [asyncio.create_task(read(monitor, seen_by_monitor)), asyncio.create_task(read(reader, seen_by_reader))]
    for first in range(0, count, AT_ONCE):
        writer.send(*(Publish("data/x", b"%d" % n, 1, n + 1) for n in range(first, first + AT_ONCE)))
        for number in range(first, first + AT_ONCE):
            assert await writer.take() == Puback(number + 1)
    await asyncio.wait(readers)
    feeding = False
    await asyncio.gather(*guests, *readers, return_exceptions=True)
    return 2 * count - len(seen_by_monitor) - len(seen_by_reader)


async def a_silent_client(dial: Any, watched_s: float = WATCHED_S) -> tuple[bool, bool]:
    """(dropped, its will sent) within three and a half keepalives."""
    watch = await subscribed(dial, "watch", "gone")
    silent = await dial("a", keepalive_s=KEEPALIVE_S, will=Will("gone", b"a"))
    dropped = await silent.closed(watched_s)
    return dropped, bool(publishes(await watch.everything()))


async def a_silent_client_in_the_end(dial: Any) -> tuple[bool, bool]:
    return await a_silent_client(dial, SWEEP_S)


async def unacked_before_a_reconnect(dial: Any) -> list[tuple[bytes, bool]]:
    """(payload, DUP) of what comes after a reconnect, when the first delivery was never acknowledged."""
    peer, writer = await subscribed(dial, "a", "news", clean=False), await dial("w")
    writer.send(Publish("news", b"1", 1, 1))
    assert isinstance(await peer.take(), Publish)
    peer.abort()
    await writer.everything()
    again = await dial("a", clean=False)
    return [(packet.payload, packet.dup) for packet in publishes(await again.everything())]


async def _taken_over(dial: Any, clean: bool) -> bool:
    """Whether the older connection of a client id is closed by the newer."""
    old = await dial("a", clean=clean)
    await dial("a", clean=clean)
    return await old.closed(2)


async def a_clean_session_taken_over(dial: Any) -> bool:
    return await _taken_over(dial, clean=True)


async def a_lasting_session_taken_over(dial: Any) -> bool:
    return await _taken_over(dial, clean=False)


async def a_wrong_password_on_a_live_client_id(dial: Any) -> list[bytes]:
    """What the victim still gets."""
    victim, writer = await subscribed(dial, "a", "news", qos=0), await dial("w")
    await dial.refused("a")
    writer.send(Publish("news", b"1", 1, 1))
    await writer.everything()
    return [packet.payload for packet in publishes(await victim.everything())]


async def a_newcomer_without_subscriptions(dial: Any) -> list[bytes]:
    """What it gets while others hold filters and a message is retained."""
    await subscribed(dial, "holder", "state")
    writer = await dial("w")
    writer.send(Publish("state", b"on", 1, 1, retain=True))
    await writer.everything()
    return [packet.payload for packet in publishes(await (await dial("newcomer")).everything())]


async def qos_0_to_a_subscription_at_1(dial: Any) -> list[int]:
    reader, writer = await subscribed(dial, "r", "x"), await dial("w")
    writer.send(Publish("x", b"1"))
    await writer.everything()
    return [packet.qos for packet in publishes(await reader.everything())]


async def overlapping_filters(dial: Any) -> int:
    """Copies of one message."""
    reader, writer = await subscribed(dial, "r", "x/#", "x/+", "x/y", qos=0), await dial("w")
    writer.send(Publish("x/y", b"1"))
    await writer.everything()
    return len(publishes(await reader.everything()))


async def order_of_two_thousand(dial: Any) -> bool:
    reader, writer = await subscribed(dial, "r", "x", qos=0), await dial("w")
    writer.send(*(Publish("x", b"%d" % number) for number in range(2000)))
    got: list[int] = []
    while len(got) < 2000:
        packet = await reader.take()
        assert isinstance(packet, Publish)
        got.append(int(packet.payload))
    return got == list(range(2000))


async def a_will_on_abort(dial: Any) -> bool:
    watch = await subscribed(dial, "watch", "gone", qos=0)
    (await dial("a", will=Will("gone", b"a"))).abort()
    return isinstance(await watch.take(), Publish)


async def a_huge_packet(dial: Any) -> str:
    """A publish of 2 MiB."""
    reader, writer = await subscribed(dial, "r", "x", qos=0), await dial("w")
    writer.send(Publish("x", bytes(TWO_MIB)))
    if await writer.closed(1):
        return "closed"
    return "delivered" if publishes([await reader.take() or Pingresp()]) else "lost"


async def an_offline_queue(dial: Any) -> int:
    """How many of 1,500 messages wait for a lasting session that is away."""
    peer, writer = await subscribed(dial, "a", "news", clean=False), await dial("w")
    await peer.hang_up()
    for number in range(OFFLINE):
        writer.send(Publish("news", b"%d" % number, 1, number + 1))
        assert isinstance(await writer.take(), Puback)
    again, got = await dial("a", clean=False), 0
    try:
        while got < OFFLINE and (packet := await again.take(SILENCE_S)) is not None:
            if isinstance(packet, Publish):
                got += 1
                again.send(Puback(packet.packet_id))
    except TimeoutError:
        pass
    return got
