"""Registering uploads: one dataset per name, and a refused upload leaves nothing behind."""

import threading
from pathlib import Path

import pytest

from app.domain import datasets, jobs
from app.domain.database import Database
from app.domain.datasets import lock_ready
from app.domain.errors import Conflict, InvalidRequest, NameTaken, QueueFull
from app.domain.job_states import Stop
from app.domain.packing import PackingRequest
from app.domain.store import ObjectStore
from app.domain.tables import Dataset


def register(
    database: Database, store: ObjectStore, folder: Path, dataset_id: str, max_queued: int = 100
) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / dataset_id
    path.write_bytes(b"pictures")
    datasets.register_upload(
        database,
        store,
        dataset_id=dataset_id,
        name="cats",
        request=PackingRequest(),
        files=[("cats.zip", path)],
        max_queued=max_queued,
    )


@pytest.mark.parametrize("failed_before", [False, True])
def test_of_concurrent_uploads_with_one_name_exactly_one_is_registered(
    database: Database, store: ObjectStore, tmp_path: Path, failed_before: bool
) -> None:
    if failed_before:
        register(database, store, tmp_path / "incoming", "failed")
        with database.write() as session:
            jobs.request_stop(session, datasets.find(session, "cats").job, Stop.CANCEL)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def upload(number: int) -> None:
        start.wait()
        try:
            register(database, store, tmp_path / "incoming", f"d{number}")
            outcomes.append("registered")
        except NameTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["registered", "taken", "taken", "taken"]
    with database.read() as session:
        kept = datasets.find(session, "cats").id
    assert {key.split("/")[1] for key in store.keys("uploads")} == {kept}


@pytest.mark.parametrize(
    ("size", "sides"), [("28", (28, 28)), ("96x64", (96, 64)), ("256x256", (256, 256))]
)
def test_a_size_is_a_side_or_two(size: str, sides: tuple[int, int]) -> None:
    assert PackingRequest(size=size).sides == sides


@pytest.mark.parametrize("size", ["", "27", "0x64", "64x", "x64", "64x64x3", "99999999", "-64"])
def test_an_invalid_size_is_refused_with_its_field(size: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^size .* 28 to 256 pixels$") as refused:
        PackingRequest(size=size)
    assert refused.value.field == "size"


def test_a_request_of_an_older_version_gets_defaults() -> None:
    request = PackingRequest.from_json({"size": 64, "fit": "pad", "channels": "rgb"})
    assert request == PackingRequest(fit="pad", channels="rgb")


def test_an_upload_that_a_full_queue_refuses_leaves_nothing_behind(
    database: Database, store: ObjectStore, tmp_path: Path
) -> None:
    with pytest.raises(QueueFull):
        register(database, store, tmp_path / "incoming", "d", max_queued=0)
    assert store.keys("uploads") == []


@pytest.mark.parametrize(
    ("status", "error", "remedy"),
    [
        ("ingesting", None, "wait until job j has packed it"),
        ("failed", "no pictures", r"\(no pictures\): upload its pictures again under this name"),
    ],
)
def test_a_dataset_that_is_not_ready_is_refused_with_the_remedy(
    database: Database, status: str, error: str | None, remedy: str
) -> None:
    with database.write() as session:
        session.add(Dataset(id="d", name="cats", status=status, job="j", request={}, error=error))
        session.flush()
        with pytest.raises(Conflict, match=f"'cats' is {status}, not ready: .*{remedy}"):
            datasets.packed_prefix(session, "cats")
        with pytest.raises(Conflict, match=remedy) as refusal:
            lock_ready(session, "cats")
    assert refusal.value.field == "dataset"
