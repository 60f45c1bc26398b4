"""The model of a device: everything that differs between module families, as plain values from `models/`.

Nothing in the code may ask for a family's name; it asks the ModelSpec for a figure. Where specs come from:
`sim.device.catalogue`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from sim.boot.bootloader import BootLayout
from sim.device.model_file import (
    ApplyKind,
    Generation,
    LocalUse,
    Method,
)
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import PartitionTable, Region
from sim.records import record

SECURE_SECTORS = 2
"""What `SecureData` needs: all its records fit one sector, and the other one is for the next state of them."""

_PLAINEST = (("[A-Z]{4}", "EUAB"), ("[A-Z]{2}", "EU"), ("[0-9]{2}", "01"), ("[0-9]", "1"), ("Q?", "Q"))
"""Parts of version patterns, and what stands for each in an example."""


@dataclass(frozen=True, slots=True)
class FotaTraits:
    """How `fota` behaves in scripts. `blocking`: httpDownload returns when all is done; `reset_disable` is honoured;
    `reset_delay_us` from success to the reset in G25; `url_limit_chars` None for no limit; `ftp`: such addresses are
    taken; `own_apn`: apn_set and download_cancel are there; `local`: what write, flush and verify do, by generation.
    """

    blocking: bool
    reset_disable: bool
    reset_delay_us: int
    url_limit_chars: int | None
    ftp: bool
    own_apn: bool
    local: Mapping[Generation, LocalUse]


@dataclass(frozen=True, slots=True)
class RadioSpec:
    """The link in good conditions: round trip, its jitter (added, 0 to this), and rates that applications reach.

    Of a named network also `loss`, the share of packets that must be sent again, and `spread`, with which the round
    trip is log-normal around `rtt_us` (air.py). `plain`: it has neither, and all that is drawn is the jitter.
    """

    category: str
    rtt_us: int
    jitter_us: int
    down_bytes_per_s: int
    up_bytes_per_s: int
    loss: float = 0.0
    spread: float = 0.0
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plain", not (self.loss or self.spread))


@dataclass(frozen=True, slots=True)
class Timings:
    """`bootloader_us` start to boot decision; `boot_us` from there to the script's first line; `attach_us` to a data
    call."""

    bootloader_us: int
    boot_us: int
    attach_us: int


@dataclass(frozen=True, slots=True)
class Staging:
    """Where an update is kept until it is applied: journal, scratch and package area, in this order, in `partition`."""

    partition: str
    journal_bytes: int
    scratch_bytes: int
    package_bytes: int


@dataclass(frozen=True, slots=True)
class ApplySpec:
    """How differential packages are made and applied. `staged`: large blocks, each put together in scratch as a whole;
    `in_place`: small ones that take turns in scratch. `block_sectors` is what the package maker needs."""

    kind: ApplyKind
    block_sectors: int


@dataclass(frozen=True, slots=True)
class MiniSpec:
    """The minimal system, which runs instead of the big one while that is replaced.

    `image`: the partition of its image; `request`: the partition that keeps the two URLs over resets; `url_limit_chars`
    of each; `boot_us` from boot decision until it runs; `attach_us` to a data call.
    """

    image: str
    request: str
    url_limit_chars: int
    boot_us: int
    attach_us: int


@dataclass(frozen=True, slots=True)
class TempSpec:
    """A volume for staged application files; `builds` is found in the version of firmware that uses it."""

    partition: str
    builds: str


@record
class Windows:
    """The windows of a model's flash, onto a blank one: the bootloader's, mount point → volume, `SecureData`'s records,
    and the volume for staged application files."""

    boot_layout: BootLayout
    volumes: Mapping[str, Region]
    secure: Region | None = None
    temp: Region | None = None


class Regions:
    """The same windows onto one device's flash, made when somebody asks: most devices of a fleet need few of them."""

    __slots__ = ("_boot_layout", "_nor", "_windows")

    def __init__(self, windows: Windows, nor: Nor) -> None:
        self._windows = windows
        self._nor = nor
        self._boot_layout: BootLayout | None = None

    @property
    def boot_layout(self) -> BootLayout:
        """What the bootloader may touch."""
        if self._boot_layout is None:
            self._boot_layout = self._windows.boot_layout.on(self._nor)
        return self._boot_layout

    @property
    def volumes(self) -> dict[str, Region]:
        """Mount point → volume."""
        return {point: region.on(self._nor) for point, region in self._windows.volumes.items()}

    @property
    def secure(self) -> Region | None:
        """`SecureData`'s records."""
        return self._windows.secure and self._windows.secure.on(self._nor)

    @property
    def temp(self) -> Region | None:
        """The volume for staged application files."""
        return self._windows.temp and self._windows.temp.on(self._nor)


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec:
    """One orderable variant.

    `series`: its row of the support table in the table's own words; `file_systems`: mount point → partition;
    `image_bytes`: image partition, the minimal system's too → size of the synthetic image; `packages`: method → file
    names of a package, `*` stands for any; `secure_data`: partition at whose end `SecureData` keeps its records, None
    where there is none; `lacks`: modules, and names as `module.name`, that scripts do not find, `lacks_2021`: in G21;
    `power_key_press`: programs are told of a pressed key; `version_pattern`: what a whole version string of this
    variant matches; `mqtt_state`: scripts have `get_mqttsta`; `sources`: key in the model file → where the figure
    comes from.
    """

    variant: str
    family: str
    title: str
    row: int
    series: str
    chip: str
    generation: Generation
    part: FlashPart
    partitions: PartitionTable
    file_systems: Mapping[str, str]
    image_bytes: Mapping[str, int]
    staging: Staging
    apply: ApplySpec
    mini: MiniSpec | None
    temp: TempSpec | None
    methods: frozenset[Method]
    packages: Mapping[Method, tuple[str, ...]]
    has_power_down_reason: bool
    lacks: tuple[str, ...]
    lacks_2021: tuple[str, ...]
    power_key_press: bool
    secure_data: str | None
    fota: FotaTraits
    mqtt_state: bool
    mqtt_ping_stack_bytes: int
    timings: Timings
    radio: RadioSpec
    version_pattern: str
    sources: Mapping[str, str]

    @property
    def images(self) -> tuple[str, ...]:
        """Partitions of the big system's images, in order: what must be whole for an application to run."""
        mini = self.mini.image if self.mini else None
        return tuple(name for name in self.image_bytes if name != mini)

    @property
    def image_places(self) -> dict[str, tuple[int, int]]:
        """Partition of each image, the minimal system's too → (offset, size in bytes): the package maker's layout."""
        places = {name: self.partitions[name] for name in self.image_bytes}
        return {name: (place.offset, place.size_bytes) for name, place in places.items()}

    def owns_version(self, version: str) -> bool:
        """Whether this version string is one of this variant's firmware."""
        return re.fullmatch(self.version_pattern, version) is not None

    @property
    def example_version(self) -> str:
        """The plainest version string that is one of this variant's, for devices that nobody names one for."""
        text, before = self.version_pattern, ""
        while text != before:
            before = text
            text = re.sub(r"\([^()]*\)\?", "", text)
            text = re.sub(r"\(([^()|]*)\|[^()]*\)(?!\?)", r"\1", text)
        for pattern, plain in _PLAINEST:
            text = text.replace(pattern, plain)
        return text

    def has_temp(self, version: str) -> bool:
        """Whether firmware of this version has the volume for staged application files."""
        return self.temp is not None and re.search(self.temp.builds, version) is not None

    def regions(self, nor: Nor) -> Regions:
        """The windows onto a flash of this model's part."""
        return Regions(windows_of(self), nor)

    def _windows(self, nor: Nor) -> Windows:
        staged = Region(nor, self.partitions[self.staging.partition])
        journal, scratch = self.staging.journal_bytes, self.staging.scratch_bytes
        layout = BootLayout(
            family=self.family,
            images={name: Region(nor, self.partitions[name]) for name in self.images},
            journal=staged.sub(0, journal),
            scratch=staged.sub(journal, scratch),
            package=staged.sub(journal + scratch, self.staging.package_bytes),
            mini=Region(nor, self.partitions[self.mini.image]) if self.mini else None,
            request=Region(nor, self.partitions[self.mini.request]) if self.mini else None,
        )
        volumes = {point: Region(nor, self.partitions[name]) for point, name in self.file_systems.items()}
        temp = Region(nor, self.partitions[self.temp.partition]) if self.temp else None
        return Windows(layout, volumes, self._secure(nor), temp)

    def _secure(self, nor: Nor) -> Region | None:
        if self.secure_data is None:
            return None
        place, size_bytes = self.partitions[self.secure_data], SECURE_SECTORS * self.part.sector_bytes
        return Region(nor, place, place.size_bytes - size_bytes, size_bytes)


@cache
def url_limits(model: ModelSpec) -> Mapping[str, int | None]:
    """Upgrade methods → characters that a URL may have, None for any number."""
    limits: dict[str, int | None] = dict.fromkeys(sorted(model.methods), model.fota.url_limit_chars)
    if model.mini is not None:
        limits["minimal"] = model.mini.url_limit_chars
    return limits


@cache
def windows_of(model: ModelSpec) -> Windows:
    """The windows onto a blank flash of this model: what is checked, checked once."""
    return model._windows(Nor(model.part))
