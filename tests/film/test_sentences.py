"""Every kind of record in the source has a sentence that reads well.

Those on the records of all shipped scenarios are read in tests/scenario/test_shipped.py, where they run anyway.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_rig import reads_well

import sim
from sim.film.camera import OF_THIS_MACHINE
from sim.film.injections import DEVICE_KINDS
from sim.film.sentences import SAY_CHARS, SENTENCES, say
from sim.film.spoken import _ACTS, topic_in, topic_out
from sim.scenario.fault_acts import ACTS
from sim.scenario.schema_faults import Phase

SOURCE = Path(sim.__file__).parent
PLACE_OF_KIND = {"track.tell": 0, "_track.tell": 0, "trace": 0, "_trace": 0, "emit": 1, "aside": 1, "trace.take": 2}
"""By the end of a call's name: which argument is the kind."""
BY_VARIABLE = {"kind", "f'host.{kind}'"}
"""Where a kind is passed on; who passes it has a name for it."""


def kinds() -> Iterator[tuple[str, str]]:
    """(kind, place) of each call that makes a record."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            *_, owner, name = ["", *ast.unparse(node.func).split(".")]
            at = PLACE_OF_KIND.get(f"{owner}.{name}", PLACE_OF_KIND.get(name, len(node.args)))
            for argument in node.args[at : at + 1]:
                place = f"{path.relative_to(SOURCE)}:{node.lineno}"
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, place
                elif ast.unparse(argument) not in BY_VARIABLE:
                    yield f"? {ast.unparse(argument)}", place


def test_every_kind_in_the_source_has_a_sentence() -> None:
    found = dict(kinds())
    assert len(found) > 55
    gaps = {kind: at for kind, at in found.items() if kind not in SENTENCES and kind not in OF_THIS_MACHINE}
    assert not gaps


def test_no_sentence_is_left_over() -> None:
    assert set(SENTENCES) - set(dict(kinds())) == {"host.*"}


def test_every_fault_phase_and_injection_has_words() -> None:
    assert set(ACTS) | set(DEVICE_KINDS) | {"create_job"} == set(_ACTS)
    for phase in [*Phase.__args__, "idle"]:
        assert reads_well(say("phase", {"phase": phase}, "meter"))


EXAMPLES = {
    "app.failed": {"reason": "OSError: 28"},
    "app.refused": {"file": "/usr/a.py", "status": 404},
    "autosleep": {"on": True},
    "backup.restored": {"file": "/usr/main.py"},
    "bench": {"order": "power", "to": "cut", "path": None},
    "boot.settings_failed": {"error": "ValueError"},
    "boot.step_failed": {},
    "bricked": {"reason": "no bootable image in APP"},
    "console": {"text": ">>> "},
    "console.in": {"text": "print({'a': None})"},
    "exit": {"thread": "main"},
    "fault": {"what": "bad_block", "sector": 17},
    "fota.failed": {"code": 552, "reason": "x" * 500},
    "ftp": {"host": "files.example", "file": "a.pack", "bytes": 70000},
    "host.open": {},
    "host.closed": {"by": "host", "how": "silent"},
    "hung": {"thread": "main"},
    "inert": {"name": "audio.Audio"},
    "injected": {"what": "flip_bit", "tears": False, "address": 4096},
    "mini.retry": {"code": 3, "reason": "timeout", "wait_s": 30},
    "mount.failed": {"point": "/usr", "errno": 84},
    "mqtt.closed": {"reason": "reset"},
    "order.refused": {"reason": "there is a job {x} already"},
    "peer.unmatched": {"port": 2, "bytes": 3, "text": "\\x00abc"},
    "pin": {"pin": 3, "level": 1, "by": "program"},
    "power.down": {},
    "psm": {"setting": [1, 2, 3, 4, 5]},
    "pwm": {"channel": 0, "on": True, "shape": [1, 2]},
    "soft_reset": {},
    "stub": {"name": "camera.camCapture", "arguments": [], "answer": None},
    "stub.callback": {"module": "camera", "arguments": []},
    "tcp.connect": {"to": "10.0.0.1", "port": 80},
    "tcp.gone": {"reason": "timeout"},
    "update.requested": {"method": "minimal"},
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_records_that_no_shipped_scenario_has_read_well(kind: str) -> None:
    assert reads_well(say(kind, EXAMPLES[kind], "meters-00001")), say(kind, EXAMPLES[kind], "meters-00001")
    assert reads_well(say(kind, EXAMPLES[kind], "m" * 128))


@given(topic=st.text(max_size=260), payload=st.text(max_size=300))
def test_whatever_is_published_has_a_sentence(topic: str, payload: str) -> None:
    for tail in (topic, f"$aws/things/meter/jobs/{topic}"):
        assert topic_in("meter", tail, payload).endswith(".")
        assert topic_out("meter", tail, payload).endswith(".")
        assert len(say("mqtt.in", {"topic": tail, "payload": payload}, "meter")) <= SAY_CHARS


def test_it_says_why() -> None:
    assert say("reset", {"reason": "update staged"}, "meter") == (
        "meter restarts so that the bootloader finds the staged package; what was in RAM is lost."
    )
    assert say("power.cut", {"phase": "apply"}, "meter") == (
        "meter loses its power in the middle of the applying of the update: "
        "all that was in RAM is lost, flash stays as it is."
    )
