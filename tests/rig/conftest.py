"""A rig, and what tests of it need: an application that prints, and one that upgrades."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(seed=1, folder=tmp_path, replay="the command") as made:
        yield made


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with a main.py that counts aloud, once a second."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text(
        "import utime\nn = 0\nwhile True:\n    n += 1\n    print('tick', n)\n    utime.sleep(1)\n"
    )
    return folder
