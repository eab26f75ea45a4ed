import pytest

from app.cli.tables import duration, size, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("JOB", "STATUS"), [["a", "queued"], ["long-id", "x"]]) == (
        "JOB      STATUS\na        queued\nlong-id  x"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(999, "999 B"), (1000, "1.0 kB"), (9_377_247, "9.4 MB"), (12_000_000_000, "12.0 GB")],
)
def test_sizes_are_short(count: int, text: str) -> None:
    assert size(count) == text
