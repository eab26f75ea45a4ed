"""Detours of a morph: only poor segments are bent, and only towards a higher lowest quality."""

import asyncio

import numpy as np
import pytest
from sample_index_files import SMALL, build

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.serving.detours import Detour, find_detour
from app.serving.engine import Engine
from app.serving.morph_latents import embed_latents
from benchmarks.harness.random_models import store_checkpoint
from models.latents import LatentPath
from models.scoring.sample_index import SampleIndex
from models.seeds import latents_from_seeds

SEEDS = range(4)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SampleIndex:
    folder = tmp_path_factory.mktemp("index") / "run"
    return SampleIndex(build(folder, SMALL, with_pictures=True))


@pytest.fixture
def small(store: ObjectStore) -> GeneratorCheckpoint:
    return store_checkpoint(store, **SMALL)


@pytest.fixture
def path() -> LatentPath:
    return LatentPath(latents_from_seeds(list(SEEDS), SMALL["latent_dim"]), loop=True)


def find(
    engine: Engine,
    checkpoint: GeneratorCheckpoint,
    path: LatentPath,
    index: SampleIndex,
    below: float,
) -> Detour:
    return asyncio.run(find_detour(engine, checkpoint, path, None, index, below))


def lowest(
    engine: Engine, checkpoint: GeneratorCheckpoint, path: LatentPath, index: SampleIndex
) -> list[float]:
    """The lowest quality of each segment, at the places that a detour measures."""
    assert index.reference is not None
    found = []
    for segment in range(path.segments):
        latents = [path.at(segment, step / 16) for step in range(1, 16)]
        features = asyncio.run(embed_latents(engine, checkpoint, latents, None))
        found.append(float(index.quality(index.reference.realism(features)).min()))
    return found


def test_poor_segments_are_bent_and_become_better(
    engine: Engine, small: GeneratorCheckpoint, path: LatentPath, index: SampleIndex
) -> None:
    before = lowest(engine, small, path, index)
    below = float(np.median(before))
    detour = find(engine, small, path, index, below)
    bent = [bend.segment for bend in detour.bends]
    assert bent
    assert set(bent) <= {segment for segment, low in enumerate(before) if low < below}
    after = lowest(engine, small, path.bent(detour.bends), index)
    for segment in range(path.segments):
        if segment in bent:
            assert after[segment] > before[segment]
        else:
            assert after[segment] == before[segment]
    assert (detour.direct, detour.bent) == (min(before), min(after))
    again = find(engine, small, path, index, below)
    assert [bend.offset.tobytes() for bend in again.bends] == [
        bend.offset.tobytes() for bend in detour.bends
    ]


def test_a_path_of_good_images_stays_as_it_is(
    engine: Engine, small: GeneratorCheckpoint, path: LatentPath, index: SampleIndex
) -> None:
    detour = find(engine, small, path, index, below=0.0)
    assert detour.bends == []
    assert detour.bent == detour.direct
