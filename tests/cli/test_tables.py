import pytest

from app.cli.tables import duration, inception_line, size, table


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


def test_inception_scores_are_shown_with_their_deviation() -> None:
    found = {"fid": 23.456, "kid": 0.01234, "kid_deviation": 0.001, "real": 9, "generated": 9}
    assert inception_line(found) == "Inception: FID 23.5, KID 0.0123 ± 0.00100"
