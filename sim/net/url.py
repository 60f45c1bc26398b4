"""Names and addresses as devices write them: where a host name leads, and what of a URL goes on the wire."""

from __future__ import annotations

import re
from functools import lru_cache

CLOUD_DOMAIN = ".amazonaws.com"
"""Names under it lead to the embedded cloud, all others do not resolve: nothing leaves the machine."""

_HTTP = re.compile(
    r"""https?:// (?:[^/?#\x00-\x20]*@)?
    ((?: \[[^/?#@\[\]\x00-\x20]+\] | [^/?#@:\[\]\x00-\x20]+ ) (?: :[^/?#@\[\]\x00-\x20]* )?)
    ((?: [/?][^#]* )?) (?: \# | \Z )""",
    re.IGNORECASE | re.VERBOSE,
)
"""Host with its port, and target: the parts of RFC 3986, appendix B. No blank or control character is in a host."""


@lru_cache(maxsize=64)  # a fleet's few brokers and buckets
def leads_to_cloud(host: str) -> bool:
    """Whether a host name (with or without port) resolves."""
    return host.rpartition("@")[2].partition(":")[0].lower().endswith(CLOUD_DOMAIN)


@lru_cache(maxsize=256)  # a download asks with one URL again and again
def split_url(url: str) -> tuple[str, str]:
    """Host (with its port, as the Host header has it) and target (path and query), byte for byte.

    ValueError when the URL names no host or is not http.
    """
    parts = _HTTP.match(url)
    if parts is None:
        raise ValueError(f"no http URL: {url}")
    host, target = parts.groups()
    return host, target if target.startswith("/") else f"/{target}"
