import pytest
from build_web_svc import World


@pytest.fixture
def world() -> World:
    return World()
