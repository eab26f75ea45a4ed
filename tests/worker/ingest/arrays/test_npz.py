import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_files import images, npy

Run = Callable[..., Any]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_each_split_has_its_images_and_labels(
    ingest: Run, tmp_path: Path, save: Callable[..., None]
) -> None:
    train, test = images(40, 32, 32, 3), images(20, 32, 32, 3, seed=1)
    path = tmp_path / "set.npz"
    save(path, y_train=np.arange(40) % 4, x_train=train, x_test=test, y_test=np.arange(20)[:, None])
    outcome = ingest([path])
    assert np.array_equal(outcome.images, np.concatenate([train, test]))
    labels = np.load(outcome.folder / "labels.npy")
    assert labels.tolist() == [*(np.arange(40) % 4), *range(20)]
    assert outcome.report["received"] == 60


def test_the_only_array_may_have_any_name(ingest: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a", images(3, 32, 32))
    assert ingest([tmp_path / "a.npz"]).report["accepted"] == 3


def test_an_array_with_another_name_is_rejected(ingest: Run, tmp_path: Path) -> None:
    masks = images(3, 32, 32, seed=5)
    np.savez(tmp_path / "a", images=images(3, 32, 32), masks=masks)
    outcome = ingest([tmp_path / "a.npz"])
    assert outcome.report["accepted"] == 3
    assert outcome.reasons == {
        "a.npz/masks": "unknown name: call arrays of pictures images, x or data, and arrays of "
        "labels labels or y"
    }


def test_pickled_objects_are_never_read(ingest: Run, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    np.savez(tmp_path / "a", images=images(3, 32, 32), y=np.array([Trap()] * 3, object))
    outcome = ingest([tmp_path / "a.npz"])
    assert outcome.report["accepted"] == 3
    assert outcome.reasons["a.npz/y"].startswith("pickled objects")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_cut_npz_is_rejected(ingest: Run, tmp_path: Path, part: float) -> None:
    np.savez_compressed(tmp_path / "a", images=images(30, 32, 32))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[: int(len(data) * part)])
    (tmp_path / "b.npy").write_bytes(npy(images(3, 32, 32)))
    outcome = ingest([tmp_path / "a.npz", tmp_path / "b.npy"])
    assert outcome.report["accepted"] == 3
    assert outcome.reasons["a.npz"].startswith("damaged: its end")


def test_a_damaged_array_is_rejected_and_the_others_are_kept(ingest: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=images(30, 32, 32), data=images(3, 32, 32, seed=1))
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    outcome = ingest([path])
    assert outcome.report["accepted"] == 3
    assert outcome.reasons["a.npz/images"].startswith("damaged in its zip: Bad CRC")


def test_very_many_arrays_are_rejected(ingest: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for number in range(101):
            archive.writestr(f"x{number}.npy", b"")
    (tmp_path / "b.npy").write_bytes(npy(images(3, 32, 32)))
    reasons = ingest([tmp_path / "a.npz", tmp_path / "b.npy"]).reasons
    assert reasons == {"a.npz": "too many arrays: more than 100 in one npz"}
