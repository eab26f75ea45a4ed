"""Ingests by a real worker: from an upload in the store to a ready dataset."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from array_files import first_of_idx
from job_watch import JobWatch
from PIL import Image
from servers import ON_POSTGRESQL

from app.domain import datasets
from app.domain.database import Database
from app.domain.job_states import Status
from app.domain.packing import PackingRequest
from app.domain.store import ObjectStore

pytestmark = [pytest.mark.slow, ON_POSTGRESQL]

MNIST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


def test_a_stuck_ingest_does_not_stop_the_next(
    database: Database,
    store: ObjectStore,
    start_worker: Callable[[str], subprocess.Popen[bytes]],
    watch: Callable[[str], JobWatch],
    tmp_path: Path,
) -> None:
    queued = []
    for name in ("stuck", "next"):
        files = []
        for number in range(2):
            path = tmp_path / f"{number}.png"
            Image.effect_noise((32, 32), 50 + number).save(path)
            files.append((path.name, path))
        dataset = datasets.register_upload(
            database,
            store,
            dataset_id=name,
            name=name,
            request=PackingRequest(size="32"),
            files=files,
            max_queued=9,
        )
        queued.append(dataset.job)
    (source, _) = datasets.read_upload(store, "stuck")
    stuck = store.local_copy(source["key"])
    stuck.unlink()
    os.mkfifo(stuck)  # without a writer, opening it never returns
    start_worker("light")
    assert watch(queued[1]).until_ended().status == Status.SUCCEEDED
    assert watch(queued[0]).read().status == Status.RUNNING


def test_an_uploaded_array_becomes_a_dataset_as_requested(
    database: Database,
    store: ObjectStore,
    start_worker: Callable[[str], subprocess.Popen[bytes]],
    watch: Callable[[str], JobWatch],
    shared_data: Path,
    tmp_path: Path,
) -> None:
    queued = {}
    for horizontal_flip in ("auto", "yes"):
        files = [
            (name, first_of_idx(shared_data / "mnist" / name, 2_000, tmp_path)) for name in MNIST
        ]
        request = PackingRequest(
            size="48x32",
            fit="pad",
            channels="rgba",
            horizontal_flip=horizontal_flip,
            near_duplicates="drop",
        )
        queued[horizontal_flip] = datasets.register_upload(
            database,
            store,
            dataset_id=horizontal_flip,
            name=horizontal_flip,
            request=request,
            files=files,
            max_queued=9,
        )
    start_worker("light")
    for horizontal_flip, decided in (("auto", False), ("yes", True)):
        job = watch(queued[horizontal_flip].job).until_ended()
        assert (job.status, job.error) == (Status.SUCCEEDED, None)
        with database.read() as session:
            dataset = datasets.find(session, horizontal_flip)
        assert dataset.report is not None
        repeats = dataset.report["doctor"]["findings"][0]["count"]
        assert dataset.report["duplicates"] == repeats > 0
        assert (dataset.images, dataset.shape) == (2_000 - repeats, [32, 48, 4])
        assert dataset.classes == [str(digit) for digit in range(10)]
        assert dataset.horizontal_flip is decided
