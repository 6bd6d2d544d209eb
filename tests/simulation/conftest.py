import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """The product logs every failure, and here nearly everything fails."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
    structlog.configure(**before)
