"""A service with the starter model, which the tests of several screens share."""

from collections.abc import Iterator

import pytest
from running_service import Service

# Enough to see a projection through, and too few to find anything.
FEW_STEPS = {"encoder_images": 128, "calibration_pictures": 8, "projection_steps": 3}


@pytest.fixture(scope="package")
def cats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("studio") / "home"
    with Service(home, starter="cats", index_samples=64, **FEW_STEPS) as service:
        service.wait_until_ready()
        yield service
