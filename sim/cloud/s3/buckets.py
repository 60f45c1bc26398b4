"""What S3 keeps: buckets, objects with their versions, uploads in parts. Records only; nobody is asked for a signature.

An object's versions are kept oldest first; without versioning there is one, called "null". Ids come from counters,
never from chance, so that runs repeat. Every name is checked here, so that whatever is stored can be listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b, md5

from sim.cloud.s3.fault import Fault, bad_request

KEY_MAX_BYTES = 1024
"""Longest object key (Amazon S3 user guide)."""
NULL_VERSION = "null"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object, or the marker that it was deleted. `headers`: what a reader gets back, as given."""

    key: str
    data: bytes = field(repr=False)
    etag: str
    modified_s: int
    headers: Mapping[str, str]
    version: str = NULL_VERSION
    marker: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an upload."""

    number: int
    data: bytes = field(repr=False)
    etag: str
    modified_s: int


@dataclass(slots=True)
class Upload:
    """An upload in parts, begun and not yet completed."""

    upload_id: str
    key: str
    headers: Mapping[str, str]
    begun_s: int
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """`versioning` is "", "Enabled" or "Suspended"."""

    name: str
    created_s: int
    versioning: str = ""
    objects: dict[str, list[Stored]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def latest(self, key: str) -> Stored | None:
        """The object as readers see it; None when there is none or it was deleted."""
        versions = self.objects.get(key)
        return None if not versions or versions[-1].marker else versions[-1]

    def find(self, key: str, version: str | None) -> Stored:
        """One version, the newest for None. A Fault when there is none."""
        versions = self.objects.get(key, [])
        if version is None:
            if versions and not versions[-1].marker:
                return versions[-1]
            marked = {"x-amz-delete-marker": "true"} if versions else {}
            raise Fault(404, "NoSuchKey", "The specified key does not exist.", {"Key": key, **marked})
        for stored in versions:
            if stored.version == version:
                return stored
        message = "The specified version does not exist."
        raise Fault(404, "NoSuchVersion", message, {"Key": key, "VersionId": version})

    def keys(self) -> list[str]:
        """Keys of what readers see, in the order of their UTF-8 bytes."""
        return sorted((key for key in self.objects if self.latest(key)), key=str.encode)


class Buckets:
    """All buckets of an account, and the counter their ids come from. `revision` grows with every change of content."""

    revision = 0

    def __init__(self) -> None:
        self.by_name: dict[str, Bucket] = {}
        self._ids = 0

    def __iter__(self) -> Iterator[Bucket]:
        return iter(sorted(self.by_name.values(), key=lambda bucket: bucket.name))

    def __getitem__(self, name: str) -> Bucket:
        bucket = self.by_name.get(name)
        if bucket is None:
            raise Fault(404, "NoSuchBucket", "The specified bucket does not exist", {"BucketName": name})
        return bucket

    def create(self, name: str, now_s: int) -> Bucket:
        """A new bucket; a Fault for a bad name, or one that is there."""
        if not _BUCKET.fullmatch(name) or ".." in name:
            raise Fault(400, "InvalidBucketName", "The specified bucket is not valid.", {"BucketName": name})
        if name in self.by_name:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise Fault(409, "BucketAlreadyOwnedByYou", message, {"BucketName": name})
        self.by_name[name] = bucket = Bucket(name, now_s)
        return bucket

    def delete(self, name: str) -> None:
        """Remove an empty bucket. Uploads that were begun go with it, as at S3."""
        if self[name].objects:
            message = "The bucket you tried to delete is not empty"
            raise Fault(409, "BucketNotEmpty", message, {"BucketName": name})
        del self.by_name[name]

    def store(self, bucket: Bucket, made: Stored) -> Stored:
        """Put a new version, or the marker of a deletion, on top; the record with the version it got."""
        check_key(made.key)
        self.revision += 1
        versions = bucket.objects.get(made.key, [])
        if bucket.versioning == "Enabled":
            kept = Stored(made.key, made.data, made.etag, made.modified_s, made.headers, self.new_id(), made.marker)
            bucket.objects[made.key] = [*versions, kept]
            return kept
        bucket.objects[made.key] = [it for it in versions if it.version != NULL_VERSION] + [made]
        return made

    def delete_object(self, bucket: Bucket, key: str, version: str | None, now_s: int) -> Stored | None:
        """Remove a version, or hide the object behind a marker where versions are kept. What was removed or put."""
        versions = bucket.objects.get(key, [])
        if version is None and bucket.versioning:
            return self.store(bucket, Stored(key, b"", "", now_s, {}, marker=True))
        self.revision += 1
        gone = [it for it in versions if it.version == (version or NULL_VERSION)]
        left = [it for it in versions if it not in gone]
        if left:
            bucket.objects[key] = left
        else:
            bucket.objects.pop(key, None)
        return gone[0] if gone else None

    def new_id(self) -> str:
        """An id of 32 characters that was never given before."""
        self._ids += 1
        return blake2b(f"qpyota id\x1f{self._ids}".encode(), digest_size=16).hexdigest()


def check_key(key: str) -> None:
    """A Fault unless S3 could store this key."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise bad_request("InvalidArgument", "The key is not UTF-8") from None
    if length == 0:
        raise bad_request("InvalidArgument", "The key is empty")
    if length > KEY_MAX_BYTES:
        raise Fault(400, "KeyTooLongError", "Your key is too long", {"Size": str(length)})


def etag_of(data: bytes) -> str:
    """The tag of an object that was put in one piece."""
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'
