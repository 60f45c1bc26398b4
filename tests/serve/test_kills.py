"""kill -9 of a served cloud under load, fifty times at random moments: nothing that was acknowledged is lost.

Five clouds are killed ten times each, some of those times while they start. A failure names its seed.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from load import Load
from up_rig import Up

KILLS = 10
LONGEST_S = 0.4
"""Of a cloud under load, before it is killed; and of one that starts, which takes about as long."""


@pytest.mark.parametrize("seed", range(5))
def test_nothing_acknowledged_is_lost(seed: int, tmp_path: Path) -> None:
    moments, load, kills = Random(seed), Load(tmp_path, seed), 0
    with Up(tmp_path, "--limits", "relaxed") as up:
        up.launch()
        time.sleep(moments.uniform(0, LONGEST_S))
        up.kill()
        load.prepare(up.start())
        up.kill()
        kills += 2
        while kills < KILLS:
            if moments.random() < 0.2:
                up.launch()
                time.sleep(moments.uniform(0, LONGEST_S))
                up.kill()
                kills += 1
            running = up.start()
            load.check(running)
            threads = load.begin(running)
            time.sleep(moments.uniform(0.02, LONGEST_S))
            up.kill()
            kills += 1
            for thread in threads:
                thread.join()
            assert not load.hurt, load.hurt
        load.check(up.start())
        assert up.end() == 0
        load.check(up.start())
    assert load.ledger.pubacks
    assert set(load.ledger.steps) == {"mqtt", "https"}
