"""The object store behaves the same with files and with a bucket, which has a local cache."""

import hashlib
import os
from pathlib import Path

import pytest
from obstore.store import S3Store

from app.domain.jobs import new_id
from app.domain.settings import Settings
from app.domain.store import STREAM_PIECE_BYTES, ObjectStore


@pytest.fixture(params=["files", "bucket"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    if request.param == "files":
        return Settings(home=tmp_path)
    return bucket_settings(tmp_path, request.getfixturevalue("s3_environment"), monkeypatch)


def bucket_settings(
    home: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings(home=home, storage_url=f"s3://moggy/{new_id()}", cache_bytes=2500)


@pytest.fixture
def store(settings: Settings) -> ObjectStore:
    return ObjectStore(settings)


def test_an_object_is_read_back_as_it_was_written(store: ObjectStore) -> None:
    store.put_bytes("jobs/a/samples/0.png", b"grid")
    assert store.get_bytes("jobs/a/samples/0.png") == b"grid"
    assert store.local_copy("jobs/a/samples/0.png").read_bytes() == b"grid"
    assert store.get_range("jobs/a/samples/0.png", 1, 2) == b"ri"
    with pytest.raises(FileNotFoundError):
        store.get_range("jobs/a/samples/1.png", 0, 1)


def test_a_large_object_is_streamed_in_pieces(store: ObjectStore) -> None:
    data = os.urandom(2 * STREAM_PIECE_BYTES + 10)
    store.put_bytes("large", data)
    pieces = list(store.stream("large", 0, len(data)))
    assert [len(piece) for piece in pieces] == [STREAM_PIECE_BYTES, STREAM_PIECE_BYTES, 10]
    assert b"".join(pieces) == data
    part = store.stream("large", 5, STREAM_PIECE_BYTES + 7)
    assert b"".join(part) == data[5 : STREAM_PIECE_BYTES + 7]
    with pytest.raises(FileNotFoundError):  # raised before the first piece is yielded
        store.stream("nothing/here", 0, 1)


def test_only_a_folder_has_free_bytes(store: ObjectStore, settings: Settings) -> None:
    free = store.free_bytes()
    assert free is None if settings.storage_url else free and free > 0


def test_a_missing_object_raises_file_not_found(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.get_bytes("nothing/here")


def test_move_in_moves_the_file_and_replaces_the_object(store: ObjectStore, tmp_path: Path) -> None:
    store.put_bytes("a/b", b"old")
    file = tmp_path / "file"
    file.write_bytes(b"new")
    store.move_in(file, "a/b")
    assert store.get_bytes("a/b") == b"new"
    assert not file.exists()


def test_keys_below_a_prefix_are_sorted_and_of_whole_segments(store: ObjectStore) -> None:
    for key in ("d/2/x", "d/1/y", "d/1/x", "dd/1"):
        store.put_bytes(key, b"")
    assert store.keys("d") == ["d/1/x", "d/1/y", "d/2/x"]


def test_delete_prefix_frees_the_files_and_their_folders(
    store: ObjectStore, tmp_path: Path
) -> None:
    store.put_bytes("d/1/x", b"1234")
    store.put_bytes("e/1", b"1")
    store.local_copy("d/1/x")
    store.delete_prefix("d")
    assert store.keys("d") == []
    assert not list(tmp_path.rglob("d/1/x"))
    assert store.get_bytes("e/1") == b"1"


def test_deleting_twice_is_not_an_error(store: ObjectStore) -> None:
    store.put_bytes("a", b"")
    store.delete("a")
    store.delete("a")
    store.delete_prefix("never/was")
    assert store.keys("a") == []


def test_the_cache_of_a_bucket_stays_within_its_budget(
    tmp_path: Path, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bucket_settings(tmp_path, s3_environment, monkeypatch)
    store = ObjectStore(settings)
    for name in ("a", "b", "c"):
        store.put_bytes(f"d/{name}", bytes(1000))
        os.utime(store.local_copy(f"d/{name}"), (ord(name), ord(name)))
    store.local_copy("d/c")
    kept = sorted(path.name for path in (settings.home / "cache").rglob("*") if path.is_file())
    assert kept == ["b", "c"]
    assert store.local_copy("d/a").read_bytes() == bytes(1000)


def test_local_folder_holds_every_object_below_the_prefix(store: ObjectStore) -> None:
    store.put_bytes("datasets/d/1/images.npy", b"pictures")
    store.put_bytes("datasets/d/1/labels.npy", b"labels")
    folder = store.local_folder("datasets/d/1")
    assert sorted(path.name for path in folder.iterdir()) == ["images.npy", "labels.npy"]


def test_an_empty_variable_of_a_bucket_counts_as_absent(
    tmp_path: Path, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bucket_settings(tmp_path, s3_environment, monkeypatch)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "")
    s3 = ObjectStore(settings)._store
    assert isinstance(s3, S3Store)
    assert {"endpoint", "access_key_id", "secret_access_key"} & set(s3.config) == set()


@pytest.mark.parametrize("damage", [b"cut", b"other bytes"], ids=["cut", "changed"])
def test_a_damaged_copy_of_an_earlier_process_is_fetched_again(
    tmp_path: Path,
    s3_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    damage: bytes,
) -> None:
    settings = bucket_settings(tmp_path, s3_environment, monkeypatch)
    data = b"whole bytes"
    sha256 = hashlib.sha256(data).hexdigest()
    first = ObjectStore(settings)
    first.put_bytes("jobs/a/1/checkpoint-1", data)
    path = first.local_copy("jobs/a/1/checkpoint-1", sha256)
    path.write_bytes(damage)
    later = ObjectStore(settings)
    assert later.local_copy("jobs/a/1/checkpoint-1", sha256).read_bytes() == data
    path.write_bytes(b"cut")
    assert ObjectStore(settings).local_folder("jobs/a/1") == path.parent
    assert path.read_bytes() == data


def test_a_copy_is_flushed_before_it_is_renamed_into_place(
    tmp_path: Path, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bucket_settings(tmp_path, s3_environment, monkeypatch)
    store = ObjectStore(settings)
    store.put_bytes("a", b"bytes")
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        done.append("fsync")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        done.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    store.local_copy("a")
    assert done == ["fsync", "rename", "fsync"]  # the file, then its folder
