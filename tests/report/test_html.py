"""The HTML report: what it says without any script, what it must not do, how large it is, and the script it carries."""

import base64
import json
import re
import sqlite3
import zlib

import pytest
from fleet_rig import rollout

from sim.cli.main import main
from sim.report.html_bundle import STATIC, bundle

SIZE_MAX_BYTES = 300_000
LIMITS = """thresholds: {job_succeeded: [rate > 90%], devices_bricked: [count == 0]}
expect: ["job['wave'].failed == 2"]
description: <b>Tags & </script> in a "description"."""


@pytest.fixture
def qpyota(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def page(qpyota, tmp_path):
    assert qpyota("run", rollout(tmp_path, LIMITS), "--transport", "memory", "-q", "--store", "r.db")[0] == 1
    assert qpyota("report", "r.db", "-o", "out/r.html")[0] == 0
    return (tmp_path / "out" / "r.html").read_text(encoding="utf-8")


def data_of(page):
    packed = re.search(r'id="report-data">([^<]+)<', page).group(1)
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def without_scripts(page):
    return re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)


def test_the_verdict_comes_first_and_needs_no_script(page):
    text = without_scripts(page)
    order = ["FAILED</span>", "1 of 3 do not hold", "job_succeeded  rate &gt; 90%", "60.00%", "2 devices failed"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "2 devices: job wave ended FAILED: package is for version" in text
    assert "small_rollout.yaml --seed 1 --transport memory --follow bad-00001</code>" in text
    assert "jobId: wave" in text  # the scenario itself


def test_what_others_wrote_is_escaped(page):
    assert "&lt;b&gt;Tags &amp; &lt;/script&gt; in a &quot;description&quot;." in page
    assert page.count("</script>") == page.count("<script")


def test_the_page_forbids_itself_every_request(page):
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//|url\(|@import""", page)
    assert not re.search(r"^\s*(import|export)\b", page, re.MULTILINE)


def test_what_is_drawn_agrees_with_the_run(page):
    data = data_of(page)
    assert data["jobs"] == [{"id": "wave", "status": "COMPLETED", "counts": data["jobs"][0]["counts"]}]
    assert {name: count for name, count in data["jobs"][0]["counts"].items() if count} == {"SUCCEEDED": 3, "FAILED": 2}
    series = data["curve"]["series"]
    assert [series[name][-1] for name in ("SUCCEEDED", "FAILED", "QUEUED", "IN_PROGRESS")] == [3, 2, 0, 0]
    assert {sum(column) for column in zip(*series.values(), strict=True)} <= {0, 5}
    states = data["fleet"]["states"]
    ended = dict(zip(data["fleet"]["names"], (states[state] for state in data["fleet"]["state"]), strict=True))
    assert ended["bad-00001"] == "failed"
    assert ended["good-00003"] == "succeeded"
    assert sum(data["trends"][0]["y"]) == data["trends"][0]["count"] == 5


def test_the_worst_devices_show_their_flash_and_their_last_events(page):
    worst = data_of(page)["worst"]
    assert worst[0]["device"] == "bad-00001"
    assert len(worst) == 4
    runs = base64.b64decode(worst[0]["flash"]["classes"])
    counts = {}
    for at in range(0, len(runs), 3):
        counts[runs[at + 2]] = counts.get(runs[at + 2], 0) + int.from_bytes(runs[at : at + 2], "little")
    assert sum(counts.values()) * worst[0]["flash"]["page_bytes"] == worst[0]["flash"]["bytes"]
    # The refused package (145,174 bytes, 256 a page) lies there still.
    assert counts[2] >= 568
    assert "ended FAILED" in worst[0]["why"]
    assert worst[0]["events"][-1][2] == "execution"


def test_a_summary_has_no_fleet_and_an_old_file_no_maps(qpyota, tmp_path):
    source = rollout(tmp_path, LIMITS)
    qpyota("run", source, "--transport", "memory", "-q", "--store", "s.db", "--record", "summary")
    assert qpyota("report", "s.db")[0] == 0
    text = (tmp_path / "s.html").read_text()
    assert data_of(text)["fleet"] is None
    assert "job_succeeded  rate &gt; 90%" in text
    database = sqlite3.connect("s.db")
    database.execute("DROP TABLE flash")
    database.commit()
    database.close()
    assert qpyota("report", "s.db")[0] == 0
    assert "Flash of the worst" not in without_scripts((tmp_path / "s.html").read_text())


def test_a_run_that_did_not_end_is_told(qpyota, tmp_path):
    qpyota("run", rollout(tmp_path), "--transport", "memory", "-q", "--store", "k.db")
    database = sqlite3.connect("k.db")
    database.execute("UPDATE run SET ended = NULL")
    database.commit()
    database.close()
    code, _, err = qpyota("report", "k.db")
    assert (code, "did not come to its end" in err) == (2, True)
    assert not (tmp_path / "k.html").exists()


def test_a_scenario_asks_for_it_and_export_knows_it(qpyota, tmp_path):
    source = rollout(tmp_path, "report: { html: out/r.html, store: r.db }")
    qpyota("run", source, "--transport", "memory", "-q")
    assert qpyota("export", "r.db", "--to", "html", "-o", "again.html")[0] == 0
    assert (tmp_path / "out" / "r.html").read_text() == (tmp_path / "again.html").read_text()


def test_a_run_is_asked_for_it(qpyota, tmp_path):
    words = ("run", rollout(tmp_path), "--transport", "memory", "-q", "--report")
    assert qpyota(*words, "html=a.html,junit=a.xml")[0] == 0
    assert (tmp_path / "a.html").exists()
    assert (tmp_path / "a.xml").exists()
    for wrong in ("pdf=a.pdf", "html", "html="):
        code, _, err = qpyota(*words, wrong)
        assert (code, "KIND=FILE" in err) == (2, True), wrong


def test_five_thousand_devices_stay_small(page, tmp_path):
    """The run is not made here: its tables are filled with what one of that size leaves, names of full length."""
    database = sqlite3.connect("r.db")
    rows = [(f"meters-eg915-{number:05}", "meters", "EG915U", "city-lte", "EG915UEUABR03A21M08_OCPU_QPY", 2, 0,
             20_000 + number * 7919 % 977, None, None) for number in range(5000)]  # fmt: skip
    database.executemany(f"INSERT INTO device VALUES ({', '.join('?' * 10)})", rows)
    times = [
        (row[0], "wave", 1, "SUCCEEDED", 10_000_000, 10_000_000 + i * 7919 % 60_000_000, 80_000_000 + i * 104_729)
        for i, row in enumerate(rows)
    ]
    marks = ", ".join("?" * 7)
    database.executemany(f"INSERT INTO execution VALUES ({marks}, 145174, 145174, 2, 1233, 3)", times)
    database.commit()
    database.close()
    with pytest.raises(SystemExit):
        main(["report", "r.db", "-o", "big.html"])
    size = (tmp_path / "big.html").stat().st_size
    print(f"{size} bytes")
    assert len(page.encode()) < size < SIZE_MAX_BYTES


def test_a_bundle_is_what_its_modules_say(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.report.html_bundle.STATIC", tmp_path)
    (tmp_path / "a.js").write_text('import { b as c } from "./d/b.js";\nimport "./d/b.js";\nexport const a = c + 1;\n')
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.js").write_text("/** gone */\nexport function b() {}\n    /** @type {X} */ (b).y = 1;\n")
    made = bundle(tmp_path / "a.js")
    assert made.count("function b()") == 1
    assert "const { b: c } = $d_b;" in made
    assert "/** @type {X} */ (b).y = 1;" in made
    assert "gone" not in made


@pytest.mark.parametrize(
    "odd", ["export default 1;", "export { a };", 'import x from "./a.js";', 'import * as y from "z";']
)
def test_a_form_that_the_bundle_does_not_know_is_refused(tmp_path, monkeypatch, odd):
    monkeypatch.setattr("sim.report.html_bundle.STATIC", tmp_path)
    (tmp_path / "a.js").write_text(f"const a = 1;\n{odd}\n")
    with pytest.raises(ValueError, match="does not know the form"):
        bundle(tmp_path / "a.js")


def test_modules_in_a_circle_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.report.html_bundle.STATIC", tmp_path)
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\n')
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\n')
    with pytest.raises(ValueError, match="imports itself"):
        bundle(tmp_path / "a.js")


def test_every_element_of_the_page_can_be_bundled():
    for element in sorted((STATIC / "elements").glob("*.js")):
        assert "use strict" in bundle(element)
