"""Names and addresses as devices write them: where a host name leads, and what of a URL goes on the wire."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

CLOUD_DOMAIN = ".amazonaws.com"
"""Names under it lead to the embedded cloud, all others do not resolve: nothing leaves the machine."""


def leads_to_cloud(host: str) -> bool:
    """Whether a host name (with or without port) resolves."""
    return host.rpartition("@")[2].partition(":")[0].lower().endswith(CLOUD_DOMAIN)


@lru_cache(maxsize=256)  # a download asks with one URL again and again
def split_url(url: str) -> tuple[str, str]:
    """Host (with its port, as the Host header has it) and target (path and query), byte for byte.

    ValueError when the URL names no host or is not http.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"no http URL: {url}")
    target = url.split("://", 1)[1].partition("#")[0][len(parts.netloc) :]
    return host, target if target.startswith("/") else f"/{target}"
