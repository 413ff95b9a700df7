"""A small world, and a saved run in it with random parameters."""

import pytest
from made_saved import made_saved
from small_world import SMALL, world_from


@pytest.fixture(scope="session")
def small():
    return world_from(SMALL)


@pytest.fixture(scope="session")
def made(small):
    return made_saved(small)
