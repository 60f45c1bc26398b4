"""In memory a device's request for a range of an object is answered ahead, without the cloud if that can be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sim.cloud.artifacts import ArtifactStore
from sim.kernel.clock import EPOCH_S, Clock
from sim.mqtt.switchboard import EVERYTHING
from sim.net.memory import MemoryNetwork
from sim.ports import Foreseen, HttpRequest


class Stage:
    """A store of one object, and a network that asks it; `asked`: what the cloud was asked for."""

    def __init__(self, clock: Clock) -> None:
        self.store, self.asked = ArtifactStore(), list[str]()
        self.store.put("files", "a.bin", b"abcdef")
        self.network = MemoryNetwork(
            clock, self.store.respond, lambda _: None, lambda _: EVERYTHING, foresee=self.foresee
        )

    def foresee(self, request: HttpRequest, now_s: int) -> Foreseen:
        self.asked.append(request.headers["Range"])
        return self.store.foresee(request, now_s)

    def url(self, at_s: int) -> str:
        return self.store.presign("files", "a.bin", 60, EPOCH_S + at_s)

    def get(self, url: str, range_: str, at_s: int) -> tuple[int, bytes]:
        request = HttpRequest("GET", url, {"Range": f"bytes={range_}"})
        answer = self.network.foresee("d", request, at_s * 1_000_000)
        assert answer is not None
        return answer.status, answer.body


@pytest.fixture
def stage() -> Iterator[Stage]:
    clock = Clock("memory")
    yield Stage(clock)
    clock.close()


def test_of_another_url_of_an_object_the_cloud_is_asked_once(stage: Stage) -> None:
    one, other = stage.url(0), stage.url(1)
    assert [stage.get(one, "0-1", 2), stage.get(one, "2-3", 3)] == [(206, b"ab"), (206, b"cd")]
    assert [stage.get(other, "0-1", 4), stage.get(other, "2-3", 5)] == [(206, b"ab"), (206, b"cd")]
    assert stage.asked == ["bytes=0-1", "bytes=2-3", "bytes=0-1"]


def test_what_was_foreseen_is_not_said_of_a_changed_object(stage: Stage) -> None:
    one = stage.url(0)
    assert [stage.get(one, "0-1", 2), stage.get(one, "2-3", 2)] == [(206, b"ab"), (206, b"cd")]
    stage.store.put("files", "a.bin", b"ABCDEF")
    other = stage.url(3)
    assert [stage.get(other, "0-1", 4), stage.get(other, "2-3", 4)] == [(206, b"AB"), (206, b"CD")]
    assert stage.get(one, "0-1", 5) == (206, b"AB")


def test_what_was_foreseen_is_not_said_when_the_url_is_over_or_was_never_good(stage: Stage) -> None:
    one, other = stage.url(0), stage.url(30)
    assert stage.get(other, "0-1", 40) == (206, b"ab")
    assert stage.get(one, "0-1", 40) == (206, b"ab")
    assert stage.get(one, "0-1", 61)[0] == 403
    assert stage.get(other + "0", "0-1", 61)[0] == 403
    assert stage.get(other, "0-1", 61) == (206, b"ab")
