"""A bundle is written in pieces, the same bytes each time."""

import io
import json
import random
import zipfile
from collections.abc import Iterator

from bundle_files import METRICS_OF_CATS, bundle, bundle_contents, lineage_of
from weight_files import TINY, tiny_checkpoint

from app.domain.bundles import CARD, EXAMPLE, LINEAGE, METRICS, SAMPLES, WEIGHTS
from app.serving.bundle_writer import bundle_documents, sample_count, write_bundle
from models.config import TrainingConfig


def test_the_same_contents_give_the_same_bytes_without_the_time_of_writing() -> None:
    first = bundle()
    assert first == bundle()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        for name, data in bundle_contents().items():
            assert archive.read(name) == data, name


def test_each_piece_of_the_weights_is_passed_on_before_the_next_is_read() -> None:
    read, piece_bytes = 0, 200_000  # more than deflate holds back

    def pieces() -> Iterator[bytes]:
        nonlocal read
        for _ in range(10):
            read += 1
            yield random.randbytes(piece_bytes)

    sent = 0
    for piece in write_bundle({}, b"png", pieces(), iter([b"onnx"])):
        sent += len(piece)
        assert sent >= piece_bytes * (read - 2)
        assert len(piece) < 2 * piece_bytes
    assert sent > 10 * piece_bytes


def test_everything_but_the_picture_is_compressed() -> None:
    with zipfile.ZipFile(io.BytesIO(bundle())) as archive:
        kinds = {entry.filename: entry.compress_type for entry in archive.infolist()}
        weights = archive.getinfo(WEIGHTS)
    assert kinds.pop(SAMPLES) == zipfile.ZIP_STORED
    assert set(kinds.values()) == {zipfile.ZIP_DEFLATED}
    assert weights.compress_size < 0.95 * weights.file_size


def test_the_documents_hold_the_scores_and_the_lineage() -> None:
    lineage = lineage_of(tiny_checkpoint())
    documents = bundle_documents(lineage, METRICS_OF_CATS, "cats-c1.zip")
    assert json.loads(documents[LINEAGE]) == lineage
    assert json.loads(documents[METRICS]) == METRICS_OF_CATS
    assert set(documents) == {CARD, EXAMPLE, LINEAGE, METRICS}
    assert WEIGHTS.encode() in documents[CARD]
    assert json.loads(bundle_documents(lineage, None, "a.zip")[METRICS]) is None


def test_large_images_are_fewer_on_the_grid() -> None:
    assert sample_count(TINY) == 64
    assert sample_count(TrainingConfig(shape=(256, 256, 3))) == 16
