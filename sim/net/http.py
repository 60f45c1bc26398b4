"""One HTTP request of a device over a real socket.

Rules: the request goes out as the device made it: its URL's path and query byte for byte (signatures cover
them), its host as Host header, its headers and no others; what connects is `endpoint`, wherever that is.
Redirects are not followed and nothing is unpacked. A body that breaks off before its Content-Length is still an answer,
and says how it ended. Every other failure is an `HttpFailure`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from yarl import URL

from sim.manner import Broken
from sim.net.room import HTTP_CONNECTIONS
from sim.net.url import split_url
from sim.ports import HttpFailure, HttpRequest, HttpResponse

BODY_LIMIT_BYTES = 64 * 1024 * 1024
"""Longest answer taken: several times the largest flash part. A longer one counts as a broken connection."""

SILENCE_S = 300.0
"""A server that says nothing for this long is as good as gone. A device gives up much earlier."""

CHUNK_BYTES = 64 * 1024

_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers aiohttp would add."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a connection really goes; `tls` None is plain.

    `server_name` is what TLS calls the server (SNI); empty: nothing over MQTT, `host` over HTTP. `outside`: not in this
    process, so that nobody waits for bytes on their way.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    outside: bool = False


def open_session() -> aiohttp.ClientSession:
    """The connections of one network; made inside its running loop, and closed by its owner."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=HTTP_CONNECTIONS, happy_eyeballs_delay=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_read=SILENCE_S, ceil_threshold=float("inf")),
        auto_decompress=False,
        skip_auto_headers=_OURS,
    )


async def fetch(
    request: HttpRequest,
    endpoint: Endpoint,
    session: aiohttp.ClientSession,
    on_part: Callable[[int], object] = lambda _received_bytes: None,
) -> HttpResponse | HttpFailure:
    """Exactly one answer or failure; `dns` also stands for a URL without a usable host.

    `on_part` gets the bytes of the body that have come so far, 0 with the header.
    """
    try:
        host, target = split_url(request.url)
    except ValueError:
        return HttpFailure("dns")
    scheme = "http" if endpoint.tls is None else "https"
    try:
        async with session.request(
            request.method,
            URL(f"{scheme}://{endpoint.host}:{endpoint.port}{target}", encoded=True),
            headers={"Host": host, **request.headers},
            allow_redirects=False,
            ssl=True if endpoint.tls is None else endpoint.tls,
            server_hostname=endpoint.server_name or None,
        ) as response:
            return await _read(response, on_part)
    except aiohttp.ClientConnectorDNSError:
        return HttpFailure("dns")
    except aiohttp.ClientSSLError:
        return HttpFailure("tls")
    except aiohttp.ClientConnectorError:
        return HttpFailure("refused")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        # ValueError: a method or header that HTTP cannot carry; a server would cut the connection.
        return HttpFailure("reset")


async def _read(response: aiohttp.ClientResponse, on_part: Callable[[int], object]) -> HttpResponse | HttpFailure:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.raw_headers}
    body = bytearray()
    broken: Broken = ""
    connection = response.connection  # gone from the answer by the time it breaks
    on_part(0)
    try:
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > BODY_LIMIT_BYTES:
                return HttpFailure("reset")
            on_part(len(body))
    except aiohttp.ClientError:
        if response.content_length is None:
            raise
        protocol = None if connection is None else connection.protocol
        broken = "reset" if protocol is not None and isinstance(protocol.exception(), OSError) else "closed"
    return HttpResponse(response.status, headers, bytes(body), broken=broken)
