"""All processes of `moggy up` are killed at once: an upload that was acknowledged is not lost.

`tests/up/test_jobs.py` does the same to a training.
"""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from real_images import every_nth
from running_service import Service, wait_until

pytestmark = pytest.mark.slow


def is_packed(dataset: dict[str, Any]) -> bool:
    return bool(dataset["status"] != "ingesting")


def test_a_power_cut_loses_no_upload(tmp_path: Path, shared_data: Path) -> None:
    source = every_nth(shared_data / "digits-labelled.zip", 10, tmp_path / "digits.zip")
    with (
        Service(tmp_path / "home") as service,
        httpx2.Client(base_url=service.url, timeout=30) as client,
    ):
        service.wait_until_ready()
        with source.open("rb") as file:
            form = {"name": "digits", "size": "28"}
            upload = client.post("/v1/datasets", data=form, files={"files": file})
        assert upload.status_code == 202
        service.kill_everything()  # the upload was acknowledged, so it must be packed
        service.start()
        service.wait_until_ready()
        dataset = wait_until(client, "/v1/datasets/digits", is_packed)
        assert (dataset["status"], dataset["images"]) == ("ready", 600)
    assert service.processes() == []
