"""Fixtures of the network tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from net_stage import Authority, Identity, Stage


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("test CA")


@pytest.fixture(scope="session")
def foreign_authority() -> Authority:
    return Authority("somebody else")


@pytest.fixture(scope="session")
def identity(authority: Authority) -> Identity:
    return authority.issue("thing")


@pytest.fixture(params=["memory", "tcp", "tls"])
def stage(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Stage]:
    made = Stage(request.param, authority)
    yield made
    made.close()
