"""Large matrices of pairs, a block of rows at a time."""

from collections.abc import Iterator

VALUES = 1 << 21  # in a block: 16 MB in float64


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """As many rows at a time as hold VALUES values, at least one."""
    step = max(1, VALUES // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
