"""What one client's doings cost does not depend on how many others there are. Calls are counted, not time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sim.jobs.topics import parse_request
from sim.mqtt.filters import FilterIndex
from sim.mqtt.presence import Ended
from sim.mqtt.retained import Retained
from sim.mqtt.rules import AWS, RELAXED, BrokerRules
from sim.mqtt.switchboard import EVERYTHING, Accepted, Greeting, Session, Switchboard
from sim.ports import Message


class Line:
    session: Session | None = None

    def deliver(self, message: Message, retain: bool, dup: bool) -> None: ...
    def puback(self, packet_id: int) -> None: ...
    def suback(self, packet_id: int, codes: Sequence[int]) -> None: ...
    def close(self) -> None: ...


def board_with(others: int, rules: BrokerRules) -> Switchboard:
    """Clients with exact filters, wildcards and retained messages of their own; some lasting and away."""
    now_us = iter(range(0, 10**12, 1_000_000))
    board = Switchboard(lambda _: None, lambda _: EVERYTHING, lambda: next(now_us) // 100_000, rules)
    for number in range(others):
        name = f"d{number}"
        connection = connect(board, name, clean=number % 3 > 0)
        wanted = [f"$aws/things/{name}/jobs/notify", f"data/{name}/+", f"+/{name}/#", f"x/{name}"]
        board.subscribe(connection, 1, [(topic_filter, 1) for topic_filter in wanted])
        board.publish(connection, f"state/{name}", b"on", 0, retain=True)
        if number % 3 == 0:
            board.gone(connection, Ended.LOST)
    return board


def connect(board: Switchboard, name: str, clean: bool = True) -> Line:
    line = Line()
    assert isinstance(board.connect(Greeting(name, clean), line), Accepted)
    board.resume(line)
    return line


def calls(act: Callable[[], Any]) -> int:
    """Calls of Python and C functions, and of generators, while `act` runs."""
    count = 0

    def note(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()  # others hang calls of theirs on a collection
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def steps(board: Switchboard) -> dict[str, int]:
    me, you = connect(board, "me"), connect(board, "you")
    board.subscribe(you, 1, [("mine/#", 1)])
    parse_request("$aws/things/me/jobs/get")  # remembered from the second time on
    return {
        "connect": calls(lambda: connect(board, "newcomer")),
        "reconnect": calls(lambda: connect(board, "newcomer2", clean=False)),
        "subscribe": calls(lambda: board.subscribe(me, 1, [("a/b", 1), ("a/+", 0), ("b/#", 1)])),
        "publish": calls(lambda: board.publish(me, "mine/1", b"1", 1, packet_id=1)),
        "request": calls(lambda: board.publish(me, "$aws/things/me/jobs/get", b"{}")),
        "reply": calls(lambda: board.reply(me, "$aws/things/me/jobs/get/accepted", b"{}")),
        "unsubscribe": calls(lambda: board.unsubscribe(me, ["a/b", "a/+"])),
        "end": calls(lambda: board.gone(me, Ended.LOST)),
    }


@pytest.mark.parametrize("rules", [AWS, RELAXED], ids=["aws", "relaxed"])
def test_no_step_costs_more_beside_a_thousand_clients_than_beside_ten(rules: BrokerRules) -> None:
    few, many = steps(board_with(10, rules)), steps(board_with(1000, rules))
    assert few == many
    assert all(count > 0 for count in many.values())


def test_filters_and_retained_messages_that_are_gone_cost_nothing() -> None:
    index, retained = FilterIndex(), Retained(1000)
    fresh = calls(lambda: index.find("a/b/c")), calls(lambda: list(retained.find("#", hash_takes_parent=True)))
    for number in range(50):
        index.add("s", f"a/{number}/+/#", 0)
        retained.keep(Message(f"a/{number}/b", b"1"))
    for number in range(50):
        index.remove("s", f"a/{number}/+/#")
        retained.drop(f"a/{number}/b")
    later = calls(lambda: index.find("a/b/c")), calls(lambda: list(retained.find("#", hash_takes_parent=True)))
    assert later == fresh


def test_what_nobody_listens_to_is_not_written() -> None:
    board, written = board_with(3, RELAXED), list[str]()

    def write() -> bytes:
        written.append("once for all")
        return b""

    board.announce("news", write)
    assert written == []
    for name in ("one", "two"):
        board.subscribe(connect(board, name), 1, [("news", 0)])
    board.announce("news", write)
    assert written == ["once for all"]
