"""What may be a job document, and how its presign placeholders become URLs."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.jobs.documents import DOCUMENT_MAX_CHARS, NESTING_MAX, JobError, S3Place, parse_document

URL = "https://qpyota.s3.us-west-2.amazonaws.com/a.py"
PLACEHOLDER = "${aws:iot:s3-presigned-url:" + URL + "}"


WHO = {"thingName": "meter-7", "jobId": "job_1", "executionNumber": "2"}


def sign(place: S3Place, expires_s: int, now_s: int) -> str:
    how = "upload" if place.upload else "signed"
    version = f"@{place.version}" if place.version else ""
    return f"{how}:{place.bucket}|{place.key}{version}|{expires_s}|{now_s}"


def deliver(value: object, expires_s: int | None = 3600, now_s: int = 7) -> object:
    return json.loads(parse_document(json.dumps(value), expires_s).deliver(sign, now_s, WHO))


@pytest.mark.parametrize(
    ("text", "expires_s", "exception", "message"),
    [
        ("", None, "InvalidRequestException", "0 characters"),
        (" " * DOCUMENT_MAX_CHARS + "1", None, "InvalidRequestException", "32769 characters"),
        ("{", None, "InvalidRequestException", "not JSON"),
        ("NaN", None, "InvalidRequestException", "not JSON"),
        ("1e999", None, "InvalidRequestException", "not JSON"),
        ("[" * 30_000, None, "InvalidRequestException", "not JSON|nested"),
        ("[" * (NESTING_MAX + 1) + "1" + "]" * (NESTING_MAX + 1), None, "InvalidRequestException", "nested"),
        ('"${aws:iot:x"', None, "InvalidJobDocumentException", "placeholders are not terminated."),
        ('{"${": 1}', None, "InvalidJobDocumentException", "placeholders are not terminated."),
        ('["${a}", "b ${"]', None, "InvalidJobDocumentException", "placeholders are not terminated."),
        (f'"{PLACEHOLDER}"', None, "InvalidRequestException", "role ARN is required to generate an S3 presigned url"),
        ("{}", 59, "InvalidRequestException", "expiresInSec is 59"),
        ("{}", 3601, "InvalidRequestException", "expiresInSec is 3601"),
        ('"${aws:iot:s3-presigned-url:http://x/y}"', 60, "InvalidRequestException", "names no S3 object"),
        (f'"{PLACEHOLDER} ${{aws:iot:s3-presigned-url:}}"', 60, "InvalidRequestException", "names no S3 object"),
        (f'"${{aws:iot:s3-presigned-url-upload:{URL}}}"', None, "InvalidRequestException", "role ARN is required"),
        (f'"${{aws:iot:s3-presigned-url-upload:{URL}{"${jobId}" * 3}}}"', 60, "InvalidRequestException", "3 times"),
        (f'"${{aws:iot:s3-presigned-url-v2:{URL}%3FversionId%3D}}"', 60, "InvalidRequestException", "no version"),
    ],
)
def test_refused_at_creation(text: str, expires_s: int | None, exception: str, message: str) -> None:
    with pytest.raises(JobError, match=message) as caught:
        parse_document(text, expires_s)
    assert caught.value.exception == exception


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", '"text"', "5", "null", "[" * NESTING_MAX + "]" * NESTING_MAX])
def test_any_json_value_is_a_document_and_is_stored_as_written(text: str) -> None:
    document = parse_document(text, None)
    assert document.text == text
    assert json.loads(document.deliver(sign, 0, WHO)) == json.loads(text)


def test_longest_document() -> None:
    text = '"' + "x" * (DOCUMENT_MAX_CHARS - 2) + '"'
    assert json.loads(parse_document(text, None).deliver(sign, 0, WHO)) == json.loads(text)


@pytest.mark.parametrize(
    ("url", "bucket", "key"),
    [
        ("https://qpyota.s3.us-west-2.amazonaws.com/a.py", "qpyota", "a.py"),
        ("https://my.dotted.bucket.s3.eu-central-1.amazonaws.com/d/e f.bin", "my.dotted.bucket", "d/e f.bin"),
        ("https://qpyota.s3.amazonaws.com/a%20b", "qpyota", "a%20b"),
        ("https://s3.us-west-2.amazonaws.com/qpyota/dir/a.py", "qpyota", "dir/a.py"),
        ("https://s3-us-west-2.amazonaws.com/qpyota/a.py", "qpyota", "a.py"),
    ],
)
@pytest.mark.parametrize("variant", ["", "-v1"])
def test_object_of_a_placeholder(url: str, bucket: str, key: str, variant: str) -> None:
    placeholder = "${aws:iot:s3-presigned-url" + variant + ":" + url + "}"
    assert deliver([placeholder], 60, 9) == [f"signed:{bucket}|{key}|60|9"]


def test_only_v2_is_percent_decoded() -> None:
    url = "https://qpyota.s3.us-west-2.amazonaws.com/a%20b"
    assert deliver("${aws:iot:s3-presigned-url-v2:" + url + "}") == "signed:qpyota|a b|3600|7"


def test_v2_may_name_a_version() -> None:
    assert (
        deliver("${aws:iot:s3-presigned-url-v2:" + URL + "%3FversionId%3D4_x.y}") == "signed:qpyota|a.py@4_x.y|3600|7"
    )


def test_version_in_the_older_forms_is_part_of_the_key() -> None:
    assert deliver("${aws:iot:s3-presigned-url:" + URL + "?versionId=4}") == "signed:qpyota|a.py?versionId=4|3600|7"


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("logs/a.txt", "logs/a.txt"),
        ("${thingName}/${jobId}-${executionNumber}.txt", "meter-7/job_1-2.txt"),
        ("${jobId}/${jobId}", "job_1/job_1"),
        ("${thingname}", None),
    ],
)
def test_upload_says_who_uploads(key: str, found: str | None) -> None:
    text = "<${aws:iot:s3-presigned-url-upload:https://logs.s3.us-west-2.amazonaws.com/" + key + "}>"
    if found is None:  # not one of the three: what is between the braces ends at the first one that closes
        assert deliver(text) == "<upload:logs|${thingname|3600|7}>"
    else:
        assert deliver(text) == f"<upload:logs|{found}|3600|7>"


def test_variables_outside_of_an_upload_stay() -> None:
    assert deliver(["${jobId}", PLACEHOLDER]) == ["${jobId}", "signed:qpyota|a.py|3600|7"]


def test_each_placeholder_is_replaced_on_its_own_wherever_a_string_value_is() -> None:
    document = [{"files": [{"url": PLACEHOLDER}, {"both": f"<{PLACEHOLDER},{PLACEHOLDER}>"}], PLACEHOLDER: 1}]
    signed = "signed:qpyota|a.py|3600|7"
    assert deliver(document) == [{"files": [{"url": signed}, {"both": f"<{signed},{signed}>"}], PLACEHOLDER: 1}]


@pytest.mark.parametrize("text", ["${aws:iot:parameter:x}", "${}", "${thingName} $ { }", "}", "$"])
def test_other_text_stays(text: str) -> None:
    assert deliver({"a": text}, None) == {"a": text}
    assert deliver({"a": text, "b": PLACEHOLDER}) == {"a": text, "b": "signed:qpyota|a.py|3600|7"}


def test_placeholder_in_a_member_name_needs_no_presign_config() -> None:
    assert deliver({PLACEHOLDER: 1}, None) == {PLACEHOLDER: 1}


def test_every_delivery_signs_anew_and_the_stored_document_keeps_the_placeholder() -> None:
    document = parse_document(json.dumps({"u": PLACEHOLDER}), 60)
    assert json.loads(document.deliver(sign, 1, WHO)) == {"u": "signed:qpyota|a.py|60|1"}
    assert json.loads(document.deliver(sign, 2, WHO)) == {"u": "signed:qpyota|a.py|60|2"}
    assert document.text == json.dumps({"u": PLACEHOLDER})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON.filter(lambda value: "${" not in json.dumps(value)))
def test_document_without_placeholder_is_delivered_as_it_is_in_its_shortest_form(value: object) -> None:
    shortest = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for expires_s in (None, 60):
        assert parse_document(json.dumps(value), expires_s).deliver(sign, 0, WHO) == shortest


def test_a_url_is_escaped_as_the_text_around_it() -> None:
    document = parse_document(json.dumps({'"': f'"\\{PLACEHOLDER}\n', "n": [1.0, {}, [], None]}), 60)
    for url in ("plain", 'with "quotes"', "again"):
        assert json.loads(document.deliver(lambda *_, url=url: url, 0, WHO)) == {
            '"': f'"\\{url}\n',
            "n": [1.0, {}, [], None],
        }


@given(text=st.text() | JSON.map(json.dumps))
def test_any_text_is_a_document_or_refused(text: str) -> None:
    with contextlib.suppress(JobError):
        parse_document(text, 60).deliver(sign, 0, WHO)
