"""Byte ranges by RFC 9110: a part, the whole file, or a refusal."""

import pytest

from app.domain.errors import RangeNotSatisfiable
from app.routes.protocol.byte_ranges import parse_range

TAG = '"abc"'


@pytest.mark.parametrize(
    ("range_header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-", 10, 100),
        ("bytes=99-", 99, 100),
        ("bytes=10-500", 10, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-500", 0, 100),
        ("Bytes= 5-6 ", 5, 7),
    ],
)
def test_a_single_range_is_parsed(range_header: str, start: int, stop: int) -> None:
    part = parse_range(range_header, None, TAG, 100)
    assert part == (start, stop)
    assert part is not None
    assert part.headers(100) == {"Content-Range": f"bytes {start}-{stop - 1}/100"}


@pytest.mark.parametrize(
    "range_header",
    [None, "", "bytes=", "bytes=-", "bytes=a-b", "bytes=6-5", "bytes=1-2,4-5", "lines=1-2",
     "bytes=+1-2", "bytes=1", "bytes=٣-٤", "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_a_malformed_or_multiple_range_is_ignored(range_header: str | None) -> None:
    assert parse_range(range_header, None, TAG, 100) is None


@pytest.mark.parametrize("range_header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_the_file_is_refused_with_the_size(range_header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        parse_range(range_header, None, TAG, 100)
    assert refusal.value.size == 100


@pytest.mark.parametrize(
    ("if_range", "part"),
    [
        ('"abc"', (1, 3)),
        ('"abd"', None),
        ('W/"abc"', None),
        ("Tue, 15 Nov 1994 12:45:26 GMT", None),
    ],
)
def test_if_range_with_another_etag_selects_the_whole_file(
    if_range: str, part: tuple[int, int] | None
) -> None:
    assert parse_range("bytes=1-2", if_range, TAG, 100) == part


def test_if_range_is_compared_before_the_size() -> None:
    assert parse_range("bytes=100-", '"old"', TAG, 100) is None
