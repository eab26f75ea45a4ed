"""All processes of `moggy up` are killed at once: after the next start the job still succeeds."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from running_service import Service, wait_until

pytestmark = pytest.mark.slow

IMAGES = 40_960
OVERRIDES = {"width": 8, "sample_every_images": 8192, "checkpoint_every_images": 8192}


def is_packed(dataset: dict[str, Any]) -> bool:
    return bool(dataset["status"] != "ingesting")


def has_stored_state(job: dict[str, Any]) -> bool:
    """Storing a training state resets `attempt`."""
    return bool(job["progress"]["images_seen"] > 4096 and job["attempt"] == 0)


def has_ended(job: dict[str, Any]) -> bool:
    return job["finished_at"] is not None


def test_a_power_cut_loses_no_upload_no_checkpoint_and_no_job(
    tmp_path: Path, shared_data: Path
) -> None:
    with (
        Service(tmp_path / "home", state_every_seconds=1) as service,
        httpx2.Client(base_url=service.url, timeout=30) as client,
    ):
        service.wait_until_ready()
        with (shared_data / "digits-labelled.zip").open("rb") as file:
            form = {"name": "digits", "size": "28"}
            upload = client.post("/v1/datasets", data=form, files={"files": file})
        assert upload.status_code == 202
        service.kill_everything()  # the upload was acknowledged, so it must be packed
        service.start()
        service.wait_until_ready()
        dataset = wait_until(client, "/v1/datasets/digits", is_packed)
        assert (dataset["status"], dataset["images"]) == ("ready", 6000)

        request = {"dataset": "digits", "model": "digits", "images": IMAGES, "overrides": OVERRIDES}
        job = client.post("/v1/jobs", json=request).json()["id"]
        wait_until(client, f"/v1/jobs/{job}", has_stored_state)
        service.kill_everything()
        service.start()
        service.wait_until_ready()
        ended = wait_until(client, f"/v1/jobs/{job}", has_ended)
        assert (ended["status"], ended["error"]) == ("succeeded", None)
        stream = client.get(f"/v1/jobs/{job}/events").text
        starts = [line for line in stream.splitlines() if '"device"' in line]
        assert len(starts) == 2
        assert '"images_seen":0,' in starts[0].replace(" ", "")
        assert '"images_seen":0,' not in starts[1].replace(" ", "")
        checkpoints = client.get("/v1/models/digits/checkpoints").json()["items"]
        assert [checkpoint["images_seen"] for checkpoint in checkpoints] == [
            40960,
            32768,
            24576,
            16384,
            8192,
        ]
    assert service.processes() == []
