"""A lab in a real browser, as a student does it: predict, change, run, watch the ticks, pass; and then it is graded."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_rig import AXE, Desk, open_browser

from sim.cli.exits import Exit
from sim.cli.main import main
from sim.learn.library import find_lab

COMMAND = "from sim.cli.main import main; main()"
LAB = "sector"
RUN_PATIENCE_MS = 90_000
"""A look at the work is two processes, beside whatever else the machine does."""


class Served:
    """`qpyota learn LAB --ui web` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / LAB
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "learn", LAB, "--ui", "web", "--ui-port", "0"],
            cwd=folder, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"(http://\S+/lab\?t=[\w-]+);", line):
                self.url = found[1]
                return
        raise AssertionError("it said no URL")

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """An answer of the server."""
        url = self.url.replace("/lab?", f"/api/lab{path}?")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(15)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path)
    try:
        yield one
    finally:
        assert one.end() == 0


def test_only_what_is_the_students_can_be_written(served: Served) -> None:
    status, told = served.ask("")
    assert (status, told["title"]) == (200, "What a sector is")
    assert [one["name"] for one in told["files"]] == ["app/main.py"]
    assert "<h2>What to do</h2>" in told["text"]
    for name in ("scenario.yaml", "../sector/app/main.py", "/etc/passwd", "app/new.py", ""):
        status, said = served.ask("/file", {"name": name, "text": "x = 1\n"})
        assert status == 400, name
        assert "one that is yours" in said["error"]
    for path, body in (("/predict", [1]), ("/predict", {"erases": 3}), ("/file", {"name": "app/main.py"})):
        assert served.ask(path, body)[0] == 400
    assert "first say what you expect" in served.ask("/check", {})[1]["error"]
    answers = {"erases": "about 12", "worst": '"]', "lost": "yes", "nobody": "x"}
    status, told = served.ask("/predict", answers)
    assert [one["said"] for one in told["predict"]] == ["about 12", '"]', "yes"], "the terminal reads the same file"
    (served.work / "app" / "main.py").write_bytes(b"\xff")
    assert served.ask("/check", {})[1]["looking"], "what is no text is a failed run, not a broken page"
    shutil.rmtree(served.work / "app")
    status, told = served.ask("", None)
    assert (status, told["files"]) == (200, [])
    shutil.rmtree(served.work)
    status, said = served.ask("/predict", answers)
    assert status == 400
    assert "cannot be written" in said["error"]
    assert urllib.request.urlopen(served.url, timeout=10).headers["Content-Security-Policy"].startswith("default-src")


def test_a_lab_is_passed_and_graded(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_browser() as browser:
        desk = Desk(browser, Path(os.environ.get("QPYOTA_PICTURES", tmp_path)))
        try:
            student(desk, served)
        finally:
            desk.close()
    with pytest.raises(SystemExit) as ended:
        main(["learn", "--grade", LAB, str(served.work), "--student", "ann", "--seeds", "0"])
    assert ended.value.code == Exit.PASSED
    assert "PASSED ann: 3 of 3 goals" in capsys.readouterr().out


def student(desk: Desk, served: Served) -> None:
    page = desk.page
    page.set_default_timeout(RUN_PATIENCE_MS)
    page.goto(served.url)
    page.wait_for_selector("#goals li")
    assert page.locator("#goals li.held").count() == 0
    if AXE.exists():
        assert desk.faults() == []

    page.click("#run")
    desk.until("#told", "First say what you expect")
    page.fill("input[name=erases]", "30")
    page.fill("input[name=worst]", "12")
    page.check("input[name=lost][value=yes]")
    page.click("#run")
    page.wait_for_selector("text=you said 30; it was 271")
    desk.until("#goals", "device['logger'].sector_erases is 271")
    assert page.locator("#goals li.held").count() == 2
    desk.picture("lab-first-look")

    page.click("#hint")
    page.wait_for_selector("#hints li")
    assert "closing the file" in page.inner_text("#hints")
    solution = find_lab(LAB).solution / "app" / "main.py"
    page.fill("#editor", solution.read_text(encoding="utf-8"))
    page.click("#run")
    page.wait_for_selector("#done")
    assert page.locator("#goals li.held").count() == 3
    assert (served.work / "app" / "main.py").read_text(encoding="utf-8") == solution.read_text(encoding="utf-8")

    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "text and film scroll by themselves"
    assert desk.overflow() <= 0

    ticks_follow_the_film(desk)
    desk.picture("lab-passed")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#reset")
    desk.until("#told", "sector.old-1")
    assert "BATCH" not in page.input_value("#editor")
    shutil.rmtree(served.work)
    served.work.with_name("sector.old-1").rename(served.work)


def ticks_follow_the_film(desk: Desk) -> None:
    """The second film is on the right, and goals hold where it is, and no longer further back."""
    page = desk.page
    inside = "document.querySelector('#device').contentWindow.qpyota"
    page.wait_for_function(f"() => {inside}?.film && {inside}.filmId === 2 && !{inside}.film.growing")
    held = "() => document.querySelectorAll('#goals li.held').length"
    for seconds, expected in ((360, 3), (0, 0), (200, 2), (360, 3)):
        page.evaluate(f"() => {inside}.player.seek({seconds} * 1e6)")
        page.wait_for_function(f"(wanted) => ({held})() === wanted", arg=expected)
