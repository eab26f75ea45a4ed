"""The latents of a morph: through the keyframes, at constant speed or with even change."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.serving.engine import Engine
from app.serving.latents import vector_of
from app.serving.morph_latents import even_positions, evenness, frame_latents, probe_positions
from models.samples import Point, Sample, Vector

DIM = 100


def path(
    engine: Engine, cats: GeneratorCheckpoint, keyframes: list[Point], frames: int, easing: str,
    loop: bool = False, truncation: float = 1.0,
) -> list[Vector]:  # fmt: skip
    computing = frame_latents(
        engine, cats, keyframes, None, frames=frames, method="slerp", easing=easing, loop=loop,
        truncation=truncation,
    )  # fmt: skip
    return asyncio.run(computing)


def changes(engine: Engine, cats: GeneratorCheckpoint, latents: list[Vector]) -> np.ndarray:
    async def features() -> np.ndarray:
        pixels = await engine.generate(cats, [Sample(latent) for latent in latents])
        return await engine.embedding_thread.embed(pixels)

    steps: np.ndarray = np.linalg.norm(np.diff(asyncio.run(features()), axis=0), axis=1)
    return steps


@pytest.mark.parametrize("easing", ["linear", "smooth", "even"])
def test_a_path_begins_and_ends_at_its_keyframes_bit_for_bit(
    engine: Engine, cats: GeneratorCheckpoint, easing: str
) -> None:
    middle = np.linspace(-1, 1, DIM, dtype=np.float32)
    latents = path(engine, cats, [7, middle, 8], 5, easing)
    assert len(latents) == 5
    assert latents[0].tobytes() == vector_of(7, DIM).tobytes()
    assert latents[4].tobytes() == vector_of(8, DIM).tobytes()
    if easing != "even":
        assert latents[2].tobytes() == middle.tobytes()


@pytest.mark.parametrize("easing", ["linear", "even"])
def test_a_truncated_path_has_truncated_latents(
    engine: Engine, cats: GeneratorCheckpoint, easing: str
) -> None:
    whole, truncated = (path(engine, cats, [7, 8], 9, easing, truncation=t) for t in (1.0, 0.5))
    for index in (0, 8):
        assert truncated[index].tobytes() == (whole[index] * np.float32(0.5)).tobytes()
    evenly = np.allclose(truncated, np.multiply(whole, 0.5), atol=1e-6)
    # The images of truncated latents change at other places: `even` has to measure them.
    assert evenly == (easing == "linear")


def test_a_loop_ends_one_frame_before_it_begins_again(
    engine: Engine, cats: GeneratorCheckpoint
) -> None:
    latents = path(engine, cats, [7, 8], 12, "even", loop=True)
    assert len(latents) == 12
    assert latents[0].tobytes() == vector_of(7, DIM).tobytes()
    last_step = np.linalg.norm(latents[-1] - latents[0])
    assert 0 < last_step < np.linalg.norm(vector_of(8, DIM) - latents[0])


def test_with_even_easing_the_picture_changes_more_evenly(
    engine: Engine, cats: GeneratorCheckpoint
) -> None:
    near = vector_of(7, DIM) + 0.02 * vector_of(9, DIM)
    keyframes: list[Point] = [7, near, 8]  # with `linear` half of the frames hardly change
    linear, even = (
        changes(engine, cats, path(engine, cats, keyframes, 24, easing))
        for easing in ("linear", "even")
    )
    unevenness = [steps.std() / steps.mean() for steps in (linear, even)]
    assert unevenness[0] > 0.5
    assert unevenness[1] < 0.6 * unevenness[0]


def test_the_evenness_is_that_of_the_frames(engine: Engine, cats: GeneratorCheckpoint) -> None:
    near = vector_of(7, DIM) + 0.02 * vector_of(9, DIM)
    for easing in ("linear", "even"):
        latents = path(engine, cats, [7, near, 8], 12, easing)
        steps = changes(engine, cats, latents)
        measured = asyncio.run(evenness(engine, cats, latents, None, loop=False))
        assert measured == pytest.approx(steps.max() / steps.mean())
    looped = asyncio.run(evenness(engine, cats, latents, None, loop=True))
    assert looped > measured  # the change from the last frame back to the first counts
    still = asyncio.run(evenness(engine, cats, [latents[0]] * 3, None, loop=True))
    assert still == 1


def test_an_even_path_is_reproducible(engine: Engine, cats: GeneratorCheckpoint) -> None:
    once, again = (path(engine, cats, [1, 2], 10, "even") for _ in range(2))
    assert [latent.tobytes() for latent in once] == [latent.tobytes() for latent in again]


def line_features(probes: list[float], speed: dict[int, float]) -> np.ndarray:
    """Embeddings of a point that moves on a line, at its own speed in every segment."""
    passed = [0.0]
    for before, after in pairwise(probes):
        passed.append(passed[-1] + speed[int((before + after) / 2)] * (after - before))
    return np.array([[distance, 0.0] for distance in passed], np.float32)


def test_frames_crowd_where_much_changes() -> None:
    probes = probe_positions(2)
    positions = even_positions(line_features(probes, {0: 1.0, 1: 3.0}), 2, 9, loop=False)
    assert positions == pytest.approx([0, 0.5, 1, 1.1667, 1.3333, 1.5, 1.6667, 1.8333, 2], abs=1e-3)


def test_even_positions_of_a_loop_leave_out_the_end() -> None:
    probes = probe_positions(2)
    positions = even_positions(line_features(probes, {0: 1.0, 1: 1.0}), 2, 4, loop=True)
    assert positions == pytest.approx([0, 0.5, 1, 1.5], abs=1e-3)


def test_where_nothing_changes_at_all_the_frames_are_evenly_spaced() -> None:
    probes = probe_positions(1)
    still = np.zeros((len(probes), 3), np.float32)
    assert even_positions(still, 1, 5, loop=False) == [0, 0.25, 0.5, 0.75, 1]


def test_a_part_where_nothing_changes_gets_few_frames_but_is_not_left_out() -> None:
    probes = probe_positions(2)
    positions = even_positions(line_features(probes, {0: 0.0, 1: 1.0}), 2, 101, loop=False)
    inside = [position for position in positions if 0 < position < 1]
    assert 2 <= len(inside) <= 8


@pytest.mark.parametrize("segments", [1, 2, 7, 64])
def test_probes_reach_from_end_to_end_and_meet_every_keyframe(segments: int) -> None:
    probes = probe_positions(segments)
    assert set(range(segments + 1)) <= set(probes)
    assert len(probes) <= max(129, 16 * segments + 1)


def test_at_a_sharp_turn_no_two_frames_are_the_same() -> None:
    probes = probe_positions(1)
    turned = np.array([[0.0] if position < 0.5 else [1.0] for position in probes], np.float32)
    positions = even_positions(turned, 1, 600, loop=False)
    assert len(set(positions)) == 600
