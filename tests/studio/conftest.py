"""The browser of a file's tests, and a service with the starter model, which the tests of several
screens share, and its visitor."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from running_service import Service

from .browser import Visitor, open_browser

# Enough to see a projection through, and too few to find anything.
FEW_STEPS = {"encoder_images": 128, "calibration_pictures": 8, "projection_steps": 3}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one file, since this thread has a running event loop while it is open. Each visit has a
    profile of its own in it."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def cats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("studio") / "home"
    with Service(home, starter="cats", index_samples=64, **FEW_STEPS) as service:
        service.wait_until_ready()
        yield service


@pytest.fixture(scope="module")
def visitor(browser: Browser, cats: Service) -> Visitor:
    """Opens pages with the starter model; files with other models have a fixture of this name."""
    return Visitor(browser, cats.url)
