"""Presigned URLs: what is signed, and what is written.

Within one day nothing but the time and the signature differs between the URLs of an object, so both texts are made once
and broken in two at the time. The rules of spelling and signing are those of `sigv4`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sim.cloud import sigv4
from sim.cloud.sigv4 import Canonical, Credentials, Scope

Address = tuple[str, str, str]
"""Scheme, host and path, as they are written."""

_TIME = "X-Amz-Date="


@dataclass(frozen=True, slots=True)
class Form:
    """URLs of one day but for the time and the signature. `about`: what they lead to, whoever signs."""

    scope: Scope
    canonical: tuple[str, str]
    url: tuple[str, str]
    about: Hashable

    def signed(self, secret: str, stamp: str) -> str:
        """The URL that is good from this time on, of the scope's day."""
        signature = sigv4.signature(secret, self.scope, stamp, stamp.join(self.canonical))
        return f"{stamp.join(self.url)}&X-Amz-Signature={signature}"


def form_of(
    signer: Credentials, scope: Scope, method: str, address: Address, expires_s: int, version: str | None
) -> Form:
    """The form of the URLs that `signer` gives for an object, of one version or the latest."""
    scheme, host, path = address
    midnight = f"{scope.date}T000000Z"
    query = {
        "X-Amz-Algorithm": sigv4.ALGORITHM,
        "X-Amz-Credential": f"{signer.access_key}/{scope}",
        "X-Amz-Date": midnight,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-Security-Token": signer.token,
        "X-Amz-SignedHeaders": "host",
    }
    if version is not None:
        query["versionId"] = version
    pairs = tuple([(name.encode(), value.encode()) for name, value in query.items()])
    canonical = Canonical(method, path, pairs, {"host": host}).text()
    url = f"{scheme}://{host}{path}?{sigv4.canonical_query(pairs)}"
    return Form(
        scope,
        _around_time(canonical, midnight),
        _around_time(url, midnight),
        (host, unquote_to_bytes(path), *[pair for pair in pairs if not pair[0].startswith(b"X-Amz-")]),
    )


def _around_time(text: str, stamp: str) -> tuple[str, str]:
    """What stands before and after the time. Of the parameters none but the one is called so, and a path has no `=`."""
    before, _, rest = text.partition(_TIME)
    return before + _TIME, rest.removeprefix(stamp)
