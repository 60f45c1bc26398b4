"""How a failed upgrade is told to scripts: the numbers that families with an asynchronous `fota` give to a callback.

Our own numbers are those of the DFOTA guides (500 to 740). The N series tells 1001 to 1014 instead; the table is made
from what the codes mean, as `aliIot.py` in QuecPython's modules names them. What is not in it is 1010, internal. Which
cause of ours stands for which of them is told in ADR 0107.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.pack.codes import PackageCode
from sim.update.download import (
    HTTP_CLOSED,
    HTTP_CONNECT,
    HTTP_CONTEXT,
    HTTP_DNS,
    HTTP_MEMORY,
    HTTP_NO_REQUEST,
    HTTP_NO_URL,
    HTTP_READ,
    HTTP_READ_TIMEOUT,
    HTTP_RESPONSE,
    HTTP_UNKNOWN,
    HTTP_URL,
)
from sim.update.site import UpdateFailed

DOMAIN_TIMEOUT, DOMAIN_UNKNOWN, NOT_IN_PROGRESS, NO_MEMORY = 1002, 1003, 1011, 1012
DOMAIN_NOT_FOUND, SERVER_CONNECT, AUTHORISATION, FILE_MISSING, FILE_SIZE = 1001, 1004, 1005, 1006, 1007
FILE_GET, FILE_CHECK, INTERNAL, FILE_TOO_LARGE, PARAMETER = 1008, 1009, 1010, 1013, 1014

_BY_STATUS: Mapping[int, int] = {
    401: AUTHORISATION,
    403: AUTHORISATION,
    404: FILE_MISSING,
    410: FILE_MISSING,
    416: FILE_SIZE,
}

_BY_FAILURE: Mapping[str, int] = {"dns_timeout": DOMAIN_TIMEOUT, "dns_name": DOMAIN_UNKNOWN}

N_SERIES: Mapping[int, int] = {
    HTTP_UNKNOWN: INTERNAL,
    HTTP_NO_REQUEST: NOT_IN_PROGRESS,
    HTTP_CONTEXT: NOT_IN_PROGRESS,
    HTTP_MEMORY: NO_MEMORY,
    HTTP_URL: PARAMETER,
    HTTP_NO_URL: PARAMETER,
    HTTP_DNS: DOMAIN_NOT_FOUND,
    HTTP_CONNECT: SERVER_CONNECT,
    HTTP_READ: FILE_GET,
    HTTP_READ_TIMEOUT: FILE_GET,
    HTTP_CLOSED: FILE_GET,
    HTTP_RESPONSE: FILE_GET,
    PackageCode.NO_SPACE: FILE_TOO_LARGE,
    PackageCode.CORRUPT: FILE_CHECK,
    PackageCode.HASH: FILE_CHECK,
    PackageCode.VERSION_MISMATCH: FILE_CHECK,
    PackageCode.SOURCE_MISMATCH: FILE_CHECK,
    PackageCode.FAMILY_MISMATCH: FILE_CHECK,
    PackageCode.BASE_MISMATCH: FILE_CHECK,
}


def n_series_code(failure: UpdateFailed) -> int:
    """The number a callback gets on a family whose `fota` is asynchronous."""
    special = _BY_STATUS.get(failure.http_status) or _BY_FAILURE.get(failure.failure)
    return special or N_SERIES.get(failure.code, INTERNAL)
