"""Parts of a file by RFC 9110: which one is meant, when all of it is, when there is none."""

import pytest

from app.domain.errors import RangeNotSatisfiable
from app.routes.protocol.byte_ranges import parse_range

TAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
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
def test_one_range_is_a_part(asked: str, start: int, stop: int) -> None:
    part = parse_range(asked, None, TAG, 100)
    assert part == (start, stop)
    assert part is not None
    assert part.headers(100) == {"Content-Range": f"bytes {start}-{stop - 1}/100"}


@pytest.mark.parametrize(
    "asked",
    [None, "", "bytes=", "bytes=-", "bytes=a-b", "bytes=6-5", "bytes=1-2,4-5", "lines=1-2",
     "bytes=+1-2", "bytes=1", "bytes=٣-٤", "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_what_is_no_single_range_is_as_if_it_were_not_there(asked: str | None) -> None:
    assert parse_range(asked, None, TAG, 100) is None


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_part_that_is_not_there_is_refused_with_the_size(asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        parse_range(asked, None, TAG, 100)
    assert refusal.value.size == 100


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        ('"abc"', (1, 3)),
        ('"abd"', None),
        ('W/"abc"', None),
        ("Tue, 15 Nov 1994 12:45:26 GMT", None),
    ],
)
def test_if_range_names_the_file_or_all_of_it_is_sent(
    condition: str, part: tuple[int, int] | None
) -> None:
    assert parse_range("bytes=1-2", condition, TAG, 100) == part


def test_another_file_is_sent_whole_even_where_it_has_no_such_part() -> None:
    assert parse_range("bytes=100-", '"old"', TAG, 100) is None
