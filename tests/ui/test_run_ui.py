"""`qpyota run --ui web` as a script uses it: the URL, the films, the exit code."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli.main import cli
from sim.film.entries import END, EVENTS, blocks_of, unpack_json

COMMAND = "from sim.cli.main import main; main()"


class Refused(Exception):  # noqa: N818 - an answer
    """A status and what the answer said."""


class Running:
    """`qpyota WORDS` with a dashboard, read line by line."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words, "--ui-port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.base = self.token = ""

    def until(self, pattern: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if re.search(pattern, line):
                found = re.search(r"(http://[^/ ]+)/\?t=([\w-]+)", line)
                if found:
                    self.base, self.token = found.groups()
                return line
        raise AssertionError("".join(self.lines))

    def get(self, path: str, **headers: str) -> bytes:
        mark = "&" if "?" in path else "?"
        return self._ask(urllib.request.Request(f"{self.base}{path}{mark}t={self.token}", headers=headers))

    def post(self, path: str, value: object) -> bytes:
        headers = {"Content-Type": "application/json"}
        url = f"{self.base}{path}?t={self.token}"
        return self._ask(urllib.request.Request(url, json.dumps(value).encode(), headers))

    def _ask(self, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, json.loads(error.read())["error"]) from None

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)

    def leave(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def finished() -> Iterator[Running]:
    running = Running("run", "first_upgrade", "--transport", "memory", "--ui", "web")
    try:
        running.until("dashboard http")
        running.until("stays open")
        yield running
    finally:
        running.leave()


def test_the_run_is_told_and_shown_until_ctrl_c(finished: Running) -> None:
    assert any("PASSED first_upgrade" in line for line in finished.lines)
    (film,) = json.loads(finished.get("/api/films"))
    assert (film["id"], film["verdict"], film["growing"]) == (1, "PASSED", False)
    head = json.loads(finished.get("/api/films/1"))
    blocks = blocks_of(gzip.decompress(finished.get("/api/films/1/tape")))
    assert any(block.kind == EVENTS for block in blocks)
    assert blocks[-1].kind == END
    assert unpack_json(blocks[-1])["n"] == head["entries"] > 20_000
    with pytest.raises(Refused, match=r"pages of http://elsewhere\.example"):
        finished.get("/api/films", Origin="http://elsewhere.example")
    assert finished.end() == 0


def test_a_run_that_cannot_begin_ends_the_dashboard_with_its_exit_code() -> None:
    running = Running("run", "no_such_scenario", "--ui", "web")
    assert running.process.stdout is not None
    said = running.process.stdout.read()
    assert running.process.wait(15) == 2
    running.leave()
    assert "no_such_scenario" in said
    assert "Traceback" not in said


def test_a_kept_film_opens_for_looking_only(tmp_path: Path) -> None:
    path = tmp_path / "run.qpyrun"
    told = CliRunner().invoke(cli, ["run", "one_device", "--transport", "memory", "--film", str(path), "-q"])
    assert told.exit_code == 0, told.output
    running = Running("open", str(path))
    try:
        running.until("dashboard http")
        head = json.loads(running.get("/api/films/1"))
        assert (head["title"], head["growing"]) == ("one_device", False)
        assert head["replay"] == "qpyota run one_device --seed 1 --transport memory"
        name = head["devices"][0]["name"]
        with pytest.raises(Refused, match="can only be looked at"):
            running.post("/api/films/1/branch", {"injection": {"n": 1, "device": name, "what": "power_cut"}})
        assert running.get("/api/bundle") == path.read_bytes()
        assert running.end() == 0
    finally:
        running.leave()


def test_what_is_no_film_is_said(tmp_path: Path) -> None:
    for name, said in (("nothing.qpyrun", "there is no"), (".", "cannot be read|is no")):
        told = CliRunner().invoke(cli, ["open", str(tmp_path / name)])
        assert re.search(said, str(told.exception or told.output)), told


def test_an_injection_in_a_terminal(tmp_path: Path) -> None:
    words = ["run", "one_device", "--transport", "memory", "--json"]
    what = {"t": 20_000_000, "device": "QuecPython_OTA", "what": "power_cut"}
    plain = json.loads(CliRunner().invoke(cli, words).output)
    told = json.loads(CliRunner().invoke(cli, [*words, "--inject", json.dumps(what)]).output)
    assert told["trace_hash"] != plain["trace_hash"]
    again = CliRunner().invoke(cli, [*shlex.split(told["replay"])[1:], "--json"])
    assert json.loads(again.output)["trace_hash"] == told["trace_hash"]


def test_many_runs_are_refused() -> None:
    running = Running("run", "first_upgrade", "--repeat", "3", "--ui", "web")
    assert running.process.stdout is not None
    said = running.process.stdout.read()
    assert running.process.wait(15) == 2
    running.leave()
    assert "--ui shows one run" in said


def test_a_run_without_it_loads_nothing_of_it() -> None:
    code = (
        "import sys\nfrom sim.cli.main import main\n"
        "try:\n    main(['run', 'one_device', '--transport', 'memory', '-q'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith(('sim.ui', 'sim.film', 'aiohttp'))], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
