"""Values of a scenario as people write them: quantities, names, paths, addresses, job documents.

Every quantity has its unit in the text and in the field's name. Paths are relative to the scenario file, and are
absolute once validated. A value that is wrong raises ValueError, which says how to write it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema
from pydantic.alias_generators import to_camel

from sim.units import (
    parse_duration_us,
    parse_metres,
    parse_millivolts,
    parse_rate_bytes_per_s,
    parse_share,
    parse_size_bytes,
)

DOCUMENT_CHARS = 32_768  # AWS IoT Jobs limit of a job document
NAME_PATTERN = r"[a-zA-Z0-9:_-]{1,128}"  # AWS thing names
BUCKET_PATTERN = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"  # S3 bucket names
JOB_PATTERN = r"[a-zA-Z0-9_-]{1,64}"  # AWS job ids
_BUCKET_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-][a-z0-9-]+\.amazonaws\.com")
_PATH_HOST = re.compile(r"s3[.-][a-z0-9-]+\.amazonaws\.com")


_N = TypeVar("_N", int, float)


class S3Object(NamedTuple):
    """One object of the embedded artifact server."""

    bucket: str
    key: str


def parse_s3_url(url: str) -> S3Object:
    """`https://BUCKET.s3.REGION.amazonaws.com/KEY`, or the path form → bucket and key; else ValueError."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    host = parts.hostname or ""
    if parts.scheme == "https" and path:
        if _PATH_HOST.fullmatch(host) and "/" in path:
            bucket, key = path.split("/", 1)
            return S3Object(bucket, key)
        if match := _BUCKET_HOST.fullmatch(host):
            return S3Object(match["bucket"], path)
    raise ValueError(f"{url!r} is not an S3 URL like https://BUCKET.s3.REGION.amazonaws.com/KEY")


def _existing(path: object, info: ValidationInfo) -> Path:
    """The absolute path, taken from the scenario's folder."""
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"{path!r} is not a path")
    base: Path = info.context["source"].parent if info.context else Path()
    found = (base / path).resolve()
    if not found.exists():
        raise ValueError(f"there is no {path!r} beside the scenario, in {base}")
    return found


def parse_file(path: object, info: ValidationInfo) -> Path:
    """The absolute path of a file that exists."""
    found = _existing(path, info)
    if not found.is_file():
        raise ValueError(f"{path!r} is not a file")
    return found


def _folder(path: object, info: ValidationInfo) -> Path:
    found = _existing(path, info)
    if not found.is_dir():
        raise ValueError(f"{path!r} is not a folder")
    return found


def more_than_nothing(value: int) -> int:
    """A check that a quantity is not 0."""
    if not value:
        raise ValueError("this must be more than 0")
    return value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def matching(pattern: str, what: str) -> Callable[[str], str]:
    """A check that text is `what`, because all of it matches."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}: it must match {pattern}")
        return text

    return check


def _document(value: Any) -> str:
    """A job document as JSON text, whether it was written as text or as YAML values."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError as error:
            raise ValueError(f"the job document is not JSON: {error}") from None
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    if len(text) > DOCUMENT_CHARS:
        raise ValueError(f"the job document has {len(text)} characters; AWS allows {DOCUMENT_CHARS}")
    return text


def _hex(value: Any) -> bytes:
    """Bytes as hex digits, blanks between them at will."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text: put hex digits in quotes, e.g. '01 0A'")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise ValueError(f"{value!r} are not bytes in hex, e.g. '01 0A'") from None


def _number(value: Any) -> int:
    """A whole number from 0 on, also as a key (keys are text): `16` or `0x10`."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a whole number")
    try:
        number = int(value, 0) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None
    if number < 0:
        raise ValueError(f"{value!r} is less than 0")
    return number


class LineEnd(NamedTuple):
    """Where a serial port leads to: TCP port `port` of this machine; 0 is a pseudo terminal."""

    port: int


def parse_line_end(text: Any) -> LineEnd:
    """`pty`, or `tcp:PORT`."""
    match = re.fullmatch(r"pty|tcp:(\d{1,5})", str(text))
    if match is None or (match[1] and not 0 < int(match[1]) < 65_536):
        raise ValueError(f"{text!r} is not 'pty' or 'tcp:PORT'")
    return LineEnd(int(match[1] or 0))


def exactly_one(model: BaseModel, *names: str) -> None:
    """ValueError unless one of these fields is given, and only one."""
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        words = [type(model).model_fields[name].alias or name for name in names]
        raise ValueError(f"give exactly one of {', '.join(words)}")


def _duration_range(value: Any) -> tuple[int, int]:
    """`30s`, or `[5s, 90s]` → microseconds from and to."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, list):
        value = [value, value]
    if len(value) != 2:
        raise ValueError("a range is written [least, most], e.g. [5s, 90s]")
    low, high = map(parse_duration_us, value)
    return _ordered(low, high)


def _share_range(value: Any) -> tuple[float, float]:
    """`15%`, or `[15%, 100%]`."""
    if not isinstance(value, list):
        value = [value, value]
    if len(value) != 2:
        raise ValueError("a range is written [least, most], e.g. [15%, 100%]")
    low, high = map(parse_share, value)
    return _ordered(low, high)


def _count_range(value: Any) -> tuple[int, int]:
    """`37`, or `[1, 2560]`: whole numbers from 1 on."""
    if not isinstance(value, list):
        value = [value, value]
    if len(value) != 2 or any(isinstance(one, bool) or not isinstance(one, int) or one < 1 for one in value):
        raise ValueError("this is a whole number from 1 on, or a range of them: [least, most]")
    return _ordered(value[0], value[1])


def _ordered(low: _N, high: _N) -> tuple[_N, _N]:
    if low > high:
        raise ValueError("a range is written [least, most], and its least is more than its most")
    return low, high


def written(units: str) -> Any:
    """How a quantity with one of these units stands in a file, for editors."""
    return WithJsonSchema({"anyOf": [{"type": "string", "pattern": _NUMBER + f"({units})$"}, {"const": 0}]})


def _range(units: str) -> Any:
    one = {"type": "string", "pattern": _NUMBER + f"({units})$"}
    return WithJsonSchema({"anyOf": [one, {"const": 0}, {"type": "array", "minItems": 2, "maxItems": 2}]})


_NUMBER = r"^\s*[0-9]+(\.[0-9]+)?\s*"
_TIMES, _SIZES = "us|ms|s|m|h|d", "B|kB|KB|MB|KiB|MiB|GiB"
_COUNTS = WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]})
TEXT = WithJsonSchema({"type": "string"})
ANYTHING = WithJsonSchema({})
"""What editors are told of a value that only its own check knows."""

DurationUs = Annotated[int, BeforeValidator(parse_duration_us), written(_TIMES)]
DurationRange = Annotated[tuple[int, int], BeforeValidator(_duration_range), _range(_TIMES)]
ShareRange = Annotated[tuple[float, float], BeforeValidator(_share_range), _range("%")]
CountRange = Annotated[tuple[int, int], BeforeValidator(_count_range), _COUNTS]
SizeBytes = Annotated[int, BeforeValidator(parse_size_bytes), written(_SIZES)]
RateBytesPerS = Annotated[int, BeforeValidator(parse_rate_bytes_per_s), written(f"({_SIZES})/s")]
Millivolts = Annotated[int, BeforeValidator(parse_millivolts), written("mV|V")]
Metres = Annotated[float, BeforeValidator(parse_metres), written("m|km")]
HexBytes = Annotated[bytes, BeforeValidator(_hex), TEXT]
Number = Annotated[int, BeforeValidator(_number), WithJsonSchema({"type": ["integer", "string"]})]
Share = Annotated[float, BeforeValidator(parse_share), written("%")]
FilePath = Annotated[Path, BeforeValidator(parse_file), TEXT]
FolderPath = Annotated[Path, BeforeValidator(_folder), TEXT]
ThingName = Annotated[str, AfterValidator(matching(NAME_PATTERN, "a thing name"))]
JobId = Annotated[str, AfterValidator(matching(JOB_PATTERN, "a job id"))]
BucketName = Annotated[str, AfterValidator(matching(BUCKET_PATTERN, "a bucket name"))]
S3Url = Annotated[S3Object, BeforeValidator(parse_s3_url), TEXT]
JobDocument = Annotated[str, BeforeValidator(_document), ANYTHING]
RuntimeName = Literal["greenlet", "micropython"]
Generation = Literal["G21", "G25", "UNI"]
UmqttProfile = Annotated[Literal["current", "2021", "upstream"], BeforeValidator(_text)]


class Spec(BaseModel):
    """Base of all parts of a scenario: frozen, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AwsSpec(Spec):
    """A structure of the AWS IoT API, spelled as there; what AWS checks, sim.jobs checks."""

    model_config = ConfigDict(alias_generator=to_camel)
