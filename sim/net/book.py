"""Who is where in the emulated world: names, their addresses, and who listens there. The same on every transport.

Names of peers are given; names under amazonaws.com all lead to the embedded cloud; nothing else resolves. Addresses
are those of RFC 2544, which lead nowhere in the real world: peers in 198.18.0.0/16, the cloud in 198.19.0.0/16.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Generic, TypeVar

from sim.net.url import leads_to_cloud
from sim.ports import Address, is_address

PEERS = ipaddress.IPv4Network("198.18.0.0/16")
CLOUD = ipaddress.IPv4Network("198.19.0.0/16")
CLOUD_IP = str(CLOUD.network_address)
"""What every address of the cloud stands for, and what the cloud listens on."""

EPHEMERAL = 49_152
"""First port that a connection or an unbound socket comes from (RFC 6335)."""

T = TypeVar("T")


class Book(Generic[T]):
    """Names, and what is registered under an address."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._places: dict[Address, T] = {}
        self.on_missing: Callable[[Address], object] | None = None
        """Told of addresses that were looked for and that nobody has."""

    def name(self, host: str) -> str:
        """The address of a peer's name, the next free one if it has none; an address is its own name."""
        if is_address(host):
            return host
        return self._names.setdefault(host.lower(), str(PEERS[len(self._names) + 1]))

    def resolve(self, host: str) -> str | None:
        """The address behind a name, or None."""
        if is_address(host):
            return host
        if host.lower() in self._names:
            return self._names[host.lower()]
        if not leads_to_cloud(host):
            return None
        digest = blake2b(host.lower().encode(), digest_size=2).digest()
        return str(CLOUD[int.from_bytes(digest, "big")])

    def answers(self, ip: str) -> bool:
        """Whether there is a computer at this address: a named one, the cloud, or one that somebody listens on."""
        named = ip in self._names.values() or any(at.ip == ip for at in self._places)
        return named or _whole_cloud(Address(ip, 0)).ip == CLOUD_IP

    def enter(self, at: Address, place: T) -> bool:
        """Register; False when somebody is there."""
        if at in self._places:
            return False
        self._places[at] = place
        return True

    def leave(self, at: Address, place: T) -> None:
        """Take the registration back."""
        if self._places.get(at) is place:
            del self._places[at]

    def find(self, to: Address) -> T | None:
        """What is registered there."""
        found = self._places.get(_whole_cloud(to))
        if found is None and self.on_missing is not None:
            self.on_missing(to)
        return found

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._places.values()))


def _whole_cloud(to: Address) -> Address:
    return Address(CLOUD_IP, to.port) if is_address(to.ip) and ipaddress.IPv4Address(to.ip) in CLOUD else to
