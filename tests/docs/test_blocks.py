"""No page tells people to type what no test types: every block of commands, YAML or code has a test that runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
RUN = {"console", "sh", "yaml", "python", "json"}
SHOWN = {"text", "mermaid"}

OWNERS = {
    "README.md": "tests/cli/test_readme.py",
    "add-a-family.md": "tests/docs/test_add_a_family.py",
    "cloud.md": "tests/e2e/test_cloud_clients_tutorial.py",
    "developer.md": ".ci/tutorials",
    "identity.md": "tests/cloud/test_identity_devices.py",
    "labs.md": "tests/learn/test_learn_docs.py",
    "lint.md": "tests/script/lint/test_lint.py",
    "load-tester.md": ".ci/tutorials",
    "load-testing.md": "tests/e2e/test_load_testing_docs.py",
    "outside-brokers.md": "tests/docs/test_outside_brokers_page.py",
    "pytest.md": "tests/pytest_plugin/test_plugin_docs.py",
    "reports.md": "tests/fleet/test_reports_docs.py",
    "runtimes.md": "tests/e2e/test_runtimes_agree.py",
    "scenarios.md": "tests/scenario/test_docs.py",
    "shards.md": "tests/fleet/test_shards_docs.py",
    "serve.md": "tests/serve/test_serve_docs.py",
    "teacher.md": ".ci/tutorials",
    "teaching.md": "tests/learn/test_learn_docs.py",
    "troubleshooting.md": "tests/docs/test_troubleshooting.py",
    "workbench.md": "tests/serve/test_workbench_docs.py",
    "what-if.md": "tests/lab/test_what_if_docs.py",
}
"""The page, and the test that runs its blocks."""


def languages(page: Path) -> list[str]:
    """The language of each fenced block."""
    marks = re.findall(r"^ *```(\w*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return marks[::2]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_block_is_shown_or_run(page: Path) -> None:
    told = set(languages(page))
    assert told <= RUN | SHOWN, f"{page.name}: a block needs one of {sorted(RUN | SHOWN)}"
    if told & RUN:
        assert page.name in OWNERS, f"{page.name}: which test runs its {', '.join(sorted(told & RUN))} blocks?"


@pytest.mark.parametrize(("page", "test"), OWNERS.items(), ids=list(OWNERS))
def test_the_owner_reads_the_page(page: str, test: str) -> None:
    assert page in (ROOT / test).read_text(encoding="utf-8")
    assert any(path.name == page for path in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target
