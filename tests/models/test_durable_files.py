"""A file is whole or as it was before; a full disk is recognised and reported."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from models.child_process import EventStream, report_full_disk
from models.durable_files import (
    DISK_FULL_EXIT_STATUS,
    DiskFull,
    is_disk_full,
    needed_bytes,
    write_durably,
)


def test_a_failure_on_the_way_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    write_durably(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    write_durably(tmp_path / "a" / "b", b"data")
    write_durably(tmp_path / "a" / "b", b"newer")
    assert (tmp_path / "a" / "b").read_bytes() == b"newer"


def wrapped(error: Exception) -> Exception:
    """As a library would raise it in its own words."""
    try:
        try:
            raise error
        except Exception as cause:
            raise ValueError("the archive could not be written") from cause
    except ValueError as outer:
        return outer


@pytest.mark.parametrize("wrap", [lambda error: error, wrapped], ids=["bare", "wrapped"])
@pytest.mark.parametrize(
    ("error", "full", "needed"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True, 0),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True, 0),
        (DiskFull(Path("state"), 5000), True, 5000),
        (OSError(errno.EIO, "Input/output error"), False, 0),
        (MemoryError(), False, 0),
    ],
)
def test_which_errors_mean_a_full_disk_and_how_much_did_not_fit(
    wrap: Callable[[Exception], Exception], error: Exception, full: bool, needed: int
) -> None:
    assert (is_disk_full(wrap(error)), needed_bytes(wrap(error))) == (full, needed)


def test_an_error_that_hides_its_context_on_purpose_is_not_followed() -> None:
    error = ValueError("unrelated")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert is_disk_full(error)
    error.__suppress_context__ = True  # as `raise … from None` does
    assert not is_disk_full(error)


def test_a_child_reports_a_full_disk_and_raises_everything_else(tmp_path: Path) -> None:
    def fail(error: Exception) -> int:
        raise error

    path = tmp_path / "events"
    with path.open("w") as file:
        events = EventStream(file)
        assert report_full_disk(events, lambda: 0) == 0
        status = report_full_disk(events, lambda: fail(DiskFull(Path("x"), 7)))
        assert status == DISK_FULL_EXIT_STATUS
        with pytest.raises(RuntimeError):
            report_full_disk(events, lambda: fail(RuntimeError("broken")))
    assert '"event": "no_room"' in path.read_text()
    assert '"needed_bytes": 7' in path.read_text()
