"""Artifact storage: the part of Amazon S3 that packages, documents and upgrades touch.

Values in, values out: no socket and no clock, each call brings the time. Signatures are real SigV4, checked in full,
so a device that mangles a URL fails here as it fails at S3. What devices get is signed with the pair of an assumed
role: it comes from a constant and is no secret, and its session token is as long as a real one, because a device
whose URL buffer is too small must fail here too. Any request gets an answer, none raises, and a refused one changes
nothing. What S3 has and this has not is answered 501.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from collections.abc import Hashable, Mapping
from functools import partial
from hashlib import blake2b
from urllib.parse import quote

from sim.cloud import sigv4
from sim.cloud.artifact_faults import ArtifactFault, spoil
from sim.cloud.presigned import Address, Form, form_of
from sim.cloud.s3 import listing, multipart, objects
from sim.cloud.s3.auth import Gate, Seal
from sim.cloud.s3.body import payload
from sim.cloud.s3.buckets import Buckets, Stored, check_key, etag_of
from sim.cloud.s3.fault import Fault, bad_request, element, leaf, not_implemented
from sim.cloud.s3.objects import Answer
from sim.cloud.s3.request import S3Request, http_date, take_apart
from sim.cloud.sigv4 import Credentials, Scope
from sim.errors import SpecError
from sim.kernel.bounded import keep
from sim.kernel.clock import EPOCH_S
from sim.ports import Foreseen, HttpRequest, HttpResponse
from sim.records import record

DEFAULT_REGION = "us-west-2"

_TOKEN_BYTES = 780  # with its base64 and percent encoding: URLs of about 1.4 kB, as assumed roles give
_FOREIGN = (
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "website",
)
"""Sub-resources of S3 that are not emulated."""
_FOREIGN_NAMES = frozenset(name.encode() for name in _FOREIGN)


DEVICE_HEADERS = 2
"""Host and Range: a request with more may get something else."""
FORESEEN_KEPT = 512
"""Answers, of 32 KiB that they share with the flash of those who got them; and URLs that were proved."""


@record
class _Proved:
    """A presigned URL that was found good, and what it leads to. Called with a second: whether it will be good then,
    and give what it gives now."""

    store: ArtifactStore
    revision: int
    from_s: int
    until_s: int
    about: Hashable

    def __call__(self, now_s: int) -> bool:
        same = self.revision == self.store.buckets.revision and not self.store.faults
        return same and self.from_s <= now_s <= self.until_s


class ArtifactStore:
    """Buckets and objects of one region. Two stores with the same `seed` sign alike.

    `public` names the buckets whose objects anybody may read without a signature; `faults` is what the server does
    wrong with objects it has. `site`, as in `http://127.0.0.1:7800`, is where URLs lead, in path style; "": to the
    names of Amazon, which only emulated devices can resolve to this cloud.
    """

    def __init__(self, region: str = DEFAULT_REGION, seed: int = 0) -> None:
        self.region = region
        self.public: frozenset[str] = frozenset()
        self.faults: tuple[ArtifactFault, ...] = ()
        self.site = ""
        self.buckets = Buckets()
        self._proved: dict[str, _Proved] = {}
        self._foreseen: dict[tuple[Hashable, str], tuple[int, HttpResponse]] = {}
        self._forms: dict[Hashable, Form] = {}
        access_key = "ASIA" + b32encode(_material(seed, "access key", 10)).decode()
        secret = b64encode(_material(seed, "secret", 30)).decode()
        # The first characters of every real token; the rest is opaque there as here.
        token = "IQoJb3JpZ2luX2VjE" + b64encode(_material(seed, "token", _TOKEN_BYTES)).decode()
        self.signer = Credentials(access_key, secret, token)
        self._gate = Gate(region, self.signer, sigv4.OPERATOR)

    def __getstate__(self) -> dict[str, object]:
        """Without the faults, which are for whoever runs it to bring, and what can be found again."""
        return {**self.__dict__, "faults": (), "_proved": {}, "_foreseen": {}, "_forms": {}}

    def use_operator(self, operator: Credentials) -> None:
        """The lasting pair that counts from now on."""
        self._gate = Gate(self.region, self.signer, operator)

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        content_type: str = objects.DEFAULT_TYPE,
        modified_s: int = EPOCH_S,
    ) -> None:
        """Store or replace an object; the bucket appears with its first object. `modified_s`: epoch seconds.

        Raises SpecError for a bucket or key name S3 does not allow.
        """
        made = Stored(key, data, etag_of(data), modified_s, {"content-type": content_type})
        try:
            check_key(key)
            home = self.buckets.by_name.get(bucket) or self.buckets.create(bucket, modified_s)
            self.buckets.store(home, made)
        except Fault as fault:
            raise SpecError(f"{bucket!r}/{key[:40]!r} cannot be stored: {fault.message}") from None

    def get(self, bucket: str, key: str, version: str | None = None) -> bytes | None:
        """The content of an object, None when there is none."""
        try:
            stored = self.buckets[bucket].find(key, version)
        except Fault:
            return None
        return None if stored.marker else stored.data

    def presign(
        self, bucket: str, key: str, expires_s: int, now_s: int, *, version: str | None = None, method: str = "GET"
    ) -> str:
        """A URL that may be used from `now_s` for `expires_s`. The object need not exist (as at S3)."""
        stamp = sigv4.amz_date(now_s)
        asked = (stamp[:8], self.site, bucket, key, expires_s, version, method)
        form = self._forms.get(asked)
        if form is None:
            scope = Scope(stamp[:8], self.region, "s3")
            form = form_of(self.signer, scope, method, self._address(bucket, key), expires_s, version)
            keep(self._forms, asked, form, FORESEEN_KEPT)
        url = form.signed(self.signer.secret, stamp)
        if method == "GET":
            self._prove(url, form.about, now_s, now_s + expires_s)
        return url

    def _address(self, bucket: str, key: str) -> Address:
        """Where those find an object who get a URL."""
        if not self.site:
            return "https", f"{bucket}.s3.{self.region}.amazonaws.com", quote(f"/{key}")
        scheme, _, host = self.site.partition("://")
        return scheme, host, quote(f"/{bucket}/{key}")

    def foreseen(self, request: HttpRequest, now_s: int) -> Foreseen | None:
        """What `foresee` says, if it was said before.

        A fleet asks for the same few ranges of the same few objects: what was said to one URL that was proved is said
        to every other, for as long as that one is good, with the time and the ids of the first answer, which no device
        looks at.
        """
        proved = self._proved.get(request.url)
        if proved is None or len(request.headers) != DEVICE_HEADERS or not proved(now_s):
            return None
        known = self._foreseen.get((proved.about, request.headers.get("Range", "")))
        if known is None or known[0] != self.buckets.revision:
            return None
        return Foreseen(known[1], proved, (known[0], proved.about))

    def foresee(self, request: HttpRequest, now_s: int) -> Foreseen:
        """What `respond` says to a device at a later second, when nobody changes objects until then."""
        if (known := self.foreseen(request, now_s)) is not None:
            return known
        answer = self.respond(request, now_s)
        read = answer.status == 206 and len(request.headers) == DEVICE_HEADERS
        asked = take_apart(request, now_s) if read else None
        until_s = None if asked is None else self._gate.good_until_s(asked)
        if asked is None or until_s is None:
            return Foreseen(answer, _never)
        about = (asked.host, asked.path, *[pair for pair in asked.query if not pair[0].startswith(b"X-Amz-")])
        proved = self._prove(request.url, about, now_s, until_s)
        asked_for = proved.about, request.headers.get("Range", "")
        keep(self._foreseen, asked_for, (self.buckets.revision, answer), FORESEEN_KEPT)
        return Foreseen(answer, proved, (self.buckets.revision, proved.about))

    def _prove(self, url: str, about: Hashable, from_s: int, until_s: int) -> _Proved:
        """Keep that a presigned URL is good for so long: it was checked, or was made here."""
        proved = _Proved(self, self.buckets.revision, from_s, until_s, about)
        keep(self._proved, url, proved, FORESEEN_KEPT)
        return proved

    def respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """The answer S3 gives at `now_s`, epoch seconds."""
        common, asked = _common_headers(request, now_s), None
        try:
            asked = take_apart(request, now_s)
            answer = self._perform(asked)
        except Fault as fault:
            body = fault.xml(common["x-amz-request-id"], common["x-amz-id-2"])
            answer = Answer(fault.status, {"Content-Type": "application/xml"}, body)
        headers = {**common, **answer.headers}
        if answer.status not in (204, 304):
            headers["Content-Length"] = str(len(answer.body))
        response = HttpResponse(answer.status, headers, b"" if request.method.upper() == "HEAD" else answer.body)
        if asked is None or not self.faults:
            return response
        return spoil(self.faults, asked, response, partial(self._whole, asked))

    def _whole(self, request: S3Request) -> bytes:
        return self.get(request.bucket, request.key, request.parameter("versionId")) or b""

    def _perform(self, request: S3Request) -> Answer:
        seal = self._authenticate(request)
        if not _FOREIGN_NAMES.isdisjoint(request.names):
            name = next(name for name in _FOREIGN if request.has(name))
            raise not_implemented(f"the S3 sub-resource ?{name}")
        if request.key:
            return self._on_object(request, seal)
        return self._on_bucket(request, seal) if request.bucket else self._on_service(request)

    def _authenticate(self, request: S3Request) -> Seal | None:
        anonymous = "authorization" not in request.headers and not request.has("X-Amz-Signature")
        if anonymous and request.method in ("GET", "HEAD") and request.key and request.bucket in self.public:
            return None
        return self._gate.sealed(request)

    def _on_service(self, request: S3Request) -> Answer:
        if request.method != "GET":
            raise _not_allowed(request)
        return listing.buckets(self.buckets)

    def _on_bucket(self, request: S3Request, seal: Seal | None) -> Answer:
        if request.method == "PUT" and not request.has("versioning"):
            return self._create_bucket(request, seal)
        bucket = self.buckets[request.bucket]
        match request.method:
            case "HEAD":
                return Answer(200, {"x-amz-bucket-region": self.region})
            case "DELETE":
                self.buckets.delete(bucket.name)
                return Answer(204, {})
            case "PUT":
                bucket.versioning = _versioning(payload(request, seal)[0])
                return Answer(200, {})
            case "POST" if request.has("delete"):
                return self._delete_objects(request, seal)
            case "GET":
                return self._list(request)
        raise _not_allowed(request)

    def _list(self, request: S3Request) -> Answer:
        bucket = self.buckets[request.bucket]
        if request.has("location"):
            return objects.xml(200, "LocationConstraint", [self.region])
        if request.has("versioning"):
            state = [leaf("Status", bucket.versioning)] if bucket.versioning else []
            return objects.xml(200, "VersioningConfiguration", state)
        if request.has("versions"):
            return listing.versions(bucket, request)
        if request.has("uploads"):
            return listing.uploads(bucket, request)
        return (listing.objects_v2 if request.parameter("list-type") == "2" else listing.objects_v1)(bucket, request)

    def _create_bucket(self, request: S3Request, seal: Seal | None) -> Answer:
        body = payload(request, seal)[0]
        wanted = multipart.parse_xml(body).findtext("LocationConstraint") if body.strip() else None
        if wanted not in (None, self.region):
            message = f"The specified location constraint is not valid: this cloud is {self.region}"
            raise bad_request("InvalidLocationConstraint", message)
        self.buckets.create(request.bucket, request.now_s)
        return Answer(200, {"Location": f"/{request.bucket}"})

    def _delete_objects(self, request: S3Request, seal: Seal | None) -> Answer:
        root = multipart.parse_xml(payload(request, seal)[0])
        named = [(node.findtext("Key") or "", node.findtext("VersionId")) for node in root.iter("Object")]
        if not 1 <= len(named) <= multipart.DELETE_MAX:
            raise bad_request("MalformedXML", f"1 to {multipart.DELETE_MAX} objects can be deleted at once")
        for key, _ in named:
            check_key(key)
        rows = []
        for key, version in named:
            self.buckets.delete_object(self.buckets[request.bucket], key, version, request.now_s)
            row = [leaf("Key", key), *([leaf("VersionId", version)] if version else [])]
            rows.append(element("Deleted", row))
        return objects.xml(200, "DeleteResult", [] if root.findtext("Quiet") == "true" else rows)

    def _on_object(self, request: S3Request, seal: Seal | None) -> Answer:
        bucket = self.buckets[request.bucket]
        match request.method:
            case "GET" if request.has("uploadId"):
                return listing.parts(bucket, request, multipart.find(bucket, request))
            case "GET" | "HEAD":
                return objects.read(bucket, request)
            case "PUT" if request.has("uploadId") and "x-amz-copy-source" not in request.headers:
                return multipart.upload_part(bucket, request, payload(request, seal))
            case "PUT" if "x-amz-copy-source" in request.headers:
                if request.has("uploadId"):
                    raise not_implemented("UploadPartCopy")
                return objects.copy(self.buckets, bucket, request)
            case "PUT":
                return objects.put(self.buckets, bucket, request, payload(request, seal))
            case "POST" if request.has("uploads"):
                return multipart.begin(self.buckets, bucket, request)
            case "POST" if request.has("uploadId"):
                payload(request, seal)
                return multipart.complete(self.buckets, bucket, request)
            case "DELETE" if request.has("uploadId"):
                return multipart.abort(bucket, request)
            case "DELETE":
                return objects.delete(self.buckets, bucket, request)
        raise _not_allowed(request)


def _never(_now_s: int) -> bool:
    return False


def _versioning(body: bytes) -> str:
    status = multipart.parse_xml(body).findtext("Status") or ""
    if status not in ("Enabled", "Suspended"):
        raise bad_request("MalformedXML", "Status must be Enabled or Suspended")
    return status


def _not_allowed(request: S3Request) -> Fault:
    message = "The specified method is not allowed against this resource."
    return Fault(405, "MethodNotAllowed", message, {"Method": request.method})


def _common_headers(request: HttpRequest, now_s: int) -> Mapping[str, str]:
    """Headers of every answer. The ids come from the request and the time, not from a counter, so runs repeat."""
    seen = "\n".join([request.method, request.url, *map(str, request.headers.items()), str(now_s)])
    unique = blake2b(seen.encode(errors="surrogatepass"), digest_size=64).digest()
    return {
        "x-amz-id-2": b64encode(unique[:56]).decode(),
        "x-amz-request-id": b32encode(unique[54:]).decode(),
        "Date": http_date(now_s),
        "Server": "AmazonS3",
    }


def _material(seed: int, purpose: str, size_bytes: int) -> bytes:
    """Bytes of a made-up credential: the same on every machine, and public."""
    blocks = (
        blake2b(f"qpyota artifacts\x1f{seed}\x1f{purpose}\x1f{block}".encode()).digest()
        for block in range(size_bytes // 64 + 1)
    )
    return b"".join(blocks)[:size_bytes]
