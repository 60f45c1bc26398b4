"""The three ways to upgrade firmware. What differs between them is said here and nowhere else.

A method says how many addresses it takes, which packages it applies, how those are made, and what a device does with
the addresses. What a family has is data (`Site.methods`). Rules: what a device refuses, it refuses before it asks the
network for a byte, when the addresses tell; else when the first 2 KiB of a package tell, before it writes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sim.errors import PackageError
from sim.kernel.clock import Story
from sim.pack.build import Layout, build_diff, build_full, build_mini_pair, fitting
from sim.pack.codes import PackageCode
from sim.pack.container import SECTOR_BYTES, Kind
from sim.pack.firmware import Firmware
from sim.pack.signing import DEVELOPMENT_KEY
from sim.update.download import HTTP_NO_URL, HTTP_URL
from sim.update.firmware import download_firmware
from sim.update.mini_request import request_minimal
from sim.update.site import Site, UpdateFailed

MINI_SUFFIXES = (".mini_1", ".mini_2")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a package maker must know of a family. `layout`: every image's partition; `mini`: which of them is the mini
    system's, empty for none; `block_sectors` of differential packages; `*_bytes` the room there is (None: no matter);
    `key` signs."""

    layout: Layout
    mini: str
    block_sectors: int
    scratch_bytes: int
    staging_bytes: int | None
    key: Ed25519PrivateKey = DEVELOPMENT_KEY


class Method(Protocol):
    """One way to upgrade. `kinds`: the packages that it stages; `suffixes`: how its packages' names must end, one an
    address; `calls_back`: whether a script hears how it goes."""

    name: str
    kinds: frozenset[Kind]
    suffixes: tuple[str, ...]
    calls_back: bool

    def make(self, old: Firmware | None, new: Firmware, recipe: Recipe) -> tuple[bytes, ...]:
        """The packages, one an address. PackageError, with the missing bytes, when they do not fit the family."""

    def begin(self, site: Site, urls: Sequence[str], progress: Callable[[int], None]) -> Story:
        """The story of all that is done before the device restarts. Raises UpdateFailed; then nothing changed."""


class Full:
    """Any version to the new one: every block is in the package, which is staged whole."""

    name = "full"
    kinds = frozenset({Kind.FULL})
    suffixes: tuple[str, ...] = ("",)
    calls_back = True

    def make(self, old: Firmware | None, new: Firmware, recipe: Recipe) -> tuple[bytes, ...]:  # noqa: ARG002
        return (build_full(new, recipe.layout, key=recipe.key, staging_bytes=recipe.staging_bytes),)

    def begin(self, site: Site, urls: Sequence[str], progress: Callable[[int], None]) -> Story:
        return download_firmware(site, urls[0], progress, staged_kinds(site))


class Differential:
    """One version to another one: the package holds what differs, and is staged whole."""

    name = "differential"
    kinds = frozenset({Kind.DIFF_STAGED, Kind.DIFF_INPLACE})
    suffixes: tuple[str, ...] = ("",)
    calls_back = True

    def make(self, old: Firmware | None, new: Firmware, recipe: Recipe) -> tuple[bytes, ...]:
        _check_scratch(recipe)
        package = build_diff(_base(old), new, recipe.layout, block_sectors=recipe.block_sectors, key=recipe.key)
        return (fitting(package, recipe.staging_bytes),)

    def begin(self, site: Site, urls: Sequence[str], progress: Callable[[int], None]) -> Story:
        return download_firmware(site, urls[0], progress, staged_kinds(site))


class Minimal:
    """One version to another one, with room for neither: the mini system turns itself, then writes the big system
    while it downloads it. No application runs in between."""

    name = "minimal"
    kinds = frozenset({Kind.MINI_SYSTEM})
    suffixes: tuple[str, ...] = MINI_SUFFIXES
    calls_back = False

    def make(self, old: Firmware | None, new: Firmware, recipe: Recipe) -> tuple[bytes, ...]:
        _check_scratch(recipe)
        first, second = build_mini_pair(
            _base(old), new, recipe.layout, recipe.mini, block_sectors=recipe.block_sectors, key=recipe.key
        )
        return fitting(first, recipe.staging_bytes), second

    def begin(self, site: Site, urls: Sequence[str], progress: Callable[[int], None]) -> Story:  # noqa: ARG002
        return request_minimal(site, urls)


_ALL: tuple[Method, ...] = (Full(), Differential(), Minimal())
METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}


def install(site: Site, urls: Sequence[str], progress: Callable[[int], None]) -> Story:
    """The story of all of an upgrade that comes before the restart, which is the caller's. Raises UpdateFailed, at once
    if the addresses tell: nothing changed.

    `progress` gets whole percent of what is downloaded before the restart.
    """
    return choose(site, urls).begin(site, urls, progress)


def choose(site: Site, urls: Sequence[str]) -> Method:
    """The method that these addresses mean on this device, or UpdateFailed in the same instant.

    Where full and differential packages both are taken, the package's header decides which one it is.
    """
    limits = site.methods
    fitting = [method for name, method in METHODS.items() if name in limits and len(method.suffixes) == len(urls)]
    if not fitting:
        has = " and ".join(sorted(limits))
        code = HTTP_NO_URL if len(urls) < min(len(METHODS[name].suffixes) for name in limits) else HTTP_URL
        raise UpdateFailed(code, f"{len(urls)} URL given, but this family takes {has} upgrades only")
    method = fitting[0]
    limit = limits[method.name]
    longest = max(map(len, urls))
    if limit is not None and longest > limit:
        raise UpdateFailed(HTTP_URL, f"a URL has {longest} characters; {method.name} upgrades take {limit} here")
    _check_names(method, urls)
    return method


def staged_kinds(site: Site) -> frozenset[Kind]:
    """The packages that this device stages whole and applies at boot."""
    return _staged_kinds(tuple(site.methods))


@cache
def _staged_kinds(names: tuple[str, ...]) -> frozenset[Kind]:
    return frozenset().union(*[METHODS[name].kinds for name in sorted(names) if len(METHODS[name].suffixes) == 1])


def _check_names(method: Method, urls: Sequence[str]) -> None:
    """A pair belongs together by its names: one base, and the suffix that tells which half it is."""
    if len(urls) == 1:
        if not urls[0]:
            raise UpdateFailed(HTTP_NO_URL, "no URL given")
        return
    names = [urlsplit(url).path.rpartition("/")[2] for url in urls]
    bases = {name.removesuffix(suffix) for name, suffix in zip(names, method.suffixes, strict=True)}
    if len(bases) != 1 or any(not name.endswith(end) for name, end in zip(names, method.suffixes, strict=True)):
        wanted = " and ".join(f"NAME{suffix}" for suffix in method.suffixes)
        raise UpdateFailed(HTTP_URL, f"the files are called {' and '.join(names)}; they must be {wanted}")


def _base(old: Firmware | None) -> Firmware:
    if old is None:
        raise PackageError(PackageCode.VERSION_MISMATCH, "this method needs the version that the devices run now")
    return old


def _check_scratch(recipe: Recipe) -> None:
    missing = recipe.block_sectors * SECTOR_BYTES - recipe.scratch_bytes
    if missing > 0:
        raise PackageError(PackageCode.NO_SPACE, f"a block exceeds the scratch area by {missing} B")
