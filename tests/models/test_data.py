"""The packed dataset is read as it lies on disk; an epoch shows every picture once."""

import gc
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import data
from models.config import TrainingConfig
from models.data import DatasetError, EpochSampler, PackedDataset, normalise, split_held_out
from models.rendering import to_uint8


def test_a_batch_is_the_stored_pictures(cats: Path) -> None:
    dataset = PackedDataset(cats)
    batch = dataset.batch(torch.tensor([7, 0, 7]))
    assert batch.dtype == torch.uint8
    assert np.array_equal(batch.numpy(), np.load(cats / "images.npy")[[7, 0, 7]])


def test_a_large_dataset_is_read_from_the_disk_and_never_mapped(
    cats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "RESIDENT_BYTES", 1000)
    dataset = PackedDataset(cats)
    indices = torch.tensor([7, 299, 7])
    assert np.array_equal(dataset.batch(indices).numpy(), np.load(cats / "images.npy")[[7, 299, 7]])
    assert str(cats) not in Path("/proc/self/maps").read_text()


def test_a_file_that_ends_early_is_named(
    cats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "RESIDENT_BYTES", 1000)
    shutil.copy(cats / "images.npy", tmp_path)
    dataset = PackedDataset(tmp_path)
    os.truncate(tmp_path / "images.npy", 100_000)
    with pytest.raises(DatasetError, match=r"images\.npy ends before image 299"):
        dataset.batch(torch.tensor([299]))


def test_a_prefetched_batch_is_used_only_for_its_own_indices(
    cats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "RESIDENT_BYTES", 1000)
    dataset, stored = PackedDataset(cats), np.load(cats / "images.npy")
    asked = torch.tensor([7, 299, 7, 0, 150])
    dataset.prefetch(asked)
    assert np.array_equal(dataset.batch(asked).numpy(), stored[asked])
    dataset.prefetch(asked)
    assert np.array_equal(dataset.batch(asked + 0 * asked).numpy(), stored[asked])
    dataset.prefetch(asked)
    other = torch.tensor([1, 2, 3, 4, 5])
    assert np.array_equal(dataset.batch(other).numpy(), stored[other])


def test_an_error_of_a_prefetch_is_raised_by_the_batch(
    cats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "RESIDENT_BYTES", 1000)
    shutil.copy(cats / "images.npy", tmp_path)
    dataset = PackedDataset(tmp_path)
    os.truncate(tmp_path / "images.npy", 100_000)
    dataset.prefetch(torch.tensor([0, 299]))
    with pytest.raises(DatasetError, match=r"images\.npy ends before image 299"):
        dataset.batch(torch.tensor([0, 299]))


def test_a_closed_dataset_ends_its_threads_and_closes_its_file(
    cats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "RESIDENT_BYTES", 1000)
    gc.collect()  # the datasets of other tests
    before = set(threading.enumerate())
    dataset = PackedDataset(cats)
    dataset.batch(torch.arange(8))
    readers = set(threading.enumerate()) - before
    opened = [file for file in Path("/proc/self/fd").iterdir() if _is_below(file, cats)]
    assert len(opened) == 1
    assert 1 <= len(readers) <= data.READERS
    del dataset
    gc.collect()
    assert not any(reader.is_alive() for reader in readers)
    assert not _is_below(opened[0], cats)


def _is_below(link: Path, folder: Path) -> bool:
    return link.is_symlink() and link.resolve().is_relative_to(folder)


def test_labels_lie_beside_the_pictures(cats: Path, config: TrainingConfig, tmp_path: Path) -> None:
    conditional = replace(config, conditional=True, classes=("a", "b"))
    with pytest.raises(DatasetError, match=r"labels\.npy is missing"):
        PackedDataset(cats).check(conditional)
    shutil.copy(cats / "images.npy", tmp_path)
    np.save(tmp_path / "labels.npy", np.arange(300, dtype=np.int64) % 3)
    dataset = PackedDataset(tmp_path)
    assert dataset.labels(torch.tensor([4, 0])).tolist() == [1, 0]
    with pytest.raises(DatasetError, match="names class 2, the configuration has 2 classes"):
        dataset.check(conditional)
    np.save(tmp_path / "labels.npy", np.arange(299, dtype=np.int64))
    with pytest.raises(DatasetError, match="not an int64 label per image"):
        PackedDataset(tmp_path)


def test_normalised_pictures_come_back_as_the_same_bytes() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(2, -1, -1, 3)
    images = normalise(pixels)
    assert images.shape == (2, 3, 16, 16)
    assert (images.min().item(), images.max().item()) == (-1, 1)
    assert torch.equal(to_uint8(images), pixels)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (None, "images.npy is missing"),
        (b"not an array", "cannot be read as an array"),
        (np.zeros((2, 64, 64, 3), np.float32), "holds float32"),
        (np.zeros((2, 64, 64), np.uint8), "not uint8"),
        (np.zeros((0, 64, 64, 3), np.uint8), "not uint8"),
        (np.array([{"a": 1}], dtype=object), "cannot be read as an array"),
    ],
)
def test_a_folder_without_pictures_says_what_is_wrong(
    tmp_path: Path, array: np.ndarray | bytes | None, message: str
) -> None:
    if isinstance(array, bytes):
        (tmp_path / "images.npy").write_bytes(array)
    elif array is not None:
        np.save(tmp_path / "images.npy", array, allow_pickle=True)
    with pytest.raises(DatasetError, match=message):
        PackedDataset(tmp_path)


def test_pictures_of_another_shape_are_refused(cats: Path, config: TrainingConfig) -> None:
    with pytest.raises(DatasetError, match=r"\(64, 64, 3\).*\(32, 32, 3\)"):
        PackedDataset(cats).check(replace(config, shape=(32, 32, 3)))


def test_an_epoch_shows_every_picture_once_across_uneven_batches() -> None:
    sampler = EpochSampler(300, seed=1)
    seen = torch.cat([sampler.take(64) for _ in range(75)])  # 16 epochs of 300
    epochs = seen.reshape(16, 300)
    assert all(sorted(epoch.tolist()) == list(range(300)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 16


def test_a_batch_larger_than_the_dataset_spans_epochs() -> None:
    assert sorted(EpochSampler(3, seed=0).take(9).tolist()) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_the_position_is_the_whole_state_of_the_sampler() -> None:
    sampler = EpochSampler(10, seed=4)
    sampler.take(27)
    other = EpochSampler(10, seed=4)
    other.move_to(sampler.epoch, sampler.position)
    assert torch.equal(sampler.take(25), other.take(25))
    assert not torch.equal(EpochSampler(10, 4).take(10), EpochSampler(10, 5).take(10))


def test_peek_returns_the_next_indices_and_does_not_advance() -> None:
    sampler = EpochSampler(10, seed=4)
    for _ in range(20):  # across epochs
        expected = sampler.peek(7)
        assert torch.equal(sampler.peek(7), expected)
        assert torch.equal(sampler.take(7), expected)


@pytest.mark.parametrize(
    ("pictures", "held_out"),
    [(159, 0), (160, 20), (1000, 20), (3000, 60), (15_057, 256)],
)
def test_a_few_pictures_of_enough_are_held_out(pictures: int, held_out: int) -> None:
    learnt, kept = split_held_out(pictures, 0.02)
    assert len(kept) == held_out
    assert torch.cat([learnt, kept]).sort().values.tolist() == list(range(pictures))
    assert torch.equal(kept, split_held_out(pictures, 0.02)[1])


def test_no_share_holds_out_nothing() -> None:
    learnt, kept = split_held_out(15_057, 0.0)
    assert torch.equal(learnt, torch.arange(15_057))
    assert len(kept) == 0


def test_labels_in_proportion_are_as_frequent_as_the_pictures_have_them(
    cats: Path, tmp_path: Path
) -> None:
    shutil.copy(cats / "images.npy", tmp_path)
    np.save(tmp_path / "labels.npy", np.arange(300, dtype=np.int64) % 10 // 9)
    drawn = PackedDataset(tmp_path).proportional_labels(50)
    assert torch.bincount(drawn).tolist() == [45, 5]
