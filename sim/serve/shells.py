"""A served cloud as environment variables, in the words of several shells."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping

from sim.serve.data_dir import Running

_PLAIN = re.compile(r"[\w/:.@+=,-]*")


def variables(running: Running) -> dict[str, str]:
    """What boto3, the AWS CLI and an MQTT client need to know."""
    return {
        "AWS_ENDPOINT_URL": running.rest_url,
        "AWS_ACCESS_KEY_ID": running.access_key,
        "AWS_SECRET_ACCESS_KEY": running.secret_key,
        "AWS_DEFAULT_REGION": running.region,
        "AWS_CA_BUNDLE": running.ca_file,
        "QPYOTA_TLS_URL": running.tls_url,
        "QPYOTA_MQTT_HOST": running.host,
        "QPYOTA_MQTT_PORT": str(running.mqtt_port),
        "QPYOTA_CA_FILE": running.ca_file,
    }


def _fish(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _pwsh(name: str, value: str) -> str:
    doubled = value.replace("'", "''")
    return f"$env:{name} = '{doubled}'"


def _dotenv(name: str, value: str) -> str:
    return f"{name}={value if _PLAIN.fullmatch(value) else json.dumps(value)}"


def _bash(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


SHELLS: Mapping[str, Callable[[str, str], str]] = {"bash": _bash, "fish": _fish, "pwsh": _pwsh, "dotenv": _dotenv}
"""How each sets a variable. `bash` is good for every shell of the Bourne family."""
