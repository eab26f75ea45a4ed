"""The log of a job, in the order of its epochs and bounded."""

from pathlib import Path

import pytest

from app.domain.job_logs import EPOCH_BYTES, EPOCHS_KEPT, read_log, store_log
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.store import ObjectStore


@pytest.fixture(params=["files", "bucket"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    if request.param == "files":
        return ObjectStore(Settings(home=tmp_path))
    for name, value in request.getfixturevalue("s3_environment").items():
        monkeypatch.setenv(name, value)
    return ObjectStore(Settings(home=tmp_path, storage_url="s3://moggy/logs-test"))


def test_a_log_is_that_of_each_epoch_in_order_and_of_the_job_alone(store: ObjectStore) -> None:
    assert read_log(store, "j") == ""
    store_log(store, Claim("j", 10), b"third\n")
    store_log(store, Claim("j", 2), b"second\n")
    store_log(store, Claim("j", 1), b"first, \xff\n")
    store_log(store, Claim("k", 1), b"another job\n")
    store_log(store, Claim("j", 10), b"third, longer\n")
    assert read_log(store, "j") == "first, \N{REPLACEMENT CHARACTER}\nsecond\nthird, longer\n"


def test_a_long_log_keeps_its_last_lines_and_its_newest_epochs(tmp_path: Path) -> None:
    store = ObjectStore(Settings(home=tmp_path))
    lines = b"".join(b"line %d\n" % number for number in range(20_000))
    for epoch in range(1, EPOCHS_KEPT + 3):
        store_log(store, Claim("j", epoch), b"epoch %d\n" % epoch)
    store_log(store, Claim("j", 99), lines)
    kept = read_log(store, "j").splitlines()
    assert kept[0] == "epoch 4"
    assert kept[EPOCHS_KEPT - 1] == "[earlier lines left out]"
    assert kept[EPOCHS_KEPT].startswith("line ")
    assert kept[-1] == "line 19999"
    assert len(read_log(store, "j")) < EPOCH_BYTES + 1000
