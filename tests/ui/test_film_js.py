"""The page's decoder and folds, run by the JavaScript engine that Playwright brings, against films folded in Python."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tapes import Tape

STATIC = Path(__file__).parents[2] / "sim" / "ui" / "static"


def node() -> str:
    """A node: Playwright's own, else one of the machine."""
    try:
        import playwright
    except ImportError:
        found = shutil.which("node")
    else:
        found = str(Path(playwright.__file__).parent / "driver" / "node")
    if found is None or not Path(found).exists():
        pytest.skip("neither Playwright nor node is installed")
    return found


def case_of(tape: Tape, dice: random.Random) -> dict[str, Any]:
    edge = max(op.n for op in tape.ops)
    edge = max(edge, max(event[0] for event in tape.events))
    ticks = [n - 1 for _, n, _ in tape.ticks[:12]]  # a state may change at the very time of the entry before
    places = [0, 1, edge, *ticks, *(dice.randint(0, edge) for _ in range(20))]
    times = {op.n: op.t_us for op in tape.ops} | {event[0]: event[1] for event in tape.events} | {0: 0}
    seeks = []
    for n in places:
        device = dice.randrange(2)
        classes, wear = tape.flash_at(device, n)
        states = tape.states_at(times[n], n)
        seeks.append({"n": n, "t": times[n], "device": device, "classes": classes, "wear": wear, "states": states})
    return {
        "head": tape.head,
        "tape": base64.b64encode(tape.tape).decode(),
        "edge": edge,
        "seeks": seeks,
        "steps": [step_of(tape, dice.randint(0, edge), dice) for _ in range(60)],
        "some_ops": [vars(op) for op in dice.sample(tape.ops, 20)],
    }


def step_of(tape: Tape, n: int, dice: random.Random) -> dict[str, Any]:
    cls, back, device = dice.choice(("op", "message", "boot", "event")), dice.random() < 0.5, dice.randrange(2)
    kinds = {"message": ("mqtt.out", "http"), "boot": ("boot", "power.cut")}
    if cls == "op":
        found = [op.n for op in tape.ops if op.device == device]
    else:
        found = [row[0] for row in tape.events if row[2] == device and (cls == "event" or row[4] in kinds[cls])]
    beyond = [m for m in found if m < n][-1:] if back else [m for m in found if m > n][:1]
    return {"n": n, "cls": cls, "device": device, "back": back, "to": beyond[0] if beyond else 0}


def test_the_page_folds_films_as_python_does(tmp_path: Path) -> None:
    dice = random.Random(7)
    cases = [case_of(Tape(seed, entries=entries), dice) for seed, entries in ((1, 300), (2, 2500), (3, 9000))]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    shutil.copytree(STATIC, tmp_path / "static")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    environment = os.environ | {"STATIC": str(tmp_path / "static"), "CASES": str(tmp_path / "cases.json")}
    command = [node(), "--test", "--test-reporter=tap", str(Path(__file__).with_name("film.test.mjs"))]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert "# pass 20" in ran.stdout, ran.stdout[-500:]
    print(next(line for line in ran.stdout.splitlines() if "seek:" in line))
