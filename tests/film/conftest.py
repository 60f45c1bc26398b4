"""Films that several tests look at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from film_rig import Filmed, filmed


@pytest.fixture(scope="session")
def first_upgrade() -> Filmed:
    return filmed("first_upgrade")


@pytest.fixture(scope="session")
def shoot() -> Callable[..., Filmed]:
    return filmed
