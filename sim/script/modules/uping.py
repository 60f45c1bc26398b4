"""`uping`: one round trip of the radio per packet, to any computer that is there. KNOWLEDGE: parameters and result.

The result is (sent, received), as the public uping that it comes from has it.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.sockets import look_up

COUNT, INTERVAL_MS, SIZE_BYTES, TIMEOUT_MS = 4, 1000, 64, 5000
HEADER_BYTES = 8
HOPS_TTL = 53
"""ESTIMATE: time to live that is left of an answer from the internet."""


def make(rt: ScriptRuntime) -> ModuleType:
    radio = rt.module.radio
    draws = radio.stream("ping")

    def ping(
        host: str, SOURCE: Any = None, COUNT: int = COUNT, INTERVAL: int = INTERVAL_MS, SIZE: int = SIZE_BYTES,  # noqa: N803
        TIMEOUT: int = TIMEOUT_MS, quiet: bool = False,  # noqa: N803
    ) -> tuple[int, int]:  # fmt: skip
        """Milliseconds and bytes; prints a line for each answer unless `quiet`. IndexError for an unknown name."""
        rt.me()
        tell = (lambda _text: None) if quiet else rt.builtins["print"]
        found = look_up(rt, host)
        address = ([] if found is None else [found])[0]
        times_us: list[int] = []
        for number in range(COUNT):
            took_us = radio.spec.rtt_us + draws.randrange(radio.spec.jitter_us + 1)
            if radio.attached and radio.network.streams.answers(address) and took_us <= TIMEOUT * 1000:
                rt.sleep_us(took_us)
                times_us.append(took_us)
                size = SIZE + HEADER_BYTES
                tell(f"{size} bytes from {host} [{address}], ttl={HOPS_TTL}, time={took_us / 1000:.5f} ms")
            else:
                rt.sleep_us(TIMEOUT * 1000)
                tell("request timeout")
            if number + 1 < COUNT:
                rt.sleep_us(INTERVAL * 1000)
        lost = 100 * (COUNT - len(times_us)) // max(1, COUNT)
        tell(f"{COUNT} packets transmitted, {len(times_us)} received, {lost}% packet loss")
        return COUNT, len(times_us)

    return namespace("uping", ping=ping)
