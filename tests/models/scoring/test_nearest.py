"""The index of a dataset's embeddings: exact, on disk, and honest about what is absent."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.scoring import nearest
from models.scoring.nearest import SAME_IMAGE_DISTANCE, Index, NoIndex, copy_distance, write_index


def unit_vectors(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, 128))
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def write(folder: Path, features: np.ndarray) -> Index:
    np.save(folder / "features.npy", features.astype(np.float16))
    write_index(folder, np.load(folder / "features.npy", mmap_mode="r"))
    return Index(folder)


def searchable(folder: Path, features: np.ndarray) -> Index:
    """An index of which only the nearest is asked: its real distances are not looked up."""
    np.save(folder / "features.npy", features.astype(np.float16))
    np.save(folder / "neighbours.npy", np.ones(1, np.float32))
    return Index(folder)


def brute_force(stored: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """(M, N) distances between float16 vectors, in float64."""
    rows, columns = (
        torch.from_numpy(vectors.astype(np.float16)).double() for vectors in (queries, stored)
    )
    return torch.cdist(rows, columns, compute_mode="donot_use_mm_for_euclid_dist").numpy()


@pytest.mark.parametrize("count", [2, 2047, 2048, 5000])
@pytest.mark.parametrize("queries", [1, 7, 1500])
def test_the_nearest_is_the_one_of_a_comparison_with_all(
    tmp_path: Path, count: int, queries: int
) -> None:
    stored, asked = unit_vectors(count), unit_vectors(queries, seed=1)
    places, distances = searchable(tmp_path, stored).nearest(asked)
    truth = brute_force(stored, asked)
    assert (places.dtype.type, distances.dtype.type) == (np.int64, np.float32)
    assert np.array_equal(places, truth.argmin(1))
    assert np.allclose(distances, truth.min(1), rtol=1e-6, atol=0)


@pytest.mark.parametrize("count", [1, 5, 3000])
def test_the_nearest_few_are_those_of_a_comparison_with_all(tmp_path: Path, count: int) -> None:
    stored, query = unit_vectors(2100), unit_vectors(1, seed=1)
    stored[[3, 2090]] = stored[17]  # of equals the first comes first
    indices, distances = searchable(tmp_path, stored).nearest_to_one(query[0], count)
    truth = brute_force(stored, query)[0]
    assert np.array_equal(indices, np.argsort(truth, kind="stable")[:count])
    assert np.allclose(distances, np.sort(truth)[:count], rtol=1e-6, atol=0)


def test_near_ties_below_the_precision_of_float32_are_told_apart(tmp_path: Path) -> None:
    """Thousands within one rounding of each other: the least of float16's steps decides."""
    random = np.random.default_rng(0)
    centre = unit_vectors(1)[0].astype(np.float16)
    stored = np.repeat(centre[None], 6000, 0)
    for row in stored[:-1]:
        changed = random.integers(128, size=random.integers(2, 9))
        row[changed] = np.nextafter(row[changed], np.float16(2))
    places, distances = searchable(tmp_path, stored).nearest(centre[None])
    truth = brute_force(stored, centre[None])
    assert places[0] == truth.argmin() == 5999
    assert distances[0] == truth.min() == 0
    again, distance = searchable(tmp_path, stored[:-1]).nearest(centre[None])
    truth = truth[:, :-1]
    assert again[0] == truth.argmin()
    assert distance[0] == np.float32(truth.min())


def test_of_equals_the_first_is_named(tmp_path: Path) -> None:
    stored = np.concatenate([unit_vectors(10), np.repeat(unit_vectors(1, seed=5), 40_000, 0)])
    assert searchable(tmp_path, stored).nearest(unit_vectors(3, seed=5)[:1])[0].tolist() == [10]


def test_the_distance_of_a_stored_vector_to_itself_is_0(tmp_path: Path) -> None:
    stored = unit_vectors(2000)
    places, distances = searchable(tmp_path, stored).nearest(stored)
    assert np.array_equal(places, np.arange(2000))
    assert not distances.any()


def test_neighbours_are_the_sorted_distances_to_the_nearest_other_picture(tmp_path: Path) -> None:
    stored = unit_vectors(2000)
    found = write(tmp_path, stored).neighbours
    truth = brute_force(stored, stored)
    np.fill_diagonal(truth, np.inf)
    assert found.dtype == np.float32
    assert np.allclose(found, np.sort(truth.min(1)), rtol=1e-6, atol=0)


def test_of_many_pictures_a_fixed_sample_is_looked_up_among_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "NEIGHBOUR_QUERIES", 500)
    stored = unit_vectors(2000)
    first = write(tmp_path, stored).neighbours.copy()
    truth = brute_force(stored, stored)
    np.fill_diagonal(truth, np.inf)
    assert len(first) == 500
    assert np.isin(first, truth.min(1).astype(np.float32)).mean() > 0.99
    assert np.array_equal(write(tmp_path, stored).neighbours, first)


def test_a_percentile_is_the_share_of_real_distances_that_are_smaller(tmp_path: Path) -> None:
    searched = write(tmp_path, unit_vectors(1000))
    real = searched.neighbours
    asked = np.array([0, real[0], real[500], np.nextafter(real[999], np.float32(2)), 2])
    assert searched.percentile(asked.astype(np.float32)).tolist() == [0, 0, 50, 100, 100]


def test_one_in_a_hundred_real_pictures_is_nearer_than_a_copy() -> None:
    distances = np.linspace(0.1, 1, 1001, dtype=np.float32)
    assert np.isclose(copy_distance(distances), distances[10])
    assert (distances < copy_distance(distances)).mean() == pytest.approx(0.01, abs=0.001)
    assert copy_distance(np.zeros(100, np.float32)) == SAME_IMAGE_DISTANCE


@pytest.mark.parametrize("missing", ["features.npy", "neighbours.npy"])
def test_a_dataset_packed_without_embeddings_is_reported(tmp_path: Path, missing: str) -> None:
    write(tmp_path, unit_vectors(10))
    (tmp_path / missing).unlink()
    with pytest.raises(NoIndex, match=f"{missing} is missing"):
        Index(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((5, 128), np.float32), "no float16 array of 2 dimensions"),
        (np.zeros(5, np.float16), "no float16 array of 2 dimensions"),
        (np.zeros((0, 128), np.float16), "is empty"),
        (b"nothing that numpy wrote", "cannot be read as an array"),
        (b"", "cannot be read as an array"),
    ],
    ids=["float32", "one dimension", "no pictures", "broken", "no bytes"],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    tmp_path: Path, content: np.ndarray | bytes, reason: str
) -> None:
    write(tmp_path, unit_vectors(10))
    path = tmp_path / "features.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(NoIndex, match=f"features.npy .*{reason}"):
        Index(tmp_path)


def test_an_open_index_outlives_its_folder(tmp_path: Path) -> None:
    stored = unit_vectors(5000)
    searched = searchable(tmp_path, stored)
    for name in ("features.npy", "neighbours.npy"):
        (tmp_path / name).unlink()
    assert searched.nearest(stored[4000:4001])[0].tolist() == [4000]


def test_the_vectors_are_mapped_and_not_read_into_memory(tmp_path: Path) -> None:
    searched = searchable(tmp_path, unit_vectors(5000))
    mapped = Path("/proc/self/maps")
    if not mapped.exists():
        pytest.skip("the kernel does not tell what is mapped")
    assert str(tmp_path / "features.npy") in mapped.read_text()
    del searched
    assert str(tmp_path / "features.npy") not in mapped.read_text()
