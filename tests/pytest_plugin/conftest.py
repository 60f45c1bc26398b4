"""What pytest prints does not depend on where the tests of the plugin run."""

import pytest


@pytest.fixture(autouse=True)
def on_nobodys_build_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """With these set, pytest's summary repeats whole messages."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
