"""The policy a device gets when nobody says otherwise: connect under its own name and work on its own jobs, no more."""

from __future__ import annotations

import json
from functools import lru_cache

from sim.jobs.targets import Arns

DEVICE_POLICY = "qpyota-device"
_OWN = "${iot:Connection.Thing.ThingName}"


@lru_cache(maxsize=16)
def device_document(arns: Arns) -> str:
    """The document of that policy."""
    jobs = f"$aws/things/{_OWN}/jobs/*"
    grants = (
        (["iot:Connect"], arns.of("client", _OWN)),
        (["iot:Publish", "iot:Receive"], arns.of("topic", jobs)),
        (["iot:Subscribe"], arns.of("topicfilter", jobs)),
        (["iotjobsdata:*"], arns.of("thing", _OWN)),
    )
    statements = [{"Effect": "Allow", "Action": actions, "Resource": [arn]} for actions, arn in grants]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
