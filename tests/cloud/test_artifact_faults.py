"""What an artifact server can do wrong, seen by clients that are not ours: a bare socket and boto3."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aws_rig import refusal, running
from botocore.exceptions import IncompleteReadError, ResponseStreamingError
from broker_rig import free_port
from urllib3.exceptions import ProtocolError

from sim.cloud import artifact_faults as server
from sim.cloud.artifact_faults import ArtifactFault, Spoil
from sim.cloud.artifacts import ArtifactStore
from sim.cloud.rest import RestServer
from sim.kernel.clock import Clock
from sim.ports import HttpRequest, HttpResponse

NOW = 1_767_225_600
DATA = bytes(range(256)) * 400  # 100 KiB
WHERE = ("qpyota", "fw.pack")
KIB = 1024


def store_with(*faults: ArtifactFault) -> ArtifactStore:
    store = ArtifactStore()
    store.put(*WHERE, DATA)
    store.put("qpyota", "other", DATA)
    store.public = frozenset({"qpyota"})
    store.faults = faults
    return store


def fault(spoil: Spoil, times: int | None = None, from_s: int = 0) -> ArtifactFault:
    return ArtifactFault("fault", WHERE, spoil, times, from_s)


def get(store: ArtifactStore, wanted: str = "", key: str = "fw.pack", now_s: int = NOW) -> HttpResponse:
    url = f"https://qpyota.s3.us-west-2.amazonaws.com/{key}"
    return store.respond(HttpRequest("GET", url, {"Range": f"bytes={wanted}"} if wanted else {}), now_s)


# Which answers a fault has a hold on


@pytest.mark.parametrize("spoil", [server.stalled(40 * KIB, 1), server.cut(40 * KIB, reset=False)])
def test_answers_before_the_place_are_untouched(spoil: Spoil) -> None:
    store = store_with(fault(spoil))
    assert get(store, "0-40959").manner is None
    assert get(store, "40960-40960").manner is not None
    assert get(store).manner is not None


def test_answers_behind_a_stall_are_untouched_and_those_behind_a_cut_are_empty() -> None:
    assert get(store_with(fault(server.stalled(40 * KIB, 1))), "41000-").manner is None
    manner = get(store_with(fault(server.cut(40 * KIB, reset=True))), "41000-").manner
    assert manner is not None
    assert (manner.cut_at_bytes, manner.reset) == (0, True)


def test_times_counts_what_it_had_a_hold_on() -> None:
    trouble = fault(server.cut(40 * KIB, reset=False), times=2)
    store = store_with(trouble)
    assert not trouble.done
    assert get(store, "0-9").manner is None
    assert [get(store).manner is None for _ in range(3)] == [False, False, True]
    assert trouble.done


def test_it_begins_when_it_is_said_to() -> None:
    store = store_with(fault(server.refused(503), from_s=NOW + 10))
    assert [get(store, now_s=at_s).status for at_s in (NOW + 9, NOW + 10)] == [200, 503]


def test_other_objects_other_methods_and_what_s3_refuses_are_left_alone() -> None:
    store = store_with(fault(server.refused(503)))
    assert get(store, key="other").status == 200
    head = HttpRequest("HEAD", "https://qpyota.s3.us-west-2.amazonaws.com/fw.pack")
    assert store.respond(head, NOW).status == 200
    assert get(store, "999999-").status == 416
    store.public = frozenset()
    assert get(store).status == 403


def test_faults_of_one_object_act_together() -> None:
    manner = get(store_with(fault(server.rate_limited(1000)), fault(server.cut(10, reset=False)))).manner
    assert manner is not None
    assert (manner.rate_bytes_per_s, manner.cut_at_bytes) == (1000, 10)


# What they answer


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (404, "NoSuchKey"), (503, "SlowDown")])
def test_error_has_the_shape_of_s3(status: int, code: str) -> None:
    answer = get(store_with(fault(server.refused(status))))
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/xml")
    assert f"<Code>{code}</Code>".encode() in answer.body
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert "ETag" not in answer.headers


def test_redirect_names_the_other_place() -> None:
    answer = get(store_with(fault(server.redirected(302, "https://elsewhere.example/x"))))
    assert (answer.status, answer.headers["Location"]) == (302, "https://elsewhere.example/x")


def test_ignored_range_brings_everything() -> None:
    store = store_with(fault(server.ignored_range))
    answer = get(store, "100-199")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, DATA, str(len(DATA)))
    assert "Content-Range" not in answer.headers
    assert get(store).status == 200


# On the wire


def hear(spoil: Spoil, wanted: str = "") -> tuple[bytes, bytes, str, float]:
    """What a bare socket gets: header, body, how the connection ended, and the seconds until then."""
    clock = Clock("virtual")
    store = store_with(fault(spoil))

    async def main() -> tuple[bytes, bytes, str, float]:
        rest = RestServer(store.respond, lambda: NOW)
        reader, writer = await asyncio.open_connection("127.0.0.1", await rest.start("127.0.0.1", free_port()))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        asked = f"Range: bytes={wanted}\r\n" if wanted else ""
        host = "qpyota.s3.us-west-2.amazonaws.com"
        writer.write(f"GET /fw.pack HTTP/1.1\r\nHost: {host}\r\n{asked}Connection: close\r\n\r\n".encode())
        heard, end = bytearray(), "closed"
        try:
            while piece := await reader.read(10_000):
                heard += piece
        except ConnectionResetError:
            end = "reset"
        spent_s = loop.time() - began_s
        writer.close()
        await rest.stop()
        head, _, body = bytes(heard).partition(b"\r\n\r\n")
        return head, body, end, spent_s

    try:
        return clock.loop.run_until_complete(main())
    finally:
        clock.close()


def test_truncated_body_is_cut_though_content_length_promises_more() -> None:
    head, body, end, _ = hear(server.cut(40 * KIB, reset=False))
    assert b"Content-Length: 102400" in head
    assert (body, end) == (DATA[: 40 * KIB], "closed")


def test_reset_is_a_reset_after_the_bytes_before_it() -> None:
    _, body, end, _ = hear(server.cut(40 * KIB, reset=True))
    assert (body, end) == (DATA[: 40 * KIB], "reset")


def test_stall_takes_its_time_and_then_the_rest_comes() -> None:
    _, body, end, spent_s = hear(server.stalled(64 * KIB, 300_000_000))
    assert (body, end, round(spent_s, 3)) == (DATA, "closed", 300)


def test_rate_limited_body_takes_its_length_by_the_rate() -> None:
    _, body, _, spent_s = hear(server.rate_limited(20 * KIB))
    assert (body, round(spent_s, 3)) == (DATA, 5)


@pytest.mark.parametrize(("says", "come"), [(50 * KIB, 50 * KIB), (200 * KIB, 100 * KIB)])
def test_content_length_is_wrong(says: int, come: int) -> None:
    head, body, end, _ = hear(server.wrong_length(says))
    assert f"Content-Length: {says}\r\n".encode() in head + b"\r\n"
    assert (body, end) == (DATA[:come], "closed")


def test_whole_object_in_place_of_a_range() -> None:
    head, body, _, _ = hear(server.ignored_range, "5-9")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == DATA


@contextmanager
def bucket_with(spoil: Spoil) -> Iterator[Any]:
    """A boto3 client of a cloud whose one object has this fault."""
    with running() as cloud:
        cloud.catch_up()
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="qpyota", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_object(Bucket="qpyota", Key="fw.pack", Body=DATA)
        cloud.account.artifacts.faults = (fault(spoil),)
        yield s3


@pytest.mark.parametrize("reset", [False, True])
def test_boto3_sees_the_connection_break(reset: bool) -> None:
    with bucket_with(server.cut(40 * KIB, reset=reset)) as s3:
        answer = s3.get_object(Bucket="qpyota", Key="fw.pack")
        assert answer["ContentLength"] == len(DATA)
        with pytest.raises((IncompleteReadError, ResponseStreamingError, ProtocolError)):
            answer["Body"].read()
        answer["Body"].close()


def test_boto3_sees_the_error() -> None:
    with bucket_with(server.refused(503)) as s3:
        assert refusal(s3.get_object, Bucket="qpyota", Key="fw.pack") == (503, "SlowDown")
