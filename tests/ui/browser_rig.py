"""A real browser for tests of the page: one for all, each test in a context of its own that watches what it does."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".web" / "node_modules" / "axe-core" / "axe.min.js"
OURS = ("127.0.0.1", "localhost")
PATIENCE_MS = 60_000
"""A bound, not a measure: many may share the machine."""


def chromium() -> str:
    """The machine's own; without one the test is skipped, or fails where one is required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        words = "no chromium here: apt-get install chromium"
        if os.environ.get("QPYOTA_REQUIRE_BROWSER"):
            pytest.fail(words)
        pytest.skip(words)
    return found


@contextmanager
def open_browser() -> Iterator[Any]:
    """A headless browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install 'qpyota[dev]'")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Desk:
    """One page in a browser: what it asked of others, what went wrong in it, and pictures of it."""

    def __init__(self, browser: Any, pictures: Path, **how: Any) -> None:
        how = {"viewport": {"width": 1440, "height": 900}, "bypass_csp": False} | how
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.outside: list[str] = []
        self.wrong: list[str] = []
        self._pictures = pictures
        self.page.on("request", self._asked)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)

    def _asked(self, request: Any) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob", "file") and url.hostname not in OURS:
            self.outside.append(request.url)

    def open(self, url: str, view: str = "") -> Desk:
        self.page.goto(url + (f"#/{view}" if view else ""))
        self.page.wait_for_selector("#scrubber")
        self.page.wait_for_function("() => document.querySelector('#entry').textContent.includes('of')")
        return self

    def picture(self, name: str) -> None:
        self._pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._pictures / f"{name}.png")

    @property
    def entry(self) -> int:
        """Where the page is."""
        return self._numbers()[0]

    @property
    def entries(self) -> int:
        return self._numbers()[1]

    def _numbers(self) -> tuple[int, int]:
        text = self.page.locator("#entry").text_content().replace(",", "")
        found = re.fullmatch(r"entry (\d+) of (\d+)", text)
        assert found, text
        return int(found[1]), int(found[2])

    def press(self, key: str, times: int = 1) -> None:
        """Keys as a person presses them: the next when the page has shown what the last one did."""
        for _ in range(times):
            self.page.keyboard.press(key)
            self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def play_to_the_end(self) -> None:
        """As fast as the page plays, until the film has its verdict and all of it has been shown."""
        self.page.select_option("#speed", "1800")
        self.page.locator("#play").click()
        ended = """() => {
          const [n, last] = document.querySelector("#entry").textContent.match(/[0-9,]+/g);
          return n === last && document.querySelector("#verdict").textContent !== "running";
        }"""
        self.page.wait_for_function(ended, timeout=PATIENCE_MS)
        self.press("Shift")

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())

    def until(self, selector: str, words: str) -> None:
        """Until the text of an element has these words."""
        script = "([selector, words]) => document.querySelector(selector)?.textContent.includes(words)"
        self.page.wait_for_function(script, arg=[selector, words])

    def until_more_than(self, entries: int) -> None:
        """Until the film has more than so many entries."""
        script = (
            "(known) => document.querySelector('#entry').textContent.match(/[0-9,]+/g)[1].replaceAll(',', '') > known"
        )
        self.page.wait_for_function(script, arg=entries)

    def drawn(self, selector: str) -> int:
        """How many colours there are in a canvas: one means that nothing is drawn."""
        script = """(selector) => {
          const canvas = document.querySelector(selector);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size;
        }"""
        return int(self.page.evaluate(script, selector))

    def pixels(self, selector: str) -> str:
        return str(self.page.evaluate("(selector) => document.querySelector(selector).toDataURL()", selector))

    def overflow(self) -> int:
        """By how much the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def faults(self) -> list[str]:
        """Serious faults of accessibility. The page's own policy lets no script in: it is put in by the browser."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run()")
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def close(self) -> None:
        """Once or more often. Whatever went wrong in the page is told now."""
        self.context.close()
        assert not self.outside, "nothing leaves the machine"
        assert not self.wrong, self.wrong
