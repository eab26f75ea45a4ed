"""Blocks cover every row once and hold no more than they may."""

import pytest

from models.scoring.metrics.blocks import VALUES, blocks


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5000, 1000), (7, 2 * VALUES), (0, 5)])
def test_every_row_is_in_one_block_of_bounded_size(rows: int, columns: int) -> None:
    found = list(blocks(rows, columns))
    assert [row for block in found for row in range(block.start, block.stop)] == list(range(rows))
    assert all((block.stop - block.start) * columns <= max(VALUES, columns) for block in found)
