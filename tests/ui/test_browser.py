"""The dashboard in a real browser, as a person uses it. One browser and two runs serve all of these tests."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_rig import AXE, Desk, open_browser
from test_run_ui import Running

from sim.cli.main import main

SCRUB = "(s) => document.querySelector('#scrubber').dispatchEvent(new CustomEvent('scrub', {detail: {t: s * 1e6}}))"
"""Seconds of film time; dragging is left to the browser."""
VIEWS = ("device", "fleet", "jobs", "compare", "scenario")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def upgrade(browser: Any) -> Iterator[str]:
    """The URL of a dashboard whose run, the first upgrade, is over."""
    running = Running("run", "first_upgrade", "--transport", "memory", "--ui", "web")
    try:
        running.until("dashboard http")
        running.until("stays open")
        yield f"{running.base}/?t={running.token}"
    finally:
        running.leave()


@pytest.fixture
def desk(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    pictures = Path(os.environ.get("QPYOTA_PICTURES", tmp_path))
    opened: list[Desk] = []

    def make(**how: Any) -> Desk:
        opened.append(Desk(browser, pictures, **how))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_play_watch_the_device_finish(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade)
    assert it.text("#verdict") == "PASSED"
    assert it.text("#device-state") == "off"
    it.play_to_the_end()
    assert it.page.get_attribute("#play", "data-on") == "false"
    assert it.entry == it.entries > 20_000
    assert it.text("#device-state") == "succeeded"
    assert it.text("#clock") == "02:25.6"
    it.picture("device-finished")


def test_step_flash_operations_and_back_by_keys(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade)
    it.press("2")
    it.press("ArrowRight", 12)
    before, picture = it.entry, it.pixels("#map canvas")
    it.press("1")
    it.press("ArrowRight", 10)
    assert it.entry >= before + 10
    sentence = it.text("#say")
    assert "Programmed" in sentence or "Erased" in sentence
    assert it.pixels("#map canvas") != picture
    it.press("ArrowLeft", 10)
    assert it.entry <= before
    assert it.pixels("#map canvas").startswith("data:image/png")
    it.press("End")
    assert it.entry == it.entries
    it.press("Home")
    assert it.text("#clock") == "00:00.0"


def test_the_same_position_is_the_same_picture_wherever_one_comes_from(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade)
    pictures = []
    for way in ([60], [140, 60], [30, 59, 60]):
        for seconds in way:
            it.page.evaluate(SCRUB, seconds)
            it.press("Shift")
        pictures.append((it.entry, it.pixels("#map canvas"), it.text("#say")))
    assert pictures[0] == pictures[1] == pictures[2]
    it.picture("device-applying")


def test_messages_console_and_starts(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade)
    it.press("End")
    assert "firmware EG915UEUABR03A21M08_OCPU_QPY" in it.text("#console")
    assert it.page.locator("film-strip .frame").count() == 4
    it.page.locator("film-strip .frame", has_text="Boot 2").click()
    it.press("Shift")
    assert it.page.locator("film-strip .frame.now").inner_text().startswith("Boot 2")
    it.page.get_by_role("button", name="MQTT", exact=True).click()
    it.page.get_by_role("button", name="power, boot", exact=True).click()
    assert it.page.locator("#timeline .sign.lane-mqtt").count() == 0
    seen = """() => {
      const list = document.querySelector("#timeline .timeline").getBoundingClientRect();
      const now = document.querySelector("#timeline .now").getBoundingClientRect();
      return now.top >= list.top && now.bottom <= list.bottom;
    }"""
    assert it.page.evaluate(seen), "what happens now is in view"
    event = it.page.locator("#timeline .event").first
    event.click()
    assert it.page.locator("#timeline pre").count() == 1


def test_a_sector_is_read_by_pointer_and_by_arrows(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade)
    it.press("End")
    it.page.locator("#map canvas").click(position={"x": 300, "y": 60})
    first = it.text("#sector")
    assert first.startswith("sector ")
    assert "Chosen: page " in first
    it.press("ArrowRight")
    assert it.text("#sector") != first
    it.page.get_by_role("button", name="wear").click()
    it.page.wait_for_selector("#wear canvas")
    it.press("Shift")
    assert "of 100,000 erases" in str(it.page.get_attribute("#wear canvas", "aria-label"))
    assert it.drawn("#wear canvas") > 3
    it.picture("device-wear")


def test_jobs_as_the_console_of_a_cloud_shows_them(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade, "jobs")
    it.press("End")
    it.page.get_by_role("button", name="jobfota", exact=True).click()
    it.until("#executions", "Succeeded")
    assert "QuecPython_OTA" in it.text("#executions")
    it.picture("jobs-executions")
    it.page.get_by_role("tab", name="Job document").click()
    it.until("#document", "EG915UEUAB_V0002-V0003.pack")
    document = it.text("#document")
    for words in ("FOTA", "EG915UEUABR03A21M08_OCPU_QPY", "qpyota.s3.us-west-2.amazonaws.com"):
        assert words in document
    it.picture("jobs-document")
    it.press("Home")
    it.until("#job-list", "None has been created by this time")


def test_pause_step_ten_cut_resume_verdict_go_back_and_compare(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade)
    it.page.evaluate(SCRUB, 60)
    it.press("Space")
    it.press("Space")
    assert it.page.get_attribute("#play", "data-on") == "false"
    it.press("ArrowRight", 10)
    before, length = it.entry, it.entries
    it.press("c")
    it.until(".notice", "This is future 2")
    assert it.entry == before + 1  # the entry before is that it was asked for
    assert re.match(r"Power was lost during this (program|erase) of sector \d+ in", it.text("#say"))
    assert " torn" in str(it.page.get_attribute("#map canvas", "aria-label"))
    it.picture("future-cut")
    it.play_to_the_end()
    it.until("#verdict", "PASSED")
    assert it.text("#device-state") == "succeeded"
    assert it.entries > length  # what was torn was done again
    it.page.locator("film-strip .frame", has_text="Power cut").click()
    it.press("Shift")
    assert "bricked" not in it.text("#device-state")

    # Back before the cut both futures are one film; the comparison says where they part.
    it.press("w")
    it.until("#differ", f"They are one up to entry {before - 1}")
    it.page.evaluate(SCRUB, 30)
    it.press("Shift")
    assert it.pixels("#map-0 canvas") == it.pixels("#map-1 canvas")
    it.page.evaluate(SCRUB, 75)
    it.press("Shift")
    assert it.pixels("#map-0 canvas") != it.pixels("#map-1 canvas")
    assert "PASSED and PASSED" in it.text("#differ")
    it.picture("two-futures")


def test_a_byte_that_is_corrupted_after_its_download_is_found_before_anything_is_installed(
    upgrade: str, desk: Callable[..., Desk]
) -> None:
    it = desk().open(upgrade)
    it.page.evaluate(SCRUB, 11)
    it.press("x")
    it.until(".notice", "This is future")
    it.until("#future", "flip bit")
    it.play_to_the_end()
    assert it.text("#verdict") == "PASSED"  # the script downloads it once more
    it.page.evaluate(SCRUB, 12.5)
    it.press("Shift")
    assert "refuses the package, error 505" in it.text("#timeline")
    it.picture("future-corrupted")


def test_create_a_job_in_the_form_and_watch_the_device_finish_it(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade, "jobs")
    it.page.evaluate(SCRUB, 143)
    it.page.locator("#new-job").click()
    it.page.fill("#jobId", "not a name")
    it.page.get_by_role("button", name="Submit").click()
    assert it.page.evaluate("document.querySelector('#jobId').validity.patternMismatch")
    it.page.fill("#jobId", "again")
    it.page.wait_for_function("() => document.querySelector('#job-form textarea').value.includes('V0003.pack')")
    document = it.page.input_value("#document")
    it.page.fill("#document", "{ no JSON")
    it.page.get_by_role("button", name="Submit").click()
    it.until("#form-error", "no JSON")
    it.picture("job-form")
    it.page.fill("#document", document)
    it.page.get_by_role("button", name="Submit").click()
    it.until(".notice", "This is future")
    it.until("#job-title", "again")
    it.play_to_the_end()
    it.until("#executions", "Succeeded")
    it.page.get_by_role("tab", name="Job document").click()
    it.until("#document", "EG915UEUABR03A21M08_OCPU_QPY")


def test_a_run_is_followed_while_it_goes_on(browser: Any, desk: Callable[..., Desk]) -> None:
    running = Running("run", "first_upgrade", "--transport", "paced", "--speed", "40", "-q", "--ui", "web")
    try:
        running.until("dashboard http")
        it = desk().open(f"{running.base}/?t={running.token}")
        assert it.text("#verdict") == "running"
        it.page.wait_for_function("() => document.querySelector('#clock').textContent > '00:10'")
        it.press("Space")
        stays, known = it.entry, it.entries
        longer = """(known) => {
          const [, last] = document.querySelector("#entry").textContent.match(/[0-9,]+/g);
          return Number(last.replaceAll(",", "")) > known;
        }"""
        it.page.wait_for_function(longer, arg=known)
        assert it.entry == stays
        it.picture("behind-the-edge")
        it.page.get_by_role("button", name="Follow").click()
        it.until("#verdict", "PASSED")
        it.press("Shift")
        assert it.entry == it.entries
        assert it.text("#device-state") == "succeeded"
        it.close()  # before its server goes, which it would complain of
    finally:
        running.leave()


def test_a_served_cloud_create_a_job_and_watch_the_device_finish_it(desk: Callable[..., Desk], tmp_path: Path) -> None:
    ports = [word for name in ("--port", "--tls-port", "--mqtt-port") for word in (name, "0")]
    running = Running("up", "first_upgrade", "--ui", "--speed", "60", "--data", str(tmp_path / "cloud"), *ports)
    try:
        running.until("dashboard http")
        it = desk().open(f"{running.base}/?t={running.token}")
        assert it.text("#verdict") == "live"
        it.page.locator("#hold").click()
        it.until("#hold", "Let time go")
        it.press("Shift")
        stood = it.entries
        it.page.locator("#tick").click()
        it.until_more_than(stood)  # the clock shows tenths of a second, and the next thing is often nearer
        it.until("#hold", "Let time go")
        it.press("j")
        it.until("#job-list", "jobfota")
        it.page.locator("#new-job").click()
        it.page.fill("#jobId", "from-the-form")
        it.page.get_by_role("button", name="Submit").click()
        it.until("#form-error", "let it go first")
        it.page.locator("#hold").click()
        it.until("#hold", "Hold time")
        it.page.get_by_role("button", name="Cancel").click()
        it.page.locator("#new-job").click()
        it.page.fill("#jobId", "from-the-form")
        it.page.wait_for_function("() => document.querySelector('#job-form textarea').value.includes('V0003.pack')")
        it.page.get_by_role("button", name="Submit").click()
        it.until("#job-title", "from-the-form")
        it.until("#executions", "Succeeded")
        it.picture("served-cloud")
        it.page.get_by_role("tab", name="Job document").click()
        it.until("#document", "EG915UEUABR03A21M08_OCPU_QPY")
        it.press("f")
        it.page.locator("#cut").click()
        it.until("#states", "off")
        it.page.locator("#cut", has_text="Power on").click()
        it.page.wait_for_function("() => !document.querySelector('#states').textContent.includes('off')")
        it.close()  # before its server goes, which it would complain of
    finally:
        running.leave()


def test_a_report_opens_from_a_disk(browser: Any, desk: Callable[..., Desk], tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    words = ["run", "first_upgrade", "--transport", "memory", "-q", "--report", f"html={report}"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    it = desk(bypass_csp=True)
    asked: list[str] = []
    it.page.on("request", lambda request: asked.append(request.url))
    it.page.goto(report.as_uri())
    it.page.wait_for_function("() => document.documentElement.dataset.drawn === 'yes'")
    it.press("Shift")
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [report.as_uri()]
    assert it.text(".verdict") == "PASSED"
    for canvas in ("#curve canvas", "#grid canvas", "#flash-0 canvas", "#trend-0 canvas"):
        assert it.drawn(canvas) > 2, canvas
    assert it.overflow() <= 0
    it.page.locator("#grid canvas").click(position={"x": 10, "y": 10})
    assert "QuecPython_OTA: succeeded" in it.text("#picked")
    it.picture("report")
    if AXE.exists():
        assert it.faults() == []


def test_the_run_with_its_verdict_and_a_film_to_take_away(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade, "scenario")
    assert "job['jobfota'].status == 'SUCCEEDED'" in it.text(".checks")
    assert "qpyota run first_upgrade --seed 1 --transport memory" in it.text(".replay")
    with it.page.expect_download() as taken:
        it.page.get_by_role("link", name="Save the film").click()
    assert zipfile.is_zipfile(taken.value.path())


def test_keys_are_told_and_the_focus_is_seen(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk().open(upgrade)
    it.press("?")
    assert it.page.get_by_role("dialog").is_visible()
    it.picture("keys")
    it.press("Escape")
    assert not it.page.locator("#help").is_visible()
    it.press("Tab")
    focused = "getComputedStyle(document.activeElement).outlineStyle"
    assert it.page.evaluate(focused) == "solid"
    it.press("f")
    it.page.wait_for_selector("#grid canvas")
    it.press("t")
    assert it.page.evaluate("document.documentElement.dataset.theme") in ("dark", "light")


def test_a_wrong_token_is_told(upgrade: str, desk: Callable[..., Desk]) -> None:
    it = desk()
    it.page.goto(upgrade[:-3])
    assert "token is missing or wrong" in it.page.get_by_role("alert").inner_text()
    it.wrong.clear()


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core; .ci/web fetches it from npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(upgrade: str, desk: Callable[..., Desk], scheme: str) -> None:
    it = desk(color_scheme=scheme, bypass_csp=True)
    found = {}
    for view in VIEWS:
        it.open(upgrade, view)
        it.press("End")
        it.picture(f"{view}-{scheme}")
        found[view] = it.faults()
    it.open(upgrade, "jobs")
    it.page.locator("#new-job").click()
    found["form"] = it.faults()
    it.press("Escape")
    assert not any(found.values()), found


PLACES = {
    "projector": {"viewport": {"width": 1024, "height": 768}},
    "zoomed": {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2},
    "still": {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_small_projector_and_zoom_do_not_break_it(upgrade: str, desk: Callable[..., Desk], place: str) -> None:
    it = desk(**PLACES[place])
    for view in VIEWS:
        it.open(upgrade, view)
        it.press("End")
        assert it.overflow() <= 0, view
        assert it.page.locator("#play").is_visible()
        it.picture(f"{place}-{view}")
    it.open(upgrade, "device")
    it.press("End")
    assert it.drawn("#map canvas") > 3
    box = it.page.locator("#map").bounding_box()
    assert box["height"] >= 150
    assert box["width"] >= 400
