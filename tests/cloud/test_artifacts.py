"""Presigned URLs and ranges, as S3 answers them. Signatures are checked against a second derivation made here."""

from __future__ import annotations

import hashlib
import hmac
import xml.etree.ElementTree as ET
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cloud.artifact_faults import ArtifactFault
from sim.cloud.artifacts import ArtifactStore
from sim.errors import SpecError
from sim.kernel.clock import EPOCH_S
from sim.ports import Foreseen, HttpRequest, HttpResponse

NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
DATA = bytes(range(256)) * 4
HOST = "qpyota.s3.us-west-2.amazonaws.com"


@pytest.fixture
def store() -> ArtifactStore:
    store = ArtifactStore()
    store.put("qpyota", "a.py", DATA)
    return store


def fetch(store: ArtifactStore, url: str, now_s: int = NOW, method: str = "GET", **headers: str) -> HttpResponse:
    return store.respond(HttpRequest(method, url, headers), now_s)


def error(response: HttpResponse) -> dict[str, str]:
    """Status and XML members of an error answer."""
    assert response.headers["Content-Type"] == "application/xml"
    assert response.headers["Content-Length"] == str(len(response.body))
    root = ET.fromstring(response.body)
    assert root.tag == "Error"
    return {"status": str(response.status), **{child.tag: child.text or "" for child in root}}


def refusal(response: HttpResponse) -> tuple[int, str]:
    return response.status, error(response)["Code"]


def sigv4(
    store: ArtifactStore,
    method: str,
    host: str,
    path: str,
    params: dict[str, str],
    *,
    sign_host: bool = True,
    **more: str,
) -> str:
    """A signed URL made the long way, step by step as the SigV4 text of the S3 API reference has it.

    `more` are further signed headers.
    """
    signed = {"host": host, **more} if sign_host else more
    names = sorted(signed)
    headers = "".join(f"{name}:{signed[name]}\n" for name in names)
    params = {**params, "X-Amz-SignedHeaders": ";".join(names)}
    canonical_query = "&".join(f"{quote(k, safe='')}={quote(params[k], safe='')}" for k in sorted(params))
    canonical = f"{method}\n{path}\n{canonical_query}\n{headers}\n{';'.join(names)}\nUNSIGNED-PAYLOAD"
    date = params["X-Amz-Date"]
    scope = params["X-Amz-Credential"].partition("/")[2]
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + store.signer.secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    return f"https://{host}{path}?{canonical_query}&X-Amz-Signature={signature}"


def params_of(url: str) -> dict[str, str]:
    params = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))
    del params["X-Amz-Signature"]
    return params


# Refusals


def test_unsigned_request(store: ArtifactStore) -> None:
    assert refusal(fetch(store, f"https://{HOST}/a.py")) == (403, "AccessDenied")


def test_expired_url_tells_when_it_expired_and_what_time_it_is(store: ArtifactStore) -> None:
    url = store.presign("qpyota", "a.py", 3600, NOW)
    assert fetch(store, url, NOW + 3600).status == 200
    found = error(fetch(store, url, NOW + 3601))
    assert len(found.pop("RequestId")) == 16
    assert len(found.pop("HostId")) == 76
    assert found == {
        "status": "403",
        "Code": "AccessDenied",
        "Message": "Request has expired",
        "X-Amz-Expires": "3600",
        "Expires": "2026-01-01T01:00:00Z",
        "ServerTime": "2026-01-01T01:00:01Z",
    }


def test_url_of_the_future_is_not_valid_yet(store: ArtifactStore) -> None:
    url = store.presign("qpyota", "a.py", 3600, NOW)
    assert fetch(store, url, NOW - 900).status == 200
    assert error(fetch(store, url, NOW - 901))["Message"] == "Request is not yet valid"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("/a.py", "/b.py", "SignatureDoesNotMatch"),
        ("//qpyota.", "//other.", "SignatureDoesNotMatch"),
        ("us-west-2.amazonaws.com", "eu-west-1.amazonaws.com", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=600", "X-Amz-Expires=601", "SignatureDoesNotMatch"),
        ("X-Amz-Date=20260101T000000Z", "X-Amz-Date=20260101T000001Z", "SignatureDoesNotMatch"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=range", "SignatureDoesNotMatch"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=", "SignatureDoesNotMatch"),
        ("&X-Amz-Signature=", "&x=1&X-Amz-Signature=", "SignatureDoesNotMatch"),
        ("&X-Amz-Signature=", "&X-Amz-Signature=0", "SignatureDoesNotMatch"),
        ("&X-Amz-Signature=", "&X-Amz-Signature=%ff%C3%BC", "SignatureDoesNotMatch"),
        ("&X-Amz-Signature=", "&X-Amz-Signatur=", "AccessDenied"),
        ("X-Amz-Credential=ASIA", "X-Amz-Credential=AKIA", "InvalidAccessKeyId"),
        ("X-Amz-Security-Token=IQ", "X-Amz-Security-Token=QI", "InvalidToken"),
        ("X-Amz-Security-Token=", "X-Amz-Security-Tokem=", "InvalidToken"),
        ("%2Fus-west-2%2F", "%2Feu-west-1%2F", "AuthorizationQueryParametersError"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=600", "X-Amz-Expires=604801", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=600", "X-Amz-Expires=soon", "AuthorizationQueryParametersError"),
        ("X-Amz-Date=2026", "X-Amz-Date=26", "AuthorizationQueryParametersError"),
        ("X-Amz-Date=202601", "X-Amz-Date=202613", "AuthorizationQueryParametersError"),
        ("X-Amz-Date=", "X-Amz-Dat=", "AuthorizationQueryParametersError"),
    ],
)
def test_altered_url(store: ArtifactStore, old: str, new: str, code: str) -> None:
    store.put("other", "a.py", DATA)
    store.put("qpyota", "b.py", DATA)
    url = store.presign("qpyota", "a.py", 600, NOW)
    assert url.count(old) >= 1
    assert refusal(fetch(store, url.replace(old, new), NOW + 2)) == (
        403 if code in ("SignatureDoesNotMatch", "AccessDenied", "InvalidAccessKeyId") else 400,
        code,
    )


def test_url_cut_short_by_a_small_buffer(store: ArtifactStore) -> None:
    url = store.presign("qpyota", "a.py", 600, NOW)
    for length in (255, 512, 1024, len(url) - 1):
        assert fetch(store, url[:length]).status in (400, 403)


def test_url_of_another_store(store: ArtifactStore) -> None:
    url = ArtifactStore(seed=1).presign("qpyota", "a.py", 600, NOW)
    assert refusal(fetch(store, url)) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("method", ["HEAD", "head"])
def test_url_signed_for_get_is_no_good_for_head(store: ArtifactStore, method: str) -> None:
    response = fetch(store, store.presign("qpyota", "a.py", 600, NOW), method=method)
    assert (response.status, response.body) == (403, b"")
    assert int(response.headers["Content-Length"]) > 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "ÄÖ"])
def test_url_signed_for_get_is_no_good_for_writing(store: ArtifactStore, method: str) -> None:
    url = store.presign("qpyota", "a.py", 600, NOW)
    assert refusal(fetch(store, url, method=method)) == (403, "SignatureDoesNotMatch")
    assert store.get("qpyota", "a.py") == DATA


def test_signed_url_of_a_missing_object_or_bucket(store: ArtifactStore) -> None:
    missing = fetch(store, store.presign("qpyota", "<b>.py", 600, NOW))
    assert refusal(missing) == (404, "NoSuchKey")
    assert error(missing)["Key"] == "<b>.py"
    assert refusal(fetch(store, store.presign("nobucket", "a.py", 600, NOW))) == (404, "NoSuchBucket")


@pytest.mark.parametrize("url", ["http://[bad/a", f"https://{HOST}:port/a", "", "a", f"https://{HOST}/%ff", "\ud800"])
def test_url_that_cannot_be_read(store: ArtifactStore, url: str) -> None:
    assert fetch(store, url).status in (400, 403)


@pytest.mark.parametrize(
    ("bucket", "key"), [("Upper", "k"), ("ab", "k"), ("a/b", "k"), ("abc", ""), ("abc", "k" * 1025)]
)
def test_names_that_cannot_be_stored(store: ArtifactStore, bucket: str, key: str) -> None:
    with pytest.raises(SpecError):
        store.put(bucket, key, b"")


def test_signature_that_does_not_cover_the_host(store: ArtifactStore) -> None:
    params = params_of(store.presign("qpyota", "a.py", 600, NOW))
    hostless = sigv4(store, "GET", HOST, "/a.py", params, sign_host=False, range="bytes=0-1")
    assert refusal(fetch(store, hostless, Range="bytes=0-1")) == (403, "SignatureDoesNotMatch")


def test_date_that_is_not_in_the_calendar(store: ArtifactStore) -> None:
    url = store.presign("qpyota", "a.py", 600, NOW).replace("20260101", "20261301")
    assert refusal(fetch(store, url)) == (400, "AuthorizationQueryParametersError")


def test_control_characters_do_not_break_the_xml(store: ArtifactStore) -> None:
    response = fetch(store, store.presign("qpyota", "a\x01\x7f&b", 600, NOW))
    assert error(response)["Key"] == "a\ufffd\ufffd&b"


@given(
    url=st.text() | st.text().map(lambda text: f"https://{HOST}/a.py?X-Amz-Signature=1&{text}"),
    method=st.sampled_from(["GET", "HEAD"]) | st.text(),
    headers=st.dictionaries(st.sampled_from(["Range", "Host"]) | st.text(), st.text()),
)
def test_any_request_gets_an_answer(url: str, method: str, headers: dict[str, str]) -> None:
    response = ArtifactStore().respond(HttpRequest(method, url, headers), NOW)
    assert 400 <= response.status < 500


@given(name=st.sampled_from(["Date", "Expires", "SignedHeaders", "Credential"]), value=st.text(), data=st.data())
def test_any_value_of_a_signature_parameter_gets_an_answer(name: str, value: str, data: st.DataObject) -> None:
    store = ArtifactStore()
    params = params_of(store.presign("qpyota", "a.py", 600, NOW))
    stamp = data.draw(st.sampled_from(["20260101T000000Z", "99991231T235959Z", "00010101T000000Z"]))
    params["X-Amz-Date"] = stamp
    params["X-Amz-Credential"] = params["X-Amz-Credential"].replace("20260101", stamp[:8])
    if data.draw(st.booleans()):
        params[f"X-Amz-{name}"] = value
    query = "&".join(f"{key}={quote(text, safe='', errors='replace')}" for key, text in params.items())
    assert fetch(store, f"https://{HOST}/a.py?{query}&X-Amz-Signature=0").status in (400, 403)


# Good answers


def test_whole_object(store: ArtifactStore) -> None:
    response = fetch(store, store.presign("qpyota", "a.py", 600, NOW))
    assert (response.status, response.body) == (200, DATA)
    headers = dict(response.headers)
    assert len(headers.pop("x-amz-id-2")) == 76
    assert len(headers.pop("x-amz-request-id")) == 16
    assert headers == {
        "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
        "Server": "AmazonS3",
        "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
        "ETag": f'"{hashlib.md5(DATA).hexdigest()}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
        "Content-Length": "1024",
    }


def test_replaced_object_has_its_own_tag_type_and_date(store: ArtifactStore) -> None:
    store.put("qpyota", "a.py", b"", content_type="text/x-python", modified_s=NOW + 86_400)
    response = fetch(store, store.presign("qpyota", "a.py", 600, NOW))
    assert (response.body, response.headers["Content-Length"]) == (b"", "0")
    assert response.headers["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
    assert response.headers["Content-Type"] == "text/x-python"
    assert response.headers["Last-Modified"] == "Fri, 02 Jan 2026 00:00:00 GMT"


def test_get_by_name(store: ArtifactStore) -> None:
    assert store.get("qpyota", "a.py") == DATA
    assert store.get("qpyota", "b.py") is None
    assert store.get("other", "a.py") is None


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-", 206, 0, 1024),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=1000-", 206, 1000, 1024),
        ("bytes=1000-5000", 206, 1000, 1024),
        ("bytes=1023-1023", 206, 1023, 1024),
        ("bytes=-1", 206, 1023, 1024),
        ("bytes=-4096", 206, 0, 1024),
        # not a range S3 serves: as if it had not been sent
        ("bytes=", 200, 0, 1024),
        ("bytes=-", 200, 0, 1024),
        ("bytes=5-4", 200, 0, 1024),
        ("bytes=0-1,5-6", 200, 0, 1024),
        ("bytes=a-b", 200, 0, 1024),
        ("items=0-1", 200, 0, 1024),
        ("0-1", 200, 0, 1024),
        ("", 200, 0, 1024),
    ],
)
@pytest.mark.parametrize("name", ["Range", "range", "RANGE"])
def test_range(store: ArtifactStore, name: str, wanted: str, status: int, start: int, end: int) -> None:
    url = store.presign("qpyota", "a.py", 600, NOW)
    response = store.respond(HttpRequest("GET", url, {name: wanted}), NOW)
    assert (response.status, response.body) == (status, DATA[start:end])
    assert response.headers["Content-Length"] == str(end - start)
    expected = f"bytes {start}-{end - 1}/1024" if status == 206 else None
    assert response.headers.get("Content-Range") == expected


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=1024-2000", "bytes=-0", "bytes=5000-"])
def test_range_that_cannot_be_satisfied(store: ArtifactStore, wanted: str) -> None:
    found = error(fetch(store, store.presign("qpyota", "a.py", 600, NOW), Range=wanted))
    assert (found["status"], found["Code"]) == ("416", "InvalidRange")
    assert (found["RangeRequested"], found["ActualObjectSize"]) == (wanted, "1024")


def test_any_range_of_an_empty_object_cannot_be_satisfied(store: ArtifactStore) -> None:
    store.put("qpyota", "empty", b"")
    url = store.presign("qpyota", "empty", 600, NOW)
    assert [fetch(store, url, Range=text).status for text in ("bytes=0-", "bytes=-1")] == [416, 416]


@given(size=st.integers(0, 40), a=st.integers(0, 50), b=st.integers(0, 50))
@settings(max_examples=200)
def test_range_and_rest_make_the_whole(size: int, a: int, b: int) -> None:
    store = ArtifactStore()
    data = DATA[:size]
    store.put("qpyota", "a.py", data)
    url = store.presign("qpyota", "a.py", 600, NOW)
    response = fetch(store, url, Range=f"bytes={a}-{b}")
    if a > b:
        assert (response.status, response.body) == (200, data)
    elif a >= size:
        assert response.status == 416
    else:
        assert (response.status, response.body) == (206, data[a : b + 1])
        assert fetch(store, url, Range=f"bytes={b + 1}-").status == (206 if b + 1 < size else 416)


# Signatures


KEYS = st.text(min_size=1, max_size=40).filter(lambda key: len(key.encode(errors="replace")) <= 1024)


@given(key=KEYS.filter(lambda key: key.isprintable()), expires_s=st.integers(1, 604_800), at_s=st.integers(0, 2**32))
def test_presigned_url_is_what_the_published_algorithm_gives(key: str, expires_s: int, at_s: int) -> None:
    store = ArtifactStore()
    store.put("qpyota", key, DATA)
    url = store.presign("qpyota", key, expires_s, at_s)
    assert url.isascii()
    assert url == sigv4(store, "GET", HOST, "/" + quote(key, safe="/"), params_of(url))
    assert fetch(store, url, at_s + expires_s).body == DATA


def test_head_of_a_url_signed_for_it(store: ArtifactStore) -> None:
    params = params_of(store.presign("qpyota", "a.py", 600, NOW))
    response = fetch(store, sigv4(store, "HEAD", HOST, "/a.py", params), method="HEAD", Range="bytes=0-9")
    assert (response.status, response.body, response.headers["Content-Length"]) == (206, b"", "10")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("s3.us-west-2.amazonaws.com", "/qpyota/a.py"),
        ("s3.amazonaws.com", "/qpyota/a.py"),
        ("localhost:9000", "/qpyota/a.py"),
        ("qpyota.s3.amazonaws.com", "/a.py"),
        ("qpyota.s3.us-west-2.amazonaws.com:8443", "/a.py"),
    ],
)
def test_other_ways_to_name_an_object(store: ArtifactStore, host: str, path: str) -> None:
    params = params_of(store.presign("qpyota", "a.py", 600, NOW))
    assert fetch(store, sigv4(store, "GET", host, path, params)).body == DATA


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_default_port_and_letter_case_of_the_host_do_not_matter(store: ArtifactStore, scheme: str, port: int) -> None:
    url = store.presign("qpyota", "a.py", 600, NOW)
    assert fetch(store, url.replace(f"https://{HOST}", f"{scheme}://{HOST.upper()}:{port}")).status == 200


def test_order_and_spelling_of_the_query_do_not_matter(store: ArtifactStore) -> None:
    head, _, query = store.presign("qpyota", "a.py", 600, NOW).partition("?")
    turned = "&".join(reversed(query.replace("%2F", "%2f").split("&")))
    assert fetch(store, f"{head}?{turned}").status == 200


def test_signed_header_beyond_host(store: ArtifactStore) -> None:
    params = params_of(store.presign("qpyota", "a.py", 600, NOW))
    url = sigv4(store, "GET", HOST, "/a.py", params, range="bytes=0-1")
    assert fetch(store, url, Range="bytes=0-1").body == DATA[:2]
    assert refusal(fetch(store, url, Range="bytes=0-2")) == (403, "SignatureDoesNotMatch")


def test_urls_are_as_long_as_those_of_an_assumed_role(store: ArtifactStore) -> None:
    long_key = "releases/2026/EG915UEUABR03A21M08_OCPU_QPY/EG915UEUAB_V0002-V0003.pack"
    for key in ("a.py", long_key):
        assert 1200 <= len(store.presign("qpyota", key, 3600, NOW)) <= 1700


def test_signing_repeats_and_follows_the_clock() -> None:
    one, two = ArtifactStore(), ArtifactStore()
    assert one.presign("b-b", "k", 60, NOW) == two.presign("b-b", "k", 60, NOW)
    assert one.presign("b-b", "k", 60, NOW) != one.presign("b-b", "k", 60, NOW + 1)
    assert one.presign("b-b", "k", 60, NOW + 86_400) == ArtifactStore().presign("b-b", "k", 60, NOW + 86_400)


def test_answers_repeat(store: ArtifactStore) -> None:
    url = store.presign("qpyota", "a.py", 600, NOW)
    assert fetch(store, url) == fetch(store, url)
    assert fetch(store, url, NOW + 601) == fetch(store, url, NOW + 601)


def foreseen(store: ArtifactStore, now_s: int, **more: str) -> HttpResponse:
    url = store.presign("files", "k", 60, EPOCH_S)
    headers = {"Host": "files.s3.us-west-2.amazonaws.com", "Range": "bytes=2-5", **more}
    return store.foresee(HttpRequest("GET", url, headers), now_s).answer


def store_of_one() -> ArtifactStore:
    made = ArtifactStore()
    made.put("files", "k", b"0123456789")
    return made


def test_what_is_foreseen_is_said_again_until_the_url_expires() -> None:
    store = store_of_one()
    first, again = foreseen(store, EPOCH_S), foreseen(store, EPOCH_S + 60)
    assert first is again
    assert (first.status, first.body) == (206, b"2345")
    assert foreseen(store, EPOCH_S + 61).status == 403
    assert foreseen(store, EPOCH_S).status == 206


def test_foresight_sees_a_changed_object() -> None:
    store = store_of_one()
    foreseen(store, EPOCH_S)
    store.put("files", "k", b"abcdefghij")
    assert foreseen(store, EPOCH_S).body == b"cdef"


def test_foresight_misses_a_removed_object() -> None:
    store = store_of_one()
    foreseen(store, EPOCH_S)
    store.buckets.delete_object(store.buckets["files"], "k", None, EPOCH_S)
    assert foreseen(store, EPOCH_S).status == 404


def test_foresight_looks_at_a_condition() -> None:
    store = store_of_one()
    etag = foreseen(store, EPOCH_S).headers["ETag"]
    assert foreseen(store, EPOCH_S, **{"If-None-Match": etag}).status == 304


def foreseen_by(store: ArtifactStore, url: str, now_s: int) -> Foreseen:
    headers = {"Host": "files.s3.us-west-2.amazonaws.com", "Range": "bytes=2-5"}
    return store.foresee(HttpRequest("GET", url, headers), now_s)


def test_every_url_that_was_proved_is_told_the_same_of_one_object_and_no_other() -> None:
    store = store_of_one()
    store.put("files", "other", b"abcdefghij")
    urls = [store.presign("files", "k", 60, EPOCH_S + second) for second in (0, 1)]
    first = foreseen_by(store, urls[0], EPOCH_S).answer
    headers = {"Host": "files.s3.us-west-2.amazonaws.com", "Range": "bytes=2-5"}
    asked = store.respond(HttpRequest("GET", urls[1], headers), EPOCH_S + 1)
    assert (first.status, first.body, first.headers["Content-Range"]) == (206, b"2345", asked.headers["Content-Range"])
    assert (asked.status, asked.body) == (206, b"2345")
    assert foreseen_by(store, urls[1], EPOCH_S + 2).answer.body is first.body
    assert foreseen_by(store, store.presign("files", "other", 60, EPOCH_S), EPOCH_S).answer.body == b"cdef"
    forged = urls[1].replace("X-Amz-Expires=60", "X-Amz-Expires=90")
    assert foreseen_by(store, forged, EPOCH_S + 2).answer.status == 403


def test_what_is_foreseen_holds_until_the_url_the_object_or_the_server_changes() -> None:
    store = store_of_one()
    url = store.presign("files", "k", 60, EPOCH_S)
    seen = foreseen_by(store, url, EPOCH_S)
    assert (seen.at(EPOCH_S + 60), seen.at(EPOCH_S + 61)) == (True, False)
    store.faults = (ArtifactFault("none", ("files", "k"), lambda _: None),)
    assert not seen.at(EPOCH_S)
    store.faults = ()
    assert seen.at(EPOCH_S)
    store.put("files", "k", b"abcdefghij")
    assert not seen.at(EPOCH_S)
    assert foreseen_by(store, url, EPOCH_S + 61).at(EPOCH_S) is False


@pytest.mark.parametrize("key", ["k", "a b/c+d.pack", "späť"])
@pytest.mark.parametrize("more", [{}, {"version": "null"}])
def test_what_a_url_made_here_leads_to_is_what_it_is_found_to_lead_to(key: str, more: dict[str, str]) -> None:
    store, other = ArtifactStore(), ArtifactStore()
    for made in (store, other):
        made.put("files", key, b"0123456789")
    url = store.presign("files", key, 60, EPOCH_S, **more)
    assert foreseen_by(other, url, EPOCH_S).answer.status == 206
    assert store._proved[url].about == other._proved[url].about
