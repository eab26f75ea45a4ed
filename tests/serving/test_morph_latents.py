"""The frames of a morph: through the keyframes, at one speed or with even change."""

import asyncio

import numpy as np
import pytest

from app.domain.images.checkpoint import ServedCheckpoint
from app.serving.engine import Engine
from app.serving.latents import draw
from app.serving.morph_latents import walk
from models.samples import Point, Sample, Vector

DIM = 100


def path(
    engine: Engine, cats: ServedCheckpoint, keyframes: list[Point], frames: int, easing: str,
    loop: bool = False,
) -> list[Vector]:  # fmt: skip
    walking = walk(
        engine, cats, keyframes, None, frames=frames, method="slerp", easing=easing, loop=loop
    )
    return asyncio.run(walking)


def changes(engine: Engine, cats: ServedCheckpoint, latents: list[Vector]) -> np.ndarray:
    async def features() -> np.ndarray:
        pixels = await engine.generate(cats, [Sample(latent) for latent in latents])
        return await engine.passports.embed(pixels)

    found: np.ndarray = np.linalg.norm(np.diff(asyncio.run(features()), axis=0), axis=1)
    return found


@pytest.mark.parametrize("easing", ["linear", "smooth", "even"])
def test_a_path_begins_and_ends_at_its_keyframes_bit_for_bit(
    engine: Engine, cats: ServedCheckpoint, easing: str
) -> None:
    middle = np.linspace(-1, 1, DIM, dtype=np.float32)
    found = path(engine, cats, [7, middle, 8], 5, easing)
    assert len(found) == 5
    assert [found[0].tobytes(), found[4].tobytes()] == [draw(n, DIM).tobytes() for n in (7, 8)]
    if easing != "even":
        assert found[2].tobytes() == middle.tobytes()


def test_a_loop_ends_one_frame_before_it_begins_again(
    engine: Engine, cats: ServedCheckpoint
) -> None:
    found = path(engine, cats, [7, 8], 12, "even", loop=True)
    assert len(found) == 12
    assert found[0].tobytes() == draw(7, DIM).tobytes()
    assert 0 < np.linalg.norm(found[-1] - found[0]) < np.linalg.norm(draw(8, DIM) - found[0])


def test_even_steps_change_the_picture_more_evenly(engine: Engine, cats: ServedCheckpoint) -> None:
    near = draw(7, DIM) + 0.02 * draw(9, DIM)
    keyframes: list[Point] = [7, near, 8]  # at one speed half of the frames are hardly moving
    linear, even = (
        changes(engine, cats, path(engine, cats, keyframes, 24, easing))
        for easing in ("linear", "even")
    )
    unevenness = [steps.std() / steps.mean() for steps in (linear, even)]
    assert unevenness[0] > 0.5
    assert unevenness[1] < 0.6 * unevenness[0]


def test_an_even_path_is_the_same_again(engine: Engine, cats: ServedCheckpoint) -> None:
    once, again = (path(engine, cats, [1, 2], 10, "even") for _ in range(2))
    assert [one.tobytes() for one in once] == [one.tobytes() for one in again]
