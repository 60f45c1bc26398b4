"""Who may come in: people with the token of the printed URL, from pages of this very server, on this machine.

Rules: the page and its files hold no secret and are for everybody; everything else wants the token, compared in
constant time. A request that a foreign page makes is refused whatever it brings. No answer lets scripts of others in.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from sim.errors import QpyotaError
from sim.ui.stage import NotFound

TOKEN_BYTES = 12
TOKEN_MAX_CHARS = 200
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Door:
    """`hosts`: names under which this server may be addressed; none: any (it listens to other machines)."""

    def __init__(self, token: str, hosts: tuple[str, ...]) -> None:
        self._token = token
        self._hosts = hosts

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse who may not. What goes wrong is said in JSON."""
        refusal = self._refusal(request)
        if refusal is not None:
            return web.json_response({"error": refusal[1]}, status=refusal[0])
        try:
            return await handler(request)
        except web.HTTPException as error:
            return web.json_response({"error": error.reason}, status=error.status)
        except NotFound as error:
            return web.json_response({"error": str(error)}, status=404)
        except QpyotaError as error:
            return web.json_response({"error": str(error)}, status=400)

    def _refusal(self, request: web.Request) -> tuple[int, str] | None:
        if self._hosts and urlsplit(f"//{request.host}").hostname not in self._hosts:
            return 403, f"this dashboard is not {request.host}"
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return 403, f"pages of {origin} may not use this dashboard"
        if request.path == "/" or request.path.startswith("/static/"):
            return None
        given = str(request.query.get("t") or request.headers.get("X-Qpyota-Token") or "")
        if len(given) > TOKEN_MAX_CHARS or not hmac.compare_digest(given.encode(), self._token.encode()):
            return 401, "the token is missing or wrong; open the URL that qpyota printed, it ends in ?t=..."
        return None


async def dress(_: web.Request, response: web.StreamResponse) -> None:
    """Tell the browser what the page may do."""
    response.headers.update(
        {
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
    )
