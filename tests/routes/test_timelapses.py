"""Timelapses: the sample grids of a training as a film, while it runs and after it has ended."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from queued_jobs import claim_job, post_training

from app.domain import leases
from app.domain.database import Database
from app.domain.job_objects import sample_key
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from models.samples import png

IMMUTABLE = "max-age=31536000, immutable"

Draw = Callable[..., np.ndarray]


@pytest.fixture
def job(client: TestClient, cats: str) -> str:
    """A queued training."""
    job_id: str = post_training(client)["id"]
    return job_id


@pytest.fixture
def draw(database: Database, settings: Settings, job: str) -> Draw:
    """Stores a sample grid of the training, as its worker does, and returns the grid's pixels."""
    store, claim = ObjectStore(settings), claim_job(database)

    def store_grid(
        images_seen: int, channels: int = 3, side: int = 40, rollbacks: int = 0
    ) -> np.ndarray:
        seed = (images_seen, rollbacks)
        grid = np.random.default_rng(seed).integers(0, 256, (side, side, channels), np.uint8)
        store.put_bytes(sample_key(job, images_seen), png(grid))
        data = {"images_seen": images_seen, "url": "/"}
        with database.write() as session:
            leases.record(session, claim, "sample", data, once=f"{images_seen}:{rollbacks}")
            if images_seen == 999:
                leases.end(session, claim, Status.SUCCEEDED)
        return grid

    return store_grid


def film(client: TestClient, job: str, file: str = "timelapse.webp", **arguments: Any) -> Any:
    return client.get(f"/v1/jobs/{job}/{file}", **arguments)


def played(data: bytes) -> tuple[list[np.ndarray], list[int]]:
    """The frames of a WebP, and how many milliseconds each is shown."""
    image = Image.open(io.BytesIO(data))
    frames, durations = [], []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(np.asarray(image))
        durations.append(image.info["duration"])
    return frames, durations


def read_recipe(client: TestClient, data: bytes) -> Any:
    return client.post("/v1/recipes/read", content=data).json()["recipe"]


def test_it_shows_every_grid_once_in_order_and_holds_the_last(
    client: TestClient, job: str, draw: Draw
) -> None:
    grids = [draw(images_seen) for images_seen in (0, 64, 128)]
    answer = film(client, job)
    assert answer.headers["content-type"] == "image/webp"
    frames, durations = played(answer.content)
    assert np.array_equal(frames, grids)
    assert durations == [83, 84, 1000]  # 12 a second
    assert played(film(client, job, "timelapse.webp?fps=20").content)[1] == [50, 50, 1000]
    assert (answer.headers["Moggy-Frames"], answer.headers["Moggy-Samples"]) == ("3", "3")
    recipe = read_recipe(client, answer.content)
    assert (recipe["job"], recipe["images_seen"], recipe["fps"]) == (job, [0, 64, 128], 12)


def test_an_mp4_repeats_the_last_grid_for_a_second(
    client: TestClient, job: str, draw: Draw
) -> None:
    for images_seen in (0, 64):
        draw(images_seen)
    answer = film(client, job, "timelapse.mp4?fps=10")
    assert answer.headers["content-type"] == "video/mp4"
    assert read_recipe(client, answer.content)["images_seen"] == [0, 64]
    # The number of samples, in the box stsz of ISO/IEC 14496-12.
    counts = answer.content[answer.content.index(b"stsz") + 12 :]
    assert int.from_bytes(counts[:4], "big") == 1 + 10
    part = film(client, job, "timelapse.mp4?fps=10", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_while_the_training_runs_the_etag_changes_with_each_grid(
    client: TestClient, job: str, draw: Draw
) -> None:
    draw(0)
    first = film(client, job)
    assert first.headers["Cache-Control"] == "no-cache"
    tag = {"If-None-Match": first.headers["ETag"]}
    assert film(client, job, headers=tag).status_code == 304
    assert film(client, job, "timelapse.webp?fps=20", headers=tag).status_code == 200
    draw(64)
    second = film(client, job, headers=tag)
    assert (second.status_code, len(played(second.content)[0])) == (200, 2)


def test_after_a_rollback_the_new_grids_are_shown_under_a_new_etag(
    client: TestClient, job: str, draw: Draw
) -> None:
    for images_seen in (0, 64):
        draw(images_seen)
    before = film(client, job)
    again = draw(64, rollbacks=1)
    after = film(client, job, headers={"If-None-Match": before.headers["ETag"]})
    frames, _ = played(after.content)
    assert len(frames) == 2
    assert np.array_equal(frames[1], again)


def test_after_the_end_it_may_be_cached_for_ever(client: TestClient, job: str, draw: Draw) -> None:
    for images_seen in (0, 999):
        draw(images_seen)
    answer = film(client, job)
    assert answer.headers["Cache-Control"] == IMMUTABLE
    assert film(client, job).content == answer.content


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_grids_keep_their_pixels(
    client: TestClient, job: str, draw: Draw, channels: int
) -> None:
    grids = [draw(images_seen, channels) for images_seen in (0, 64)]
    frames, _ = played(film(client, job).content)
    if channels == 1:  # an animated WebP has colours
        frames = [frame[:, :, :1] for frame in frames]
    assert np.array_equal(frames, grids)
    assert film(client, job, "timelapse.mp4").status_code == 200


def test_a_scale_enlarges_the_grids(client: TestClient, job: str, draw: Draw) -> None:
    grid = draw(0)
    frames, _ = played(film(client, job, "timelapse.webp?scale=2&resample=nearest").content)
    assert np.array_equal(frames[0], grid.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("limit", [{"max_frames": 4}, {"max_response_pixels": 40 * 40 * 4}])
def test_a_long_training_is_thinned_evenly_and_the_headers_say_so(
    client: TestClient, job: str, draw: Draw, settings: Settings, limit: dict[str, int]
) -> None:
    client.app.state.settings = settings.model_copy(update=limit)  # type: ignore[attr-defined]
    for images_seen in range(10):
        draw(images_seen)
    answer = film(client, job)
    assert (answer.headers["Moggy-Frames"], answer.headers["Moggy-Samples"]) == ("4", "10")
    assert read_recipe(client, answer.content)["images_seen"] == [0, 3, 6, 9]
    assert len(played(answer.content)[0]) == 4


def test_a_scale_beyond_the_limit_of_pixels_is_refused(
    client: TestClient, job: str, draw: Draw, settings: Settings
) -> None:
    limits = {"max_response_pixels": 40 * 40 * 2}
    client.app.state.settings = settings.model_copy(update=limits)  # type: ignore[attr-defined]
    for images_seen in range(3):
        draw(images_seen)
    refusal = film(client, job, "timelapse.webp?scale=2")
    assert (refusal.status_code, refusal.json()["field"]) == (422, "scale")
    assert "2 frames of 80×80 are 12,800 pixels; the limit" in refusal.json()["detail"]


def test_grids_of_two_sizes_are_refused(client: TestClient, job: str, draw: Draw) -> None:
    draw(0)
    draw(64, side=20)
    refusal = film(client, job)
    assert refusal.status_code == 409
    assert "the sample at 64 images is 20×20, the first is 40×40" in refusal.json()["detail"]


def test_a_training_without_grids_and_other_jobs_have_none(
    client: TestClient, cats: str, job: str
) -> None:
    missing = film(client, job)
    assert missing.status_code == 404
    assert "is queued and has drawn no sample grid yet" in missing.json()["detail"]
    archive = {"files": ("a.png", png(np.zeros((64, 64, 3), np.uint8)))}
    client.post("/v1/datasets", data={"name": "dogs"}, files=archive)
    ingest = client.get("/v1/jobs?kind=ingest").json()["items"][0]["id"]
    refusal = film(client, ingest)
    assert refusal.status_code == 404
    assert (
        "of kind ingest and has no timelapse: only jobs of kind train" in refusal.json()["detail"]
    )
    assert film(client, "nobody").status_code == 404


def test_a_format_or_a_rate_that_no_film_has_is_refused(client: TestClient, job: str) -> None:
    assert film(client, job, "timelapse.gif").json()["field"] == "format"
    assert film(client, job, "timelapse.webp?fps=61").json()["field"] == "fps"


def test_a_film_is_not_verified(client: TestClient, job: str, draw: Draw) -> None:
    draw(0)
    refusal = client.post("/v1/recipes/verify", content=film(client, job).content)
    assert refusal.status_code == 422
    assert "a timelapse is not verified" in refusal.json()["detail"]
