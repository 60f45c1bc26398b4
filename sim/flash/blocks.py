"""A region of flash as the littlefs core calls it: its block device and its geometry.

A callback never raises, since C would take that for success: it notes the failure and answers LFS_ERR_IO (a
read, which cannot fail, gives 0xFF). After the first failure flash is not touched again. Whoever made the call
into C looks at `failure` when it has returned, and raises it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from littlefs import lfs

from sim.errors import FlashError
from sim.flash.nor import Nor
from sim.flash.partition import Region

PAGE_BYTES = 256
CACHE_BYTES = 1024  # four pages, as MicroPython's VfsLfs chooses it
LOOKAHEAD_BYTES = 32  # one bit a block: 256 blocks, 1 MiB, in one scan

_IO_ERROR = -5
_CORRUPT = -84


class Blocks:
    """The flash as littlefs calls it. After the first failure it does nothing more."""

    def __init__(self, region: Region) -> None:
        self.failure: BaseException | None = None
        self.use(region)

    def use(self, region: Region) -> None:
        """From now on they are the blocks of this region, which holds the same."""
        self._region = region
        self._first = region.start // region.nor.part.sector_bytes
        self._within = region.nor.read_within if type(region.nor) is Nor else None
        self._block_bytes = region.nor.part.sector_bytes

    def read(self, _config: object, block: int, offset: int, size: int) -> bytes:
        if self.failure is None:
            try:
                if self._within is not None:  # the hottest call of all; littlefs keeps within its blocks
                    return self._within(self._first + block, offset, size)
                return self._region.read(block * self._block_bytes + offset, size)
            except BaseException as failure:  # noqa: BLE001  C cannot be told
                self.failure = failure
        return b"\xff" * size

    def prog(self, _config: object, block: int, offset: int, data: bytes) -> int:
        return self._change(self._region.program, block * self._block_bytes + offset, data)

    def erase(self, _config: object, block: int) -> int:
        return self._change(self._region.erase, block * self._block_bytes)

    def sync(self, _config: object) -> int:
        return 0 if self.failure is None else _IO_ERROR

    def _change(self, command: Callable[..., None], *args: Any) -> int:
        if self.failure is None:
            try:
                command(*args)
            except FlashError:  # cells that were damaged from outside and are not blank: littlefs takes others
                return _CORRUPT
            except BaseException as failure:  # noqa: BLE001  C cannot be told
                self.failure = failure
        return 0 if self.failure is None else _IO_ERROR

    def config(self) -> lfs.LFSConfig:
        """The volume's geometry; C calls this object as long as it lives."""
        return lfs.LFSConfig(
            self,
            block_size=self._block_bytes,
            block_count=self._region.size_bytes // self._block_bytes,
            read_size=PAGE_BYTES,
            prog_size=PAGE_BYTES,
            cache_size=CACHE_BYTES,
            lookahead_size=LOOKAHEAD_BYTES,
        )
