"""What jobs bring to devices: firmware packages and application files, with the job document that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.device.catalogue import load_model
from sim.device.model import ModelSpec
from sim.errors import SpecError
from sim.scenario.packages import build
from sim.update.methods import METHODS

if TYPE_CHECKING:
    from sim.rig.device import Device

APP_VERSION = "2.0"
"""Of application files that nobody gives another one."""


SIGNED_URL_CHARS = 1600
"""A presigned URL has about 1,500 characters, of an assumed role's session token for the most part."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package: the `name` that the document gives it, its version, the bucket `key`, its content."""

    name: str
    version: str
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Package:
    """Files for one job. `operation` is the document's: FOTA or app_fota. `public`: the module takes no URL as long as
    a signed one, so the files have to be where everybody may read them."""

    operation: str
    files: tuple[PackageFile, ...]
    public: bool = False

    def document(self, urls: Sequence[str]) -> list[dict[str, Any]]:
        """The job document, in the form of the vendor's sample; `urls` are those of the files."""
        files = [
            {"fileName": file.name, "fileVersion": file.version, "fileSource": {"url": url}}
            for file, url in zip(self.files, urls, strict=True)
        ]
        return [{"operation": self.operation, "files": files}]

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(len(file.data) for file in self.files)


class Packages:
    """Makes packages: for `device` unless `model` says otherwise, from the firmware that it has. Paths begin in
    `folder`."""

    def __init__(self, folder: Path, device: Device | None = None) -> None:
        self._folder = folder
        self._device = device

    def diff(self, to: str = "", from_: str = "", model: str = "") -> Package:
        """A differential package; `to` is the next version when it is left out. SpecError when the model takes none."""
        return self._firmware("differential", to, from_, model)

    def full(self, to: str = "", model: str = "") -> Package:
        """A full package."""
        return self._firmware("full", to, "", model)

    def minimal(self, to: str = "", from_: str = "", model: str = "") -> Package:
        """A pair for the mini system."""
        return self._firmware("minimal", to, from_, model)

    def app(self, files: Mapping[str, bytes | str | Path], version: str = APP_VERSION) -> Package:
        """Application files: path on the device → content, or the path of a file here."""
        if not files:
            raise SpecError("a package of no files changes nothing")
        made = []
        for name, content in files.items():
            data = content if isinstance(content, bytes) else self._read(content)
            made.append(PackageFile(name, version, f"{version}/{name.strip('/')}", data))
        return Package("app_fota", tuple(made))

    def _firmware(self, method: str, to: str, base: str, variant: str) -> Package:
        if not variant and self._device is None:
            raise SpecError("a firmware package is for a model: name one with model=")
        model = load_model(variant or str(self._device.model if self._device else ""))
        base = base or (self._device.firmware or "" if self._device else "") or model.example_version
        to = to or next_version(model, base)
        if method not in model.methods and (method != "minimal" or model.mini is None):
            raise SpecError(
                f"{model.variant} does not take {method} upgrades, only {' and '.join(sorted(model.methods))}"
            )
        for version in (base, to):
            if not model.owns_version(version):
                raise SpecError(f"{version!r} is no firmware of {model.variant}; one would be {model.example_version}")
        parts = build(model.variant, method, None if method == "full" else base, to)
        suffixes = METHODS[method].suffixes
        stem = f"{model.variant}_{to}" if method == "full" else f"{base}-{to}"
        keys = [f"{stem}{suffix if suffix.startswith('.') else '.pack'}" for suffix in suffixes]
        made = [PackageFile(key, to, key, data) for key, data in zip(keys, parts, strict=True)]
        limit = model.mini.url_limit_chars if method == "minimal" and model.mini else model.fota.url_limit_chars
        return Package("FOTA", tuple(made), public=limit is not None and limit < SIGNED_URL_CHARS)

    def _read(self, path: str | Path) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except OSError as error:
            raise SpecError(f"{self._folder / path} cannot be read: {error.strerror}") from None


def next_version(model: ModelSpec, version: str) -> str:
    """The version that comes after this one: its last number that may differ, one higher."""
    for end in range(len(version), 0, -1):
        start = end
        while start and version[start - 1].isdigit():
            start -= 1
        if start == end or (end < len(version) and version[end].isdigit()):
            continue
        digits = version[start:end]
        made = f"{version[:start]}{int(digits) + 1:0{len(digits)}}{version[end:]}"
        if len(made) == len(version) and model.owns_version(made):
            return made
    raise SpecError(f"no version follows {version!r}; name one with to=")
