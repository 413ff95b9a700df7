"""A small world, and a saved run in it with random parameters."""

import pytest
from made_saved import made_saved
from small_world import SMALL, SMALL_FORMS, world_from


@pytest.fixture(scope="session")
def small():
    return world_from(SMALL)


@pytest.fixture(scope="session")
def formed():
    """A world whose words have forms."""
    return world_from(SMALL_FORMS)


@pytest.fixture(scope="session")
def made(small):
    return made_saved(small)
