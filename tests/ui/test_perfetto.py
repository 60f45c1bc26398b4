"""A trace for Perfetto: written from a kept run, and fetched once by its page."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from sim.cli.main import cli
from sim.errors import MachineError
from sim.ui.perfetto import VIEWER, _hand_over


def test_a_kept_run_becomes_a_trace(tmp_path: Path) -> None:
    run, out = tmp_path / "run.sqlite", tmp_path / "t.json.gz"
    told = CliRunner().invoke(cli, ["run", "first_upgrade", "--transport", "memory", "-q", "--store", str(run)])
    assert told.exit_code == 0, told.output
    told = CliRunner().invoke(cli, ["trace", str(run), "-o", str(out)])
    assert told.exit_code == 0, told.output
    assert VIEWER in told.output
    names = {event["name"] for event in json.loads(gzip.decompress(out.read_bytes()))["traceEvents"]}
    assert {"jobfota", "download", "apply", "boot"} <= names


def test_its_page_fetches_it_once(tmp_path: Path) -> None:
    path = tmp_path / "t.json.gz"
    path.write_bytes(b"trace")
    said: list[str] = []

    async def main() -> None:
        serving = asyncio.ensure_future(_hand_over(path, said.append, port=29_871))
        while not said:
            await asyncio.sleep(0.01)
        with pytest.raises(MachineError, match="port 29871, from which Perfetto fetches"):
            await _hand_over(path, said.append, port=29_871)
        async with aiohttp.ClientSession() as session, session.get(said[0].split("url=")[1]) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == VIEWER
            assert await answer.read() == b"trace"
        await asyncio.wait_for(serving, 10)

    asyncio.run(main())
