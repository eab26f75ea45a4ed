"""Uploads in pieces: order, continuation, and the file that is made of them."""

from pathlib import Path

import pytest

from app.domain import partial_uploads
from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.settings import Settings
from app.domain.store import ObjectStore


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


def test_pieces_are_joined_in_order(store: ObjectStore, tmp_path: Path) -> None:
    upload = partial_uploads.start(store, "cats.zip", 12)
    for offset, piece in ((0, b"first"), (5, b"second"), (11, b"!")):
        assert partial_uploads.find(store, upload.id).received == offset
        partial_uploads.append(store, upload.id, offset, piece)
    whole = partial_uploads.find(store, upload.id)
    assert (whole.name, whole.received) == ("cats.zip", 12)
    partial_uploads.join(store, whole, tmp_path / "joined" / "file")
    assert (tmp_path / "joined" / "file").read_bytes() == b"firstsecond!"


def test_a_piece_elsewhere_is_refused_with_the_place_to_continue(store: ObjectStore) -> None:
    upload = partial_uploads.start(store, "cats.zip", 12)
    partial_uploads.append(store, upload.id, 0, b"first")
    for offset in (0, 4, 6):
        with pytest.raises(Conflict, match="continue at offset 5"):
            partial_uploads.append(store, upload.id, offset, b"second")
    assert partial_uploads.find(store, upload.id).received == 5


def test_a_piece_beyond_the_end_or_without_bytes_is_refused(store: ObjectStore) -> None:
    upload = partial_uploads.start(store, "cats.zip", 4)
    with pytest.raises(InvalidRequest, match="has 4 bytes, and this piece ends at 5"):
        partial_uploads.append(store, upload.id, 0, b"first")
    with pytest.raises(InvalidRequest, match="empty"):
        partial_uploads.append(store, upload.id, 0, b"")


def test_an_incomplete_upload_makes_no_file(store: ObjectStore, tmp_path: Path) -> None:
    upload = partial_uploads.start(store, "cats.zip", 4)
    with pytest.raises(Conflict, match="0 of 4 bytes"):
        partial_uploads.join(store, upload, tmp_path / "file")


@pytest.mark.parametrize("upload_id", ["abc", "../objects", "", "A" * 32])
def test_an_unknown_upload_is_not_found(store: ObjectStore, upload_id: str) -> None:
    with pytest.raises(NotFound, match="there is no upload"):
        partial_uploads.find(store, upload_id)


def test_a_deleted_upload_leaves_nothing(store: ObjectStore) -> None:
    upload = partial_uploads.start(store, "cats.zip", 12)
    partial_uploads.append(store, upload.id, 0, b"first")
    partial_uploads.delete(store, upload.id)
    assert store.keys("uploads") == []
    with pytest.raises(NotFound):
        partial_uploads.find(store, upload.id)
    partial_uploads.delete(store, upload.id)


def test_a_late_piece_takes_nothing_away(store: ObjectStore, tmp_path: Path) -> None:
    """A request that began before others ended, such as one of a client that lost its connection
    and sends the piece again."""
    upload = partial_uploads.start(store, "cats.zip", 12)
    partial_uploads.append(store, upload.id, 0, b"first")
    partial_uploads.append(store, upload.id, 5, b"sec")
    for late in (b"fi", b"first", b"firsts"):
        store.put_bytes(f"uploads/{upload.id}/{0:016d}-{len(late)}", late)
        assert partial_uploads.find(store, upload.id).received == 8
    partial_uploads.append(store, upload.id, 8, b"ond!")
    whole = partial_uploads.find(store, upload.id)
    partial_uploads.join(store, whole, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"firstsecond!"


def test_a_piece_of_an_upload_that_is_deleted_meanwhile_is_not_kept(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = partial_uploads.start(store, "cats.zip", 12)
    put = store.put_bytes

    def delete_and_put(key: str, data: bytes) -> None:
        partial_uploads.delete(store, upload.id)
        put(key, data)

    monkeypatch.setattr(store, "put_bytes", delete_and_put)
    with pytest.raises(NotFound, match="there is no upload"):
        partial_uploads.append(store, upload.id, 0, b"first")
    assert store.keys("uploads") == []


def test_a_file_is_not_made_of_an_upload_that_is_deleted_meanwhile(
    store: ObjectStore, tmp_path: Path
) -> None:
    upload = partial_uploads.start(store, "cats.zip", 5)
    whole = partial_uploads.append(store, upload.id, 0, b"first")
    partial_uploads.delete(store, upload.id)
    with pytest.raises(NotFound, match="there is no upload"):
        partial_uploads.join(store, whole, tmp_path / "file")
