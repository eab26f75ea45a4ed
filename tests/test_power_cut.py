"""All of `moggy up` killed at once: after the next start the job ends as if nothing had been."""

from pathlib import Path

import httpx2
import pytest
from service import Service, until

pytestmark = pytest.mark.slow

IMAGES = 40_960
OVERRIDES = {"width": 8, "sample_every_images": 8192, "checkpoint_every_images": 8192}


def test_a_power_cut_costs_no_upload_no_checkpoint_and_no_job(
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
        service.kill_everything()  # the upload was acknowledged: it must come to its end
        service.start()
        service.wait_until_ready()
        dataset = until(client, "/v1/datasets/digits", lambda one: one["status"] != "ingesting")
        assert (dataset["status"], dataset["images"]) == ("ready", 6000)

        request = {"dataset": "digits", "model": "digits", "images": IMAGES, "overrides": OVERRIDES}
        job = client.post("/v1/jobs", json=request).json()["id"]
        until(
            client,
            f"/v1/jobs/{job}",
            lambda one: one["progress"]["images_seen"] > 4096 and one["attempt"] == 0,
        )
        service.kill_everything()
        service.start()
        service.wait_until_ready()
        ended = until(client, f"/v1/jobs/{job}", lambda one: one["finished_at"] is not None)
        assert (ended["status"], ended["error"]) == ("succeeded", None)
        stream = client.get(f"/v1/jobs/{job}/events").text
        starts = [line for line in stream.splitlines() if '"device"' in line]
        assert len(starts) == 2
        assert '"images_seen":0,' in starts[0].replace(" ", "")
        assert '"images_seen":0,' not in starts[1].replace(" ", "")
        checkpoints = client.get("/v1/models/digits/checkpoints").json()["items"]
        assert [one["images_seen"] for one in checkpoints] == [
            40960,
            32768,
            24576,
            16384,
            8192,
        ]
    assert service.processes() == []
