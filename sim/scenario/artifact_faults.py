"""The faults of a scenario that act on answers of the artifact server."""

from __future__ import annotations

from collections.abc import Iterator

from sim.cloud import artifact_faults as server
from sim.cloud.artifact_faults import ArtifactFault
from sim.scenario.schema import Scenario
from sim.scenario.schema_artifact_faults import (
    ConnectionReset,
    HttpStatus,
    IgnoredRange,
    RateLimited,
    Redirected,
    ServerFault,
    Stalled,
    Truncated,
    WrongLength,
)
from sim.units import US_PER_S


def server_faults(scenario: Scenario, start_s: int) -> Iterator[ArtifactFault]:
    """The faults of a scenario, made. `start_s`: when the run begins, epoch."""
    for fault in scenario.faults:
        for name in type(fault).model_fields:
            spec = getattr(fault, name)
            if isinstance(spec, ServerFault):
                from_s = start_s + -(-spec.from_us // US_PER_S)
                yield ArtifactFault(name, (spec.bucket, spec.key), _spoil(spec), spec.times, from_s)


def _spoil(spec: ServerFault) -> server.Spoil:
    match spec:
        case RateLimited():
            return server.rate_limited(spec.rate_bytes_per_s)
        case Stalled():
            return server.stalled(spec.after_bytes, spec.for_us)
        case Truncated():
            return server.cut(spec.after_bytes, reset=False)
        case ConnectionReset():
            return server.cut(spec.after_bytes, reset=True)
        case WrongLength():
            return server.wrong_length(spec.says_bytes)
        case IgnoredRange():
            return server.ignored_range
        case HttpStatus():
            return server.refused(spec.status)
        case Redirected():
            return server.redirected(spec.status, spec.to)
    raise AssertionError(f"{type(spec).__name__} is made into nothing")
