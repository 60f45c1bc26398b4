"""Life-cycle events of clients, as AWS IoT Core publishes them under `$aws/events/`.

Members, names and reasons: "Lifecycle events" of the AWS IoT Core developer guide. Times are epoch milliseconds.
A connect and its disconnect bear the same version number, which grows by one with each connection of a client id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum

from sim.records import record


class Ended(StrEnum):
    """Why a connection is over; the values are `disconnectReason`s."""

    BY_CLIENT = "CLIENT_INITIATED_DISCONNECT"
    CLIENT_ERROR = "CLIENT_ERROR"
    LOST = "CONNECTION_LOST"
    TAKEN_OVER = "DUPLICATE_CLIENTID"
    FORBIDDEN = "FORBIDDEN_ACCESS"
    SILENT = "MQTT_KEEP_ALIVE_TIMEOUT"
    BY_SERVER = "SERVER_INITIATED_DISCONNECT"


@record
class Presence:
    """One connection in the words of the events. `principal` is the SHA-256 of the client's certificate, if any."""

    client_id: str
    connection: str
    version: int
    principal: str

    def connected(self, now_us: int) -> bytes:
        return self._event("connected", now_us, versionNumber=self.version)

    def connect_failed(self, now_us: int) -> bytes:
        """Of a client that was not authorised; Amazon gives this one reason."""
        return self._event("connect_failed", now_us, connectFailureReason="AUTHORIZATION_FAILED")

    def disconnected(self, now_us: int, why: Ended) -> bytes:
        return self._event(
            "disconnected",
            now_us,
            clientInitiatedDisconnect=why is Ended.BY_CLIENT,
            disconnectReason=why.value,
            versionNumber=self.version,
        )

    def subscribed(self, now_us: int, filters: Sequence[str]) -> bytes:
        return self._event("subscribed", now_us, topics=list(filters))

    def unsubscribed(self, now_us: int, filters: Sequence[str]) -> bytes:
        return self._event("unsubscribed", now_us, topics=list(filters))

    def _event(self, kind: str, now_us: int, **more: object) -> bytes:
        members = {
            "clientId": self.client_id,
            "timestamp": now_us // 1000,
            "eventType": kind,
            "sessionIdentifier": self.connection,
            "principalIdentifier": self.principal,
            **more,
        }
        return json.dumps(members, separators=(",", ":")).encode()
